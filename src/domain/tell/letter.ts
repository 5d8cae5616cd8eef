import type { News, ToldIncident, ToldSubmission } from './news.js';
import { oneLine } from './one-line.js';
import { ofSearch } from './search-letter.js';

/** What a person reads. */
export interface Letter {
  readonly subject: string;
  readonly text: string;
}

const LONGEST_SUBJECT = 160;
const MOST_EVIDENCE = 6;
const MOST_ITEMS = 20;

/** Says news as a letter on which somebody can act: what, where, since when, what speaks for it, what to type. */
export function letterOf(news: News): Letter {
  const subject = oneLine(`[${news.grid}] ${news.topic}`, LONGEST_SUBJECT);
  const parts = [...said(news), ...closing(news)];
  return { subject, text: `${parts.map((part) => part.join('\n')).join('\n\n')}\n` };
}

function said(news: News): readonly (readonly string[])[] {
  const { incident, submission, lines = [] } = news;
  if (news.kind === 'submission' && submission !== undefined) return ofSubmission(submission);
  if (news.kind === 'digest')
    return [
      ['Nothing of this is urgent; all of it is over, or waits for you.'],
      lines.map(({ at, subject, text }) => `${moment(at)}  ${subject}  ${oneLine(text, 300)}`),
    ];
  // The evidence of a search has a part of its own.
  const [first = ''] = news.text.split('\n', 1);
  const head = [oneLine(headOf(news.search === undefined ? news : { ...news, text: first }), 1000)];
  if (news.search !== undefined && news.kind === 'told') return [head, ...ofSearch(news.search)];
  if (incident === undefined) return [head];
  const isOver = news.kind === 'closed' || news.kind === 'moved';
  return [
    head,
    about(incident, news),
    ...(isOver ? [] : [evidenceOf(incident), heldBy(incident), toType(incident)]),
  ].filter((part) => part.length > 0);
}

function headOf({ kind, text, incident }: News): string {
  switch (kind) {
    case 'told':
      return incident?.title ?? text;
    case 'moved':
      return `This is not yours after all: ${text}. You need do nothing more about it.`;
    case 'withdrawn':
      return `This is withdrawn: ${text}. Nothing is held back because of it any more, and the change is tried again.`;
    case 'quarantined':
      return `${incident?.host ?? 'The host'} is quarantined, and gets no more work: ${text}`;
    case 'closed':
      return `This is over: ${text}. ${incident?.holds === 0 ? 'What it held goes on by itself.' : ''}`.trim();
    case 'halted':
      return `Nothing more is started: ${text}`;
    case 'resumed':
      return `Work goes on: ${text}`;
    case 'submission':
    case 'digest':
      return text;
  }
}

function about(incident: ToldIncident, { recipient, instead, grid }: News): readonly string[] {
  const where = [
    incident.host && `host ${incident.host}`,
    incident.step && `step ${incident.step}`,
    incident.test && `test ${incident.test}`,
  ].filter(Boolean);
  const why = instead
    ? `${oneLine(incident.owner, 200)} has no address in the inventory, so the admin is told`
    : incident.owner === recipient
      ? `you own ${where.at(-1) ?? 'it'}, or are the admin of ${grid}`
      : 'you were told of it before, or are the admin';
  return [
    `Where:    ${where.length === 0 ? incident.scope : where.join(', ')}`,
    `Since:    ${moment(incident.openedAt)}`,
    ...(incident.closedAt === undefined ? [] : [`Until:    ${moment(incident.closedAt)}`]),
    ...(incident.health === undefined || incident.closedAt !== undefined
      ? []
      : [`Health:   ${oneLine(incident.health, 300)}`]),
    `Incident: ${incident.id} in grid ${grid}`,
    `Why you:  ${why}`,
  ];
}

function evidenceOf({ evidence }: ToldIncident): readonly string[] {
  const lines = evidence.slice(0, MOST_EVIDENCE).map(({ at, work, host, ok, run, detail }) => {
    const what = `${oneLine(work, 80)}${host === undefined ? '' : ` on ${host}`}${run === undefined ? '' : ` (${run})`}`;
    return `  ${moment(at)}  ${what} ${ok ? 'worked' : 'failed'}${detail === '' ? '' : `: ${oneLine(detail, 300)}`}`;
  });
  return lines.length === 0 ? [] : ['What was seen, the latest first:', ...lines];
}

function heldBy({ holds, held, nextCheckAt }: ToldIncident): readonly string[] {
  const more = holds - held.length;
  const which = `${held.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return [
    holds === 0
      ? 'It holds no run.'
      : `It holds ${holds} ${holds === 1 ? 'run' : 'runs'}: ${which}. ${holds === 1 ? 'It goes' : 'They go'} on by ${holds === 1 ? 'itself' : 'themselves'} when it is over.`,
    nextCheckAt === undefined
      ? 'Nothing checks by itself whether it is over: somebody must act.'
      : `Whether it is over is checked by itself, next at ${moment(nextCheckAt)}.`,
  ];
}

function toType({ id, scope, host, step, test }: ToldIncident): readonly string[] {
  const commands: [string, string][] = [[`testyard show ${id}`, 'all that is known of it']];
  if (host !== undefined) {
    commands.push([`testyard hosts ${host}`, 'what is known of the host']);
    commands.push([`testyard maintenance ${host} --why '...'`, 'take it out while you mend it']);
    commands.push([`testyard maintenance ${host} --end`, 'give it back: a canary looks whether it works']);
  }
  if (step !== undefined)
    commands.push(['testyard inventory apply DIR', `mend step ${step} there; it is then checked at once`]);
  if (scope === 'test')
    commands.push([`testyard submit ${test ?? 'TEST'}`, 'a new version of the test lets its runs go on']);
  const width = Math.max(...commands.map(([command]) => command.length));
  return ['What you can type:', ...commands.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`)];
}

function ofSubmission({ id, name, counts, before, lists }: ToldSubmission): readonly (readonly string[])[] {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const said = Object.entries(counts).flatMap(([what, count]) =>
    count === 0 ? [] : [`${count} ${what === 'none' ? 'without a verdict' : what}`],
  );
  return [
    [
      `${id}${name === '' ? '' : ` (${oneLine(name, 100)})`}: ${all} ${all === 1 ? 'run' : 'runs'}, ${said.join(', ') || 'none'}`,
      before === undefined ? 'There is none of this name before it.' : `Compared with ${before}:`,
    ],
    ...lists
      .filter(({ items }) => items.length > 0)
      .map(({ title, items }) => [
        `${title} (${items.length})`,
        ...items
          .slice(0, MOST_ITEMS)
          .map(({ run, test, reason }) => `  ${run}  ${oneLine(test, 120)}  ${oneLine(reason, 200)}`),
        ...(items.length > MOST_ITEMS ? [`  and ${items.length - MOST_ITEMS} more`] : []),
      ]),
    [
      'What you can type:',
      `  testyard show ${id}`,
      ...(name === '' ? [] : [`  testyard morning --name '${oneLine(name, 100)}'`]),
    ],
  ];
}

function closing({ grid }: News): readonly (readonly string[])[] {
  return [
    ['--', `Testyard, grid ${grid}. A program wrote this; an answer goes to the people who run the grid.`],
  ];
}

/** `2026-01-02 03:04 UTC`. */
function moment(at: string): string {
  return `${at.slice(0, 10)} ${at.slice(11, 16)} UTC`;
}
