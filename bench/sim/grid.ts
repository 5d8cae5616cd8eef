import type { Inventory } from '../../src/domain/inventory.js';
import { Claims } from '../../src/stages/claims.js';
import { Heartbeat } from '../../src/stages/heartbeat.js';
import { RecordDesk } from '../../src/stages/record.js';
import { SETTINGS, type Settings } from '../../src/stages/settings.js';
import { applyInventory } from '../../src/store/inventory.js';
import { Store } from '../../src/store/store.js';
import { Wakeup } from '../../src/store/wakeup.js';
import { Agenda } from './agenda.js';
import { SimExecutor } from './executor.js';
import type { Fate } from './fate.js';
import { SimHost } from './host.js';

/** What a simulated grid is made of. */
export interface SimOptions {
  /** A database with the schema in it and nothing else. */
  readonly url: string;
  readonly inventory: Inventory;
  /** What becomes of each piece of work; undefined: all goes well, a test takes 2 s. */
  readonly fate?: Fate;
  readonly settings?: Partial<Settings>;
  /** Seconds between two looks of the scheduler while nothing happens, and two renewals of leases. */
  readonly tickS?: number;
  /** Names of executors; one that reaches every host unless said. */
  readonly executors?: readonly string[];
}

/** What is submitted. */
export interface SimSubmission {
  readonly test: string;
  /** Becomes the environment of the test: what fate may know it by. */
  readonly variant?: Readonly<Record<string, string>>;
  readonly actor?: string;
  readonly priority?: number;
  /** The one host it is for; undefined: any. */
  readonly host?: string;
}

const BEGIN = Date.parse('2026-01-01T00:00:00Z');
/** Between two looks of the scheduler while nothing happens, and two renewals; unless said. */
const TICK_S = 30;
const DAY_S = 86_400;

/**
 * A whole grid in simulated time: the real scheduler, stages, desk and store on a real database whose clock is set,
 * with executors that speak the protocol in process and hosts that are made up. Time jumps from one thing that happens
 * to the next; the same seed gives the same run.
 *
 *     const database = await startSimDatabase();
 *     const grid = await SimGrid.open({ url: database.url, inventory, fate });
 *     grid.submit(10, { test: 'plain' });
 *     grid.at(50, () => grid.executor().die());
 *     await grid.run({ untilDone: true });
 *     await grid.close(); await database.stop();
 *
 * `fate` is asked at the beginning of each piece of each attempt (connect, each step of the chain, verify, setup, test,
 * teardown) and says how long it takes and what comes of it: faults are injected there and with `at`. What the grid
 * made of it is in `grid.store`: runs with their verdicts, step_run, incident, host, history.
 */
export class SimGrid {
  readonly agenda = new Agenda();
  readonly hosts: ReadonlyMap<string, SimHost>;
  readonly executors: ReadonlyMap<string, SimExecutor>;
  /** What the scheduler complained of. */
  readonly logged: string[] = [];
  private readonly heartbeat: Heartbeat;
  private readonly desk: RecordDesk;
  /** Submissions that are still to come. */
  private coming = 0;
  private day = 0;
  private lastTickS = 0;
  private readonly tickS: number;
  private catalogue: Awaited<ReturnType<Heartbeat['world']>>['catalogue'] | undefined;

  private constructor(
    readonly store: Store,
    readonly wakeup: Wakeup,
    options: SimOptions,
  ) {
    this.tickS = options.tickS ?? TICK_S;
    const settings = {
      ...SETTINGS,
      beatMs: 5 * this.tickS * 1000,
      leaderTtlMs: 20 * this.tickS * 1000,
      leaseTtlMs: 6 * this.tickS * 1000,
      ...options.settings,
    };
    const claims = new Claims();
    this.desk = new RecordDesk(store, wakeup, settings, claims);
    this.heartbeat = new Heartbeat(store, settings, (line) => this.logged.push(line), claims);
    this.hosts = new Map(options.inventory.hosts.map((spec) => [spec.name, new SimHost(spec)]));
    const hands = {
      link: this.desk,
      agenda: this.agenda,
      hosts: this.hosts,
      fate: options.fate ?? (() => undefined),
      catalogue: () => {
        if (this.catalogue === undefined) throw new Error('the world is read before anything is claimed');
        return this.catalogue;
      },
    };
    const names = options.executors ?? ['hands'];
    this.executors = new Map(names.map((name) => [name, new SimExecutor(name, hands)]));
  }

  static async open(options: SimOptions): Promise<SimGrid> {
    const store = await Store.open(options.url, { poolSize: 5, plans: 'once' });
    const grid = new SimGrid(store, new Wakeup(options.url), options);
    await grid.setClock();
    await store.rows(`UPDATE leadership SET beat_at = grid_now(), expires_at = grid_now()`);
    await store.rows('SELECT grid_ensure_partitions()');
    await grid.declare(options.inventory);
    for (const executor of grid.executors.values()) await executor.start();
    return grid;
  }

  async close(): Promise<void> {
    await this.wakeup.close();
    await this.store.close();
  }

  /** Declares an inventory; hosts stay the machines that they are, new ones are not made. */
  async declare(inventory: Inventory): Promise<void> {
    await applyInventory(this.store, inventory);
    this.catalogue = (await this.heartbeat.world()).catalogue;
  }

  /** The first executor, or one by name. */
  executor(name = [...this.executors.keys()][0] ?? ''): SimExecutor {
    const found = this.executors.get(name);
    if (found === undefined) throw new Error(`no executor ${name}`);
    return found;
  }

  get nowS(): number {
    return this.agenda.nowS;
  }

  /** Something happens at a moment; the scheduler looks afterwards. */
  at(seconds: number, act: () => unknown): void {
    this.agenda.at(seconds, async () => {
      await act();
      return true;
    });
  }

  /** Somebody submits a test at a moment. */
  submit(seconds: number, { test, variant = {}, actor = 'qe', priority = 0, host }: SimSubmission): void {
    this.coming += 1;
    this.at(seconds, async () => {
      this.coming -= 1;
      const made = await this.store.rows(
        `INSERT INTO submission (project_id, source, actor, tests, variants, targets, priority)
         SELECT p.id, 'user', $2, ARRAY[max(t.id)], $3, $5, $4 FROM project p JOIN test t ON t.project_id = p.id
         WHERE p.name = 'default' AND t.name = $1 GROUP BY p.id RETURNING id`,
        [
          test,
          actor,
          JSON.stringify([variant]),
          priority,
          JSON.stringify([host === undefined ? {} : { host }]),
        ],
      );
      if (made.length === 0) throw new Error(`no test ${test}`);
    });
  }

  /** Lets time pass until a moment, or until every run has its verdict (then `untilS` is the longest that may take). */
  async run({ untilS = Number.POSITIVE_INFINITY, untilDone = false }): Promise<void> {
    if (untilS === Number.POSITIVE_INFINITY && !untilDone) throw new Error('the simulation would never end');
    for (;;) {
      const nextS = Math.min(this.agenda.nextS ?? Number.POSITIVE_INFINITY, this.lastTickS + this.tickS);
      if (nextS > untilS) return;
      if (this.agenda.nextS !== nextS) this.agenda.at(nextS, () => true);
      this.agenda.advance();
      await this.setClock();
      if (nextS >= this.lastTickS + this.tickS) await this.tick();
      let isNews = false;
      for (let act = this.agenda.take(); act !== undefined; act = this.agenda.take()) {
        if (await act()) isNews = true;
        // What begins at this very moment is told before the scheduler looks.
      }
      if (isNews) await this.settle();
      if (untilDone && isNews && this.coming === 0 && (await this.isDone())) return;
    }
  }

  private async tick(): Promise<void> {
    this.lastTickS = this.nowS;
    for (const executor of this.executors.values()) await executor.renew();
  }

  /** Beats until nothing is left to decide, and hands out what was assigned. */
  private async settle(): Promise<void> {
    for (let beats = 0; await this.heartbeat.beat(); beats++)
      if (beats > 1000) throw new Error('the heartbeat never comes to rest');
    for (const executor of this.executors.values()) await executor.claim();
  }

  private async isDone(): Promise<boolean> {
    const rows = await this.store.rows(`SELECT 1 FROM queue WHERE purpose = 'test' LIMIT 1`);
    return rows.length === 0;
  }

  private async setClock(): Promise<void> {
    await this.store.rows(`UPDATE grid_clock SET set_to = $1`, [new Date(BEGIN + this.nowS * 1000)]);
    const day = Math.floor(this.nowS / DAY_S);
    if (day === this.day) return;
    this.day = day;
    await this.store.rows('SELECT grid_ensure_partitions()');
  }
}
