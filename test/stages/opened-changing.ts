import { ChangingGrid } from '../../bench/sim/changing-grid.js';
import type { Fate } from '../../bench/sim/fate.js';
import type { Inventory } from '../../src/domain/inventory.js';
import type { WatchSpec } from '../../src/domain/watch.js';
import { freshDatabase } from '../database.js';

/** A grid whose packages change, with a database of its own that goes with it. */
export type OpenedGrid = ChangingGrid & { close(): Promise<void> };

/** Opens one. */
export async function openChanging(
  inventory: Inventory,
  fate: Fate,
  watch: Partial<WatchSpec> = {},
): Promise<OpenedGrid> {
  const database = await freshDatabase();
  const mail = { smtp: 'smtp://127.0.0.1:1', from: 'ty@example.org', digest: 'daily' } as const;
  const mailing = { ...inventory, grid: { ...inventory.grid, mail } };
  const grid = await ChangingGrid.open({ url: database.url, inventory: mailing, fate }, watch);
  const close = async () => {
    await grid.sim.close();
    await database.drop();
  };
  return Object.assign(grid, { close });
}
