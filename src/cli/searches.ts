import type { IntakeView, PinView, SearchView } from '../http/contract.js';
import type { Page, Query } from './client.js';
import { ago, type Cell, type Screen } from './screen.js';
import type { Setting } from './setting.js';

/** Which of a list are wanted. */
export interface ListOptions {
  readonly open?: boolean;
  readonly project?: string;
  readonly limit?: number;
}

const quiet = (text: string): Cell => ({ text, tone: 'quiet' });

/** Searches, newest first. */
export async function searches(setting: Setting, options: ListOptions): Promise<number> {
  const { client, screen } = setting;
  return await listed(setting, options, client.searches, 'no such search', (items: readonly SearchView[]) =>
    screen.table([
      ['SEARCH', 'TEST', 'STATE', 'TRIALS', 'AMONG', 'BEGUN', 'WHAT'].map(quiet),
      ...items.map((one) => [
        one.id,
        one.test,
        stateOf(one),
        String(one.spent.search + one.spent.verify),
        String(one.changes),
        ago(one.openedAt),
        one.closedAt === undefined ? `likeliest: ${causeWords(one.likeliest[0], one.partnerOf)}` : one.why,
      ]),
    ]),
  );
}

/** Components that are held back. */
export async function pins(setting: Setting, options: ListOptions): Promise<number> {
  const { client, screen } = setting;
  return await listed(setting, options, client.pins, 'nothing is held back', (items: readonly PinView[]) =>
    showPins(screen, items),
  );
}

/** Changes that came together. */
export async function intakes(setting: Setting, options: ListOptions): Promise<number> {
  const { client, screen } = setting;
  return await listed(setting, options, client.intakes, 'no such intake', (items: readonly IntakeView[]) => {
    for (const one of items) showIntake(screen, one);
  });
}

/** A table of pins. */
export function showPins(screen: Screen, items: readonly PinView[]): void {
  screen.table([
    ['COMPONENT', 'HELD AT', 'KEPT OUT', 'SEARCH', 'SINCE', 'WHY'].map(quiet),
    ...items.map((pin) => [
      pin.component,
      pin.version,
      `${pin.changeVersion} (${pin.change})${pin.behind.length === 0 ? '' : ` and ${pin.behind.map(({ change }) => change).join(', ')}`}`,
      pin.search,
      ago(pin.since),
      pin.liftedAt === undefined ? pin.why : `lifted ${ago(pin.liftedAt)}: ${pin.why}`,
    ]),
  ]);
}

function showIntake(screen: Screen, intake: IntakeView): void {
  const { id, watch, state, changes, why, openedAt, submission, searches: hunts, flaky } = intake;
  const runs = [submission, ...hunts].filter(Boolean).join(', ');
  screen.line(
    `${screen.paint('strong', id)} of ${watch}, ${ago(openedAt)}: ${state}, ${why}${runs === '' ? '' : ` (${runs})`}`,
  );
  if (flaky.length > 0)
    screen.line(`  ${flaky.join(', ')}: decides nothing, it fails now and then in any state`);
  screen.table(
    changes.map((change) => [
      `  ${change.id}`,
      `${change.component} ${change.from ?? '-'} -> ${change.to}`,
      { text: change.state.replaceAll('_', ' '), tone: toneOf(change.state) },
      change.why,
    ]),
  );
}

function toneOf(state: string): 'good' | 'bad' | 'quiet' {
  if (state === 'in_baseline') return 'good';
  return state === 'blamed' || state === 'uninstallable' ? 'bad' : 'quiet';
}

/** Where a search stands, in a word or two. */
export function stateOf({ phase, conclusion, closedAt }: SearchView): Cell {
  if (closedAt === undefined) return { text: phase === 'verify' ? 'verifying' : 'searching', tone: 'warn' };
  const kind = conclusion?.kind ?? 'over';
  const found = kind === 'culprit' || kind === 'several';
  return { text: found ? 'found' : kind, tone: found ? 'good' : 'quiet' };
}

/** A cause in a line: `lab/foo 1.3 (0.97)`. */
export function causeWords(
  cause: SearchView['likeliest'][number] | undefined,
  partnerOf?: SearchView['partnerOf'],
): string {
  return cause === undefined ? 'nothing' : `${causeName(cause, partnerOf)} (${cause.probability.toFixed(2)})`;
}

/** What a cause is, without how likely it is; `partnerOf`: of a search for what does harm only together with that change. */
export function causeName(
  { kind, changes }: SearchView['likeliest'][number],
  partnerOf?: SearchView['partnerOf'],
): string {
  if (kind === 'environment' && partnerOf !== undefined)
    return `none of them: ${partnerOf} does harm by itself`;
  if (kind === 'environment') return 'no change: bad in the last good state too';
  if (kind === 'flaky') return 'no change: now and then in any state';
  const [first] = changes;
  if (changes.length > 2) return `one of ${changes.length}, from ${first?.component} ${first?.to} on`;
  return changes.map(({ component, to }) => `${component} ${to}`).join(' or ');
}

async function listed<Item>(
  { screen, json }: Setting,
  { open, limit = 50, project }: ListOptions,
  ask: (query: Query) => Promise<Page<Item>>,
  none: string,
  show: (items: readonly Item[]) => void,
): Promise<number> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const wanted = Math.min(limit - items.length, 500);
    const page = await ask({ project, limit: wanted, cursor, ...(open ? { open: 'true' } : {}) });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined && items.length < limit);
  if (json) screen.json(items);
  else if (items.length === 0) screen.note(none);
  else show(items);
  if (!json && cursor !== undefined) screen.note(`there are more: --limit ${limit * 2}`);
  return 0;
}
