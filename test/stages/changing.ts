import type { Piece } from '../../bench/sim/fate.js';
import { SimGrid, type SimOptions } from '../../bench/sim/grid.js';
import type { Arrival } from '../../src/domain/change.js';
import type { Inventory } from '../../src/domain/inventory.js';
import type { WatchSpec } from '../../src/domain/watch.js';
import { recordArrivals } from '../../src/store/changing.js';
import { freshDatabase } from '../database.js';
import { packagesOf } from '../domain/a-host.js';
import { aHost, aStep, aTest, aWord } from './parts.js';

/** What is watched, in a grid whose hosts are made up. */
export const WATCH: WatchSpec = {
  name: 'lab',
  place: { kind: 'apt', url: 'http://127.0.0.1/', suite: 'stable', component: 'main' },
  project: 'default',
  share: 0.5,
  rollbacksPerDay: 5,
};

/** The component of a package. */
export const componentOf = (name: string): string => `lab/${name}`;

/** A version of a package that arrives; it belongs to whoever is named after it. */
export function arriving(name: string, version: string, facts: Arrival['facts'] = {}): Arrival {
  return {
    component: componentOf(name),
    version,
    owner: `${name}@example.org`,
    title: `${name} ${version}`,
    facts: { name, ...facts },
  };
}

/** Hosts that one step brings to what is in the baseline, and tests that need it. */
export function changing(packages: readonly string[], hosts: number, tests: readonly string[]): Inventory {
  return {
    grid: {
      name: 'test grid',
      admin: 'the-admin',
      default: '',
      mail: { smtp: 'smtp://127.0.0.1:1', from: 'ty@example.org' } as never,
    },
    tags: [aWord('updated')],
    aliases: [],
    pools: [{ name: 'default' }],
    resources: [],
    types: [],
    hosts: Array.from({ length: hosts }, (_, n) =>
      aHost(`h${n + 1}`, { expendable: ['packages', 'boot', 'use'] }),
    ),
    steps: [
      aStep('distro', 'updated', {
        layer: 'packages',
        action: packagesOf(...packages.map(componentOf)),
        costS: 30,
        clears: true,
      }),
    ],
    tests: tests.map((name) => aTest(name, { requirement: 'updated', dirties: 'nothing' })),
  };
}

/** A simulated grid whose packages change. */
export class ChangingGrid {
  private constructor(
    readonly sim: SimGrid,
    private readonly drop: () => Promise<void>,
  ) {}

  static async open(
    inventory: Inventory,
    fate: SimOptions['fate'],
    watch: Partial<WatchSpec> = {},
  ): Promise<ChangingGrid> {
    const database = await freshDatabase();
    const sim = await SimGrid.open({ url: database.url, inventory, ...(fate && { fate }) });
    await sim.store.rows(`INSERT INTO watch (name, spec) VALUES ($1, $2)`, [
      WATCH.name,
      JSON.stringify({ ...WATCH, ...watch }),
    ]);
    return new ChangingGrid(sim, async () => {
      await sim.close();
      await database.drop();
    });
  }

  close(): Promise<void> {
    return this.drop();
  }

  /** These are at the watched place now. */
  arrive(seconds: number, arrivals: readonly Arrival[]): void {
    this.sim.at(seconds, () =>
      this.sim.store.transaction((tx) => recordArrivals(tx, WATCH, { arrivals, isAll: false })),
    );
  }

  /** The versions that are trusted now, by package. */
  async baseline(): Promise<Record<string, string>> {
    const rows = await this.sim.store.rows<{ name: string; baseline: string }>(
      `SELECT split_part(name, '/', 2) AS name, baseline FROM component ORDER BY name`,
    );
    return Object.fromEntries(rows.map(({ name, baseline }) => [name, baseline]));
  }

  /** Where every change stands, by package and version. */
  async changes(): Promise<Record<string, string>> {
    const rows = await this.sim.store.rows<{ name: string; state: string }>(
      `SELECT split_part(k.name, '/', 2) || ' ' || c.version AS name, c.state FROM change c JOIN component k ON k.id = c.component_id ORDER BY c.position`,
    );
    return Object.fromEntries(rows.map(({ name, state }) => [name, state]));
  }

  /** Who was told of what a search found, in order. */
  told(): Promise<readonly { readonly owner: string; readonly title: string }[]> {
    return this.sim.store.rows(
      `SELECT data->>'owner' AS owner, data->>'title' AS title FROM history WHERE kind = 'culprit.told' ORDER BY txid, id`,
    );
  }

  /** What the searches came to. */
  searches(): Promise<
    readonly {
      readonly why: string;
      readonly value: { readonly spent: object; readonly conclusion?: object };
    }[]
  > {
    return this.sim.store.rows(`SELECT why, value FROM search ORDER BY id`);
  }
}

/** Whether a host has a package at a version. */
export function has({ host }: Piece, name: string, version: string): boolean {
  return host.versionOf(componentOf(name)) === version;
}
