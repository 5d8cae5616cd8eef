import type { HostView } from '../http/contract.js';
import { ago, type Cell, type Screen } from './screen.js';
import type { Setting } from './setting.js';

/** All hosts, or one with all that is known of it. */
export async function hosts({ client, screen, json }: Setting, name: string | undefined): Promise<number> {
  if (name !== undefined) {
    const host = await client.host(name);
    if (json) screen.json(host);
    else showHost(screen, host);
    return 0;
  }
  const all = await client.all((cursor) => client.hosts({ limit: 500, cursor }));
  if (json) screen.json(all);
  else if (all.length === 0) screen.note('no host is declared: see docs/how-to/declare-hosts.md');
  else {
    const head = ['HOST', 'TYPE', 'STATE', 'HEALTH', 'SEATS', 'TAGS'].map((text) => ({
      text,
      tone: 'quiet' as const,
    }));
    const rows = all.map((host) => [
      host.name,
      host.type,
      stateOf(host),
      healthOf(host),
      `${host.seatsTaken}/${host.seats}`,
      present(host).join(' '),
    ]);
    screen.table([head, ...rows]);
  }
  return 0;
}

/** One host, for people. */
export function showHost(screen: Screen, host: HostView): void {
  screen.line(`${screen.paint('strong', host.name)} (${host.id}), ${host.type}, in pool ${host.pool}`);
  const with_ = (presence: string) =>
    host.tags
      .filter((tag) => tag.presence === presence && tag.values.length === 0 && !tag.name.includes(':'))
      .map((tag) => `${tag.name} (${tag.source})`);
  const list = (texts: readonly string[]) => (texts.length === 0 ? '-' : texts.join(', '));
  const health = healthOf(host);
  screen.table([
    ['state', stateOf(host)],
    ['health', { ...health, text: `${health.text} since ${ago(host.healthSince)}: ${host.healthWhy}` }],
    ...(host.reserved === undefined
      ? []
      : [['reserved', `by ${host.reserved.person} until ${host.reserved.until}: ${host.reserved.why}`]]),
    ['owner', host.owner ?? 'the grid admin'],
    ['reached', host.transport],
    [
      'seats',
      `${host.seatsTaken} of ${host.seats} taken${host.runs.length > 0 ? ` by ${host.runs.join(', ')}` : ''}`,
    ],
    [
      'expendable',
      host.expendable.length === 0 ? 'nothing: its state is never changed' : list(host.expendable),
    ],
    ['stack', list(host.stack.map((entry) => `${entry.step} (${entry.layer})`))],
    [
      'fresh',
      host.dirtyFrom === undefined ? (host.fresh ? 'yes' : 'no') : `no: unknown from ${host.dirtyFrom} up`,
    ],
    ...seenOf(host).map(([name, values]) => [name, values]),
    ['has', list(with_('present'))],
    ['has not', list(with_('absent'))],
    ['unknown', list(with_('unknown'))],
  ]);
}

/** What there is more to say of than that it is there: values, devices one by one, members of families, drifts. */
function seenOf(host: HostView): readonly (readonly [string, string])[] {
  const lines = host.tags.flatMap(({ name, values }) =>
    values.map((value, n): [string, string] => [n === 0 ? name : '', value]),
  );
  const families = new Map<string, string[]>();
  for (const { name, presence } of host.tags) {
    const colon = name.indexOf(':') + 1;
    if (colon === 0 || presence !== 'present') continue;
    const family = name.slice(0, colon);
    families.set(family, [...(families.get(family) ?? []), name.slice(colon)]);
  }
  const drifts = host.tags.flatMap(({ name, drift }): [string, string][] =>
    drift === undefined ? [] : [['drift', `${name}: ${drift}; it does not count`]],
  );
  return [
    ...lines,
    ...[...families].map(([family, members]): [string, string] => [family, members.join(' ')]),
    ...drifts,
  ];
}

function present(host: HostView): readonly string[] {
  return host.tags.filter((tag) => tag.presence === 'present').map((tag) => tag.name);
}

function stateOf(host: HostView): Cell {
  if (host.reserved !== undefined && host.state === 'idle')
    return { text: `reserved by ${host.reserved.person}`, tone: 'warn' };
  return host.state === 'offline' ? { text: host.state, tone: 'bad' } : { text: host.state };
}

function healthOf(host: HostView): Cell {
  return { text: host.health, tone: host.health === 'good' ? 'good' : 'warn' };
}
