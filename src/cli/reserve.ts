import type { ReservationView } from '../http/contract.js';
import { Failure } from './failure.js';
import type { Screen } from './screen.js';
import type { Setting } from './setting.js';

/** What `reserve` can be told. */
export interface ReserveOptions {
  /** Seconds. */
  readonly for?: number;
  readonly why?: string;
  readonly end?: boolean;
  readonly list?: boolean;
}

/** Has a host for a person, gives it back, or says who has which. */
export async function reserve(
  { client, screen, json }: Setting,
  host: string | undefined,
  options: ReserveOptions,
): Promise<number> {
  if (options.list) {
    const { items } = await client.reservations();
    if (json) screen.json(items);
    else if (items.length === 0) screen.note('nobody has reserved a host');
    else showAll(screen, items);
    return 0;
  }
  if (host === undefined) throw new Failure('name a host, or say --list');
  if (options.end) {
    const view = await client.endReservation(host);
    if (json) screen.json(view);
    else screen.line(`${view.name} is given back: it is ${view.health}, and a canary looks at it first`);
    return 0;
  }
  if (options.for === undefined || options.why === undefined)
    throw new Failure(`say for how long and why: testyard reserve ${host} --for 2h --why "a look"`);
  const view = await client.reserve(host, options.for, options.why);
  if (json) screen.json(view);
  else {
    screen.line(`${view.host} is yours until ${view.until}: ${wayIn(view)}`);
    if (!view.free) screen.line(`wait: ${waitText(view)}; see testyard reserve --list`);
    screen.note(`give it back earlier: testyard reserve ${view.host} --end`);
  }
  return 0;
}

function showAll(screen: Screen, items: readonly ReservationView[]): void {
  screen.table([
    ['HOST', 'BY', 'UNTIL', 'FREE', 'WAY IN', 'WHY'].map((text) => ({ text, tone: 'quiet' as const })),
    ...items.map((item) => [
      item.host,
      item.person,
      item.until,
      item.free ? 'yes' : { text: waitText(item), tone: 'warn' as const },
      wayIn(item),
      item.why,
    ]),
  ]);
}

function waitText({ waitsFor }: ReservationView): string {
  return `${waitsFor.length === 0 ? 'something' : waitsFor.join(', ')} still runs there`;
}

function wayIn({ reach }: ReservationView): string {
  if (reach === undefined) return '-';
  if (reach.kind === 'local') return "the executor's own machine";
  return `ssh -p ${reach.port} ${reach.user}@${reach.address}`;
}
