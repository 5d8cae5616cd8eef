import type { Arrival } from '../../src/domain/change.js';
import type { Id } from '../../src/domain/id.js';
import type { HostSpec, Inventory } from '../../src/domain/inventory.js';
import { TEST_DEFAULTS, type TestSpec } from '../../src/domain/test.js';
import type { WatchSpec } from '../../src/domain/watch.js';
import { recordArrivals, recordPush } from '../../src/store/changing.js';
import { listAsInventory } from '../../src/store/test.js';
import type { Piece } from './fate.js';
import { SimGrid, type SimOptions } from './grid.js';

/** What is watched, in a grid whose hosts are made up. */
const WATCH: WatchSpec = {
  name: 'lab',
  place: { kind: 'apt', url: 'http://127.0.0.1/', suite: 'stable', component: 'main' },
  project: 'default',
  share: 0.5,
  rollbacksPerDay: 5,
};

/** Its tests, where they are watched too. */
const SUITE: WatchSpec = { ...WATCH, name: 'suite', place: { kind: 'test', project: 'default' } };

/** Nothing happens for long: a search is what runs bring about. */
const TICK_S = 60;

/** The component of a package. */
export const componentOf = (name: string): string => `${WATCH.name}/${name}`;

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
  const install = packages.map((name) => ({ name, component: componentOf(name) }));
  return {
    grid: { name: 'changing', admin: 'the-admin', default: '' },
    tags: [
      { name: 'updated', meaning: 'what is in the baseline is there', kind: 'flag', source: { by: 'word' } },
    ],
    aliases: [],
    pools: [{ name: 'default' }],
    resources: [],
    types: [],
    hosts: Array.from({ length: hosts }, (_, n) => host(`h${n + 1}`)),
    steps: [
      {
        ...{ name: 'distro', owner: 'distro-owner', layer: 'packages', needs: '', gives: ['updated'] },
        action: {
          kind: 'packages',
          by: 'apt',
          install,
          remove: [],
          hold: [],
          unhold: [],
          files: [],
          from: [],
        },
        undo: { none: 'the next versions take its place' },
        ...{ timeoutMs: 600_000, costS: 30, clears: true },
      },
    ],
    tests: tests.map((name) => ({
      ...TEST_DEFAULTS,
      ...{ name, requirement: 'updated', labels: [], environment: {}, dirties: 'nothing' as const },
      ...{ cases: [], commands: [], underTest: [], network: false },
      run: Buffer.from('#!/bin/sh\n').toString('base64'),
    })),
  };
}

function host(name: string): HostSpec {
  return {
    ...{ name, type: 'generic', pool: 'default', owner: `${name}-owner`, seats: 1, tags: [], resources: [] },
    expendable: ['packages', 'boot', 'use'],
    transport: {
      ...{
        kind: 'ssh',
        address: '127.0.0.1',
        port: 22,
        user: 'root',
        keyFile: '/nowhere',
        hostKeys: ['none'],
      },
    },
  };
}

/** A simulated grid whose packages change. */
export class ChangingGrid {
  private constructor(
    readonly sim: SimGrid,
    private readonly watch: WatchSpec,
    /** The tests as their project has them now. */
    private tests: readonly TestSpec[],
  ) {}

  static async open(
    { url, inventory, fate }: Pick<SimOptions, 'url' | 'inventory' | 'fate'>,
    watch: Partial<WatchSpec> = {},
  ): Promise<ChangingGrid> {
    const sim = await SimGrid.open({ url, inventory, tickS: TICK_S, ...(fate && { fate }) });
    const spec = { ...WATCH, ...watch };
    await sim.store.rows(`INSERT INTO watch (name, spec) VALUES ($1, $2)`, [spec.name, JSON.stringify(spec)]);
    return new ChangingGrid(sim, spec, inventory.tests);
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

  /** These are at the watched place now. */
  arrive(seconds: number, arrivals: readonly Arrival[]): void {
    this.sim.at(seconds, () =>
      this.sim.store.transaction((tx) => recordArrivals(tx, this.watch, { arrivals, isAll: false })),
    );
  }

  /** Somebody puts a candidate before the grid. */
  push(seconds: number, arrival: Arrival, by: string): void {
    this.sim.at(seconds, () =>
      this.sim.store.transaction(async (tx) => {
        const [project] = await tx.rows<{ id: Id }>(`SELECT id FROM project WHERE name = 'default'`);
        await recordPush(tx, arrival, project?.id ?? '', { by });
      }),
    );
  }

  /** From now on its tests are watched as well. */
  async watchTests(watch: Partial<WatchSpec> = {}): Promise<void> {
    const spec = JSON.stringify({ ...SUITE, ...watch });
    await this.sim.store.rows(`INSERT INTO watch (name, spec) VALUES ($1, $2)`, [SUITE.name, spec]);
    await this.commitTests(this.tests);
  }

  /** Somebody commits to a test; `commitOf` says which commit is run. */
  commit(seconds: number, test: string, commit: string): void {
    this.sim.at(seconds, () =>
      this.commitTests(
        this.tests.map((spec) => (spec.name === test ? { ...spec, environment: { COMMIT: commit } } : spec)),
      ),
    );
  }

  private async commitTests(tests: readonly TestSpec[]): Promise<void> {
    this.tests = tests;
    await this.sim.store.transaction(async (tx) => {
      const [project] = await tx.rows<{ id: Id }>(`SELECT id FROM project WHERE name = 'default'`);
      await listAsInventory(tx, project?.id ?? '', tests);
      const listed = await tx.rows<{ name: string; digest: string; commit: string | null }>(
        `SELECT name, digest, spec->'environment'->>'COMMIT' AS commit FROM test WHERE project_id = $1 AND listed ORDER BY name`,
        [project?.id],
      );
      const arrivals = listed.map(({ name, digest: version, commit }) => ({
        ...{ component: `${SUITE.name}/${name}`, version, owner: `author-of-${name}@example.org` },
        ...{ title: `commit ${commit ?? '-'} of ${name}`, facts: { name } },
      }));
      await recordArrivals(tx, SUITE, { arrivals, isAll: true });
    });
  }

  /** Lets time pass until a moment, and on until nothing is tried or searched among, or another moment. */
  async runUntilQuiet(fromS: number, untilS: number): Promise<void> {
    await this.sim.run({ untilS: fromS });
    for (let nowS = fromS; nowS < untilS && (await this.isBusy()); ) {
      nowS += 300;
      await this.sim.run({ untilS: nowS });
    }
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
      `SELECT split_part(k.name, '/', 2) || ' ' || c.version AS name, c.state FROM change c
       JOIN component k ON k.id = c.component_id ORDER BY c.position`,
    );
    return Object.fromEntries(rows.map(({ name, state }) => [name, state]));
  }

  /** Who was told of what a search found, in order. */
  told(): Promise<readonly { readonly owner: string; readonly title: string }[]> {
    return this.sim.store.rows(
      `SELECT data->>'owner' AS owner, data->>'title' AS title FROM history WHERE kind = 'culprit.told' ORDER BY txid, id`,
    );
  }

  /** True while changes are tried or searched among. */
  async isBusy(): Promise<boolean> {
    const rows = await this.sim.store.rows(
      `SELECT FROM intake WHERE closed_at IS NULL UNION ALL SELECT FROM search WHERE closed_at IS NULL LIMIT 1`,
    );
    return rows.length > 0;
  }
}

/** Whether a host has a package at a version. */
export function has({ host }: Piece, name: string, version: string): boolean {
  return host.versionOf(componentOf(name)) === version;
}

/** The commit of a test that is run; undefined: the test as it was at first. */
export function commitOf({ assignment }: Piece): string | undefined {
  return assignment.test.environment['COMMIT'];
}

/** A test of somebody, no canary. */
export function isOwn({ what, assignment }: Piece): boolean {
  return what === 'test' && assignment.test.name !== 'canary';
}
