import type { ChangeView } from '../http/contract.js';
import { Failure } from './failure.js';
import { ago, type Cell } from './screen.js';
import type { Setting } from './setting.js';

/** Which of them are wanted. */
export interface ChangeOptions {
  readonly watch?: string;
  readonly project?: string;
  readonly component?: string;
  readonly state?: string;
  readonly all?: boolean;
  readonly at?: string;
}

/** As many changes as fit a screen or two; `--all` gives the rest. */
const USUAL = 50;
/** A commit is known by so many of its digits. */
const SHORT_COMMIT = 12;

const head = (...texts: readonly string[]): readonly Cell[] =>
  texts.map((text) => ({ text, tone: 'quiet' as const }));

/** Places where new versions arrive. */
export async function watches({ client, screen, json }: Setting): Promise<number> {
  const { items } = await client.watches();
  if (json) screen.json(items);
  else if (items.length === 0) screen.note('nothing is watched: see docs/how-to/watch.md');
  else
    screen.table([
      head('WATCH', 'KIND', 'COMPONENTS', 'OPEN', 'READ', 'WHERE'),
      ...items.map((one) => [
        one.name,
        one.kind,
        `${one.components}`,
        `${one.open}`,
        one.trouble === undefined
          ? { text: one.readAt === undefined ? 'not yet' : ago(one.readAt) }
          : { text: `not since ${ago(one.troubleSince ?? '')}`, tone: 'bad' as const },
        one.trouble === undefined ? one.place : { text: one.trouble, tone: 'bad' as const },
      ]),
    ]);
  return 0;
}

/** What has versions, and which are trusted. */
export async function components({ client, screen, json }: Setting, options: ChangeOptions): Promise<number> {
  const { watch, project } = options;
  const all = await client.all((cursor) => client.components({ watch, project, limit: 500, cursor }));
  if (json) screen.json(all);
  else if (all.length === 0) screen.note('no component is known: see testyard watches');
  else
    screen.table([
      head('COMPONENT', 'BASELINE', 'SINCE', 'NEWEST', 'OPEN', 'OWNER'),
      ...all.map((one) => [
        one.name,
        short(one.baseline ?? '-'),
        one.baselineSince === undefined ? '-' : ago(one.baselineSince),
        one.newest === undefined || one.newest === one.baseline ? '-' : short(one.newest),
        `${one.open}`,
        one.owner ?? '-',
      ]),
    ]);
  return 0;
}

/** New versions, the last first. */
export async function changes({ client, screen, json }: Setting, options: ChangeOptions): Promise<number> {
  const { watch, project, component, state } = options;
  const query = { watch, project, component, state };
  const page = options.all ? undefined : await client.changes({ ...query, limit: USUAL });
  const items =
    page?.items ?? (await client.all((cursor) => client.changes({ ...query, limit: 500, cursor })));
  if (json) screen.json(items);
  else if (items.length === 0) screen.note('there is no such change');
  else {
    screen.table([head('ID', 'COMPONENT', 'VERSION', 'STATE', 'SEEN', 'OWNER', 'WHAT'), ...items.map(row)]);
    if (page?.next !== undefined) screen.note(`the last ${USUAL}; --all shows them all`);
  }
  return 0;
}

/** One change, and what has become of it. */
export async function showChange({ client, screen, json }: Setting, id: string): Promise<number> {
  const { items } = await client.changes({ id, limit: 1 });
  const [one] = items;
  if (one === undefined) throw new Failure(`there is no change ${id}, or none that you may see`);
  if (json) {
    screen.json(one);
    return 0;
  }
  screen.line(`${one.id} ${screen.paint('strong', `${one.component} ${one.version}`)}: ${one.title}`);
  screen.table([
    ['state', stateCell(one.state)],
    ['why', one.why],
    ['since', ago(one.stateSince)],
    ['before', one.previous ?? '-'],
    ['seen', `${ago(one.seenAt)}${one.pushedBy === undefined ? '' : `, pushed by ${one.pushedBy}`}`],
    ['owner', one.owner ?? '-'],
    ...(one.author === undefined ? [] : [['author', one.author]]),
    ...(one.link === undefined ? [] : [['link', one.link]]),
  ]);
  return 0;
}

function stateCell(state: ChangeView['state']): Exclude<Cell, string> {
  const tones: Partial<Record<ChangeView['state'], Exclude<Cell, string>['tone']>> = {
    ...{ in_baseline: 'good', blamed: 'bad', uninstallable: 'bad', refused: 'bad', testing: 'strong' },
  };
  const tone = tones[state];
  return { text: state.replaceAll('_', ' '), ...(tone === undefined ? {} : { tone }) };
}

function row(one: ChangeView): readonly (string | Cell)[] {
  return [
    one.id,
    one.component,
    short(one.version),
    stateCell(one.state),
    ago(one.seenAt),
    one.owner ?? '-',
    ['new', 'testing', 'superseded', 'in_baseline'].includes(one.state)
      ? one.title
      : `${one.title}: ${one.why}`,
  ];
}

/** The versions that are trusted, now or at a moment. */
export async function baseline({ client, screen, json }: Setting, options: ChangeOptions): Promise<number> {
  const { watch, project } = options;
  const at = options.at === undefined ? undefined : momentOf(options.at);
  const all = await client.all((cursor) => client.baseline({ watch, project, at, limit: 500, cursor }));
  if (json) screen.json(all);
  else if (all.length === 0)
    screen.note(at === undefined ? 'nothing is trusted yet' : `nothing was trusted at ${at}`);
  else
    screen.table([
      head('COMPONENT', 'VERSION', 'SINCE', 'CHANGE', 'WHY'),
      ...all.map((one) => [one.component, short(one.version), ago(one.since), one.change ?? '-', one.why]),
    ]);
  return 0;
}

/** `2026-01-02`, or a moment with its time; in UTC unless it says otherwise. */
function momentOf(text: string): string {
  const isZoned = /(?:Z|[+-][0-9]{2}:[0-9]{2})$/.test(text) || /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text);
  const moment = new Date(isZoned ? text : `${text.replace(' ', 'T')}Z`);
  if (Number.isNaN(moment.getTime()) || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(text))
    throw new Failure(`'${text}' is no moment: write 2026-01-02, or 2026-01-02T03:04:05Z`);
  return moment.toISOString();
}

/** A commit or digest by its first digits; other versions as they are. */
function short(version: string): string {
  return /^[0-9a-f]{40,}$/.test(version) ? version.slice(0, SHORT_COMMIT) : version;
}
