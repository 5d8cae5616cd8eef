import { arriving, ChangingGrid } from '../../bench/sim/changing-grid.js';
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

/** Packages that change together, few enough that a search among them is short. */
export const PACKAGES = Array.from({ length: 8 }, (_, n) => `p${n + 1}`);

/** All of them at a version. */
export const all = (version: string) => PACKAGES.map((name) => arriving(name, version));

/** A baseline that has all of them at a version, but for these. */
export const at = (version: string, others: Record<string, string> = {}) => ({
  ...Object.fromEntries(PACKAGES.map((name) => [name, version])),
  ...others,
});
