import { ago, type Cell } from './screen.js';
import type { Setting } from './setting.js';
import { counted } from './words.js';

/** How the grid is: what it does, what is up, and what is wrong. */
export async function status({ client, screen, json }: Setting): Promise<number> {
  const grid = await client.grid();
  if (json) {
    screen.json(grid);
    return 0;
  }
  const tone = grid.state === 'online' ? 'good' : 'bad';
  screen.line(
    `${screen.paint(tone, grid.state)}, as of ${ago(grid.since)}: ${grid.why} (${grid.who}); testyard ${grid.version}`,
  );
  const executors = grid.executors.map((e) => `${e.name}${e.alive ? '' : ' (gone)'}: ${e.attempts} running`);
  screen.table([
    ['runs', counted(grid.runs)],
    ['hosts', counted(grid.hosts)],
    [
      'executors',
      executors.length === 0
        ? { text: 'none: nothing can run', tone: 'bad' }
        : { text: executors.join(', ') },
    ],
    ['scheduler', grid.schedulerAlive ? 'deciding' : { text: 'has decided nothing lately', tone: 'bad' }],
    ...grid.poolsHalted.map(({ name, why }): Cell[] => [
      { text: `pool ${name}`, tone: 'bad' },
      { text: `halted: ${why}`, tone: 'bad' },
    ]),
    ['incidents', grid.openIncidents === 0 ? 'none' : { text: `${grid.openIncidents} open`, tone: 'warn' }],
    ...(grid.unsent === 0
      ? []
      : [
          [
            'messages',
            {
              text: `${grid.unsent} could not be sent so far: testyard show i4 says why`,
              tone: 'warn' as const,
            },
          ],
        ]),
    ...(grid.drifting.length === 0
      ? []
      : [['drifts', { text: driftingText(grid.drifting), tone: 'warn' as const }]]),
  ]);
  if (grid.openIncidents > 0) {
    const { items } = await client.incidents({ open: 'true' });
    screen.line();
    screen.table(items.map((i) => [{ text: i.id, tone: 'warn' }, `holds ${i.holds}`, i.owner, i.title]));
  }
  return 0;
}

/** Which hosts are not as declared, and where to look. */
function driftingText(hosts: readonly string[]): string {
  const more = hosts.length > 3 ? ` and ${hosts.length - 3} more` : '';
  const are = hosts.length === 1 ? 'is' : 'are';
  return `${hosts.slice(0, 3).join(', ')}${more} ${are} not as declared: testyard hosts ${hosts[0]}`;
}
