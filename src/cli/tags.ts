import type { TagDetail, TagView } from '../http/contract.js';
import { answersOf } from './asking.js';
import type { Cell, Screen } from './screen.js';
import type { Setting } from './setting.js';

/** Which tags are wanted. */
export interface TagsOptions {
  readonly inventory?: string;
  /** Also those of the standard catalogue that nobody needs. */
  readonly all?: boolean;
}

/** All tags that matter here, or one with who provides it and who needs it. */
export async function tags(
  setting: Setting,
  name: string | undefined,
  options: TagsOptions,
): Promise<number> {
  const { screen, json } = setting;
  const answers = await answersOf(setting, options.inventory);
  if (name !== undefined) {
    const tag = await answers.tag(name);
    if (json) screen.json(tag);
    else showTag(screen, tag);
    return 0;
  }
  const items = await answers.tags();
  if (json) screen.json(items);
  else showTags(screen, items, options.all === true);
  return 0;
}

function showTags(screen: Screen, items: readonly TagView[], all: boolean): void {
  const isUsed = ({ by, tests, runs, steps, owner }: TagView) =>
    by === 'declared' ||
    by === 'alias' ||
    by === 'derived' ||
    tests + runs + steps.length > 0 ||
    owner !== undefined;
  const shown = items.filter((tag) => all || isUsed(tag));
  const head = ['TAG', 'KIND', 'FROM', 'HOSTS', 'TESTS', 'RUNS', 'MEANING'].map((text) => ({
    text,
    tone: 'quiet' as const,
  }));
  const rows = shown.map((tag): (Cell | string)[] => [
    tag.unprovided ? { text: tag.name, tone: 'bad' } : tag.name,
    tag.kind,
    fromWords(tag),
    tag.unknown > 0 ? `${tag.hosts} + ${tag.unknown}?` : `${tag.hosts}`,
    `${tag.tests}`,
    `${tag.runs}`,
    `${tag.unprovided ? 'needed, and nothing provides it: ' : ''}${tag.meaning}`,
  ]);
  screen.table([head, ...rows]);
  const hidden = items.length - shown.length;
  if (hidden > 0)
    screen.note(`${hidden} more are looked for on every host, and nothing here needs them: --all`);
}

function fromWords({ by, steps }: TagView): string {
  return steps.length === 0 ? by : by === 'declared' ? 'steps' : `${by}, steps`;
}

const BY: Readonly<Record<TagView['by'], string>> = {
  declared: 'a host has it because the inventory declares it, or a step gives it',
  seen: 'a host has it because it was seen there, whatever is declared',
  derived: 'it follows from other tags',
  alias: 'an alias: it is read as the formula behind it',
};

function showTag(screen: Screen, tag: TagDetail): void {
  const kind = [tag.kind, tag.scheme, tag.unit]
    .filter((part) => part !== undefined && part !== '')
    .join(', ');
  screen.line(`${screen.paint('strong', tag.name)} (${kind}): ${tag.meaning}`);
  const rows: (readonly [string, Cell | string])[] = [
    ...(tag.is === undefined ? [] : [['is', tag.is] as const]),
    ['from', BY[tag.by]],
    ['owner', tag.owner ?? 'the grid admin'],
    ...(tag.decays === undefined
      ? []
      : [['decays', tag.decays === 'test' ? 'by the first test' : `by a change of ${tag.decays}`] as const]),
    ['hosts', hostsWords(tag)],
    ...(tag.values.length === 0 ? [] : [['values', tag.values.join(' ')] as const]),
    ['steps', tag.steps.length === 0 ? 'none gives it' : `given by ${tag.steps.join(', ')}`],
    ...(tag.neededBySteps.length === 0 ? [] : [['', `needed by ${tag.neededBySteps.join(', ')}`] as const]),
    ['tests', tag.tests === 0 ? 'none needs it' : `${tag.tests}: ${tag.testNames.join(' ')}`],
    ['runs', tag.runs === 0 ? 'none that is not done needs it' : `${tag.runs} that are not done need it`],
    ...(tag.usedBy.length === 0 ? [] : [['used by', tag.usedBy.join(' ')] as const]),
    ...(tag.unprovided
      ? [['problem', { text: 'it is needed, and no host has it and no step gives it', tone: 'bad' }] as const]
      : []),
  ];
  screen.table(rows.map(([label, text]) => [{ text: `  ${label}`, tone: 'quiet' }, text]));
}

function hostsWords({ hosts, unknown, hostNames }: TagDetail): string {
  const more = hosts - hostNames.length;
  const names = `${hostNames.join(' ')}${more > 0 ? ` and ${more} more` : ''}`;
  const open = unknown === 0 ? '' : `${hosts === 0 ? '' : '; '}not known of ${unknown}`;
  if (hosts === 0) return open === '' ? 'none has it' : open;
  return `${hosts}: ${names}${open}`;
}
