import { ChangingGrid as Changing, openChanging } from '../../bench/sim/changing-grid.js';
import type { SimOptions } from '../../bench/sim/grid.js';
import type { Inventory } from '../../src/domain/inventory.js';
import type { WatchSpec } from '../../src/domain/watch.js';
import { freshDatabase } from '../database.js';

export { arriving, changing, componentOf, has, isOwn } from '../../bench/sim/changing-grid.js';

/** A simulated grid whose packages change, on a database of its own. */
export class ChangingGrid extends Changing {
  private constructor(
    sim: Changing['sim'],
    private readonly drop: () => Promise<void>,
  ) {
    super(sim);
  }

  static async open(
    inventory: Inventory,
    fate?: SimOptions['fate'],
    watch: Partial<WatchSpec> = {},
  ): Promise<ChangingGrid> {
    const { url, drop } = await freshDatabase();
    return new ChangingGrid(await openChanging({ url, inventory, ...(fate && { fate }) }, watch), drop);
  }

  /** What the searches came to. */
  searches(): Promise<
    readonly { readonly why: string; readonly value: { readonly spent: object; readonly conclusion?: object } }[]
  > {
    return this.sim.store.rows(`SELECT why, value FROM search ORDER BY id`);
  }

  async close(): Promise<void> {
    await this.sim.close();
    await this.drop();
  }
}
