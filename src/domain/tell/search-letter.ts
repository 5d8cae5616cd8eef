import type { Counted, FoundChange, HeldAt, ToldSearch } from './news.js';
import { oneLine } from './one-line.js';

const MOST_DIFFERENCES = 12;
const MOST_RUNS = 3;
const MOST_BEHIND = 8;
/** A command that is longer moves no other's text aside. */
const WIDEST = 100;
/** Lines of what was said last. */
const MOST_WORDS = 12;

/** What a letter says of a search: what it found, how sure that is, what speaks for it, what to type and how to answer. */
export function ofSearch(search: ToldSearch): readonly (readonly string[])[] {
  return [
    aboutFound(search),
    sureness(search),
    saidLast(search),
    difference(search),
    toType(search),
    answers(search),
  ].filter((part) => part.length > 0);
}

function aboutFound({ id, test, found, partners, heldAt }: ToldSearch): readonly string[] {
  return [
    ...found.flatMap((change) => aboutChange('Change:', change)),
    ...partners.flatMap((change) => aboutChange('With:', change)),
    ...notAlone(partners.length),
    `Test:     ${oneLine(test, 200)}`,
    `Search:   ${id}`,
    ...heldBack(heldAt),
  ];
}

function notAlone(partners: number): readonly string[] {
  if (partners === 0) return [];
  return [
    partners === 1
      ? '          Each of the two does no harm without the other.'
      : '          It does no harm without one of these.',
  ];
}

function aboutChange(
  label: string,
  { component, version, before, title, author, link }: FoundChange,
): readonly string[] {
  return [
    `${label.padEnd(10)}${oneLine(component, 200)} ${before === undefined ? '' : `${oneLine(before, 80)} -> `}${oneLine(version, 80)}`,
    `          ${oneLine(title, 300)}${author === undefined ? '' : `, by ${oneLine(author, 200)}`}`,
    ...(link === undefined ? [] : [`          ${oneLine(link, 500)}`]),
  ];
}

function heldBack(heldAt: readonly HeldAt[]): readonly string[] {
  if (heldAt.length === 0) return [];
  const held = heldAt.map(({ component, version }) => `${component} at ${version}`).join(', ');
  const behind = heldAt.flatMap((one) => one.behind);
  const more = behind.length - MOST_BEHIND;
  return [
    `Held:     ${oneLine(held, 500)}, until a newer version passes`,
    ...behind
      .slice(0, MOST_BEHIND)
      .map(
        ({ component, version, why }) =>
          `          with it ${oneLine(`${component} ${version}: ${why}`, 300)}`,
      ),
    ...(more > 0 ? [`          and ${more} more`] : []),
  ];
}

function sureness(search: ToldSearch): readonly string[] {
  const { among, probability, trials } = search;
  return [
    'What speaks for it:',
    ...(probability === undefined
      ? []
      : [`  probability  ${probability >= 0.99995 ? 'over 0.9999' : probability.toFixed(4)}`]),
    `  trials       ${trials.search} among ${among} ${among === 1 ? 'change' : 'changes'}, ${trials.verify} more to verify it`,
    ...counted('with it', search.with),
    ...counted('without it', search.without),
  ];
}

function counted(what: string, seen: Counted | undefined): readonly string[] {
  if (seen === undefined) return [];
  const runs = seen.runs.slice(-MOST_RUNS).join(', ');
  return [`  ${what.padEnd(11)}  ${seen.bad} of ${seen.of} were bad${runs === '' ? '' : ` (${runs})`}`];
}

function saidLast({ lastWords }: ToldSearch): readonly string[] {
  if (lastWords === undefined) return [];
  const lines = lastWords.split('\n').filter((line) => line.trim() !== '');
  return ['What was said last:', ...lines.slice(-MOST_WORDS).map((line) => `  ${oneLine(line, 300)}`)];
}

function difference({ difference: lines }: ToldSearch): readonly string[] {
  if (lines === undefined) return [];
  if (lines.length === 0) return ['A bad run with it and a good one without it saw the same environment.'];
  const more = lines.length - MOST_DIFFERENCES;
  return [
    'In what a bad run with it and a good one without it differed:',
    ...lines.slice(0, MOST_DIFFERENCES).map((line) => `  ${oneLine(line, 300)}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function toType({ commands }: ToldSearch): readonly string[] {
  const width = Math.min(WIDEST, Math.max(0, ...commands.map(([command]) => command.length)));
  return [
    'What you can type:',
    ...commands.map(([command, what]) => `  ${oneLine(command, 800).padEnd(width)}  ${what}`),
  ];
}

function answers({ id, links, isAsked }: ToldSearch): readonly string[] {
  if (!isAsked) return [];
  const typed = [
    `  testyard answer ${id} not-mine`,
    `  testyard answer ${id} fixed-in VERSION`,
    `  testyard answer ${id} snooze 3d`,
  ];
  if (links.length === 0) return ['How you can answer:', ...typed];
  return [
    'How you can answer; each link asks once more, needs no password, and works for 30 days:',
    ...links.flatMap(({ what, url }) => [`  ${what}:`, `    ${url}`]),
    'Or with a token of the grid:',
    ...typed,
  ];
}
