import { randomUUID } from 'node:crypto';
import { FitIndex } from '../domain/plan/fit-index.js';
import { chronicle } from '../store/chronicle.js';
import { endLease, grantAnew, lapsedLeases } from '../store/lapsing.js';
import { decide, lead, NotLeader, stepDown } from '../store/leader.js';
import { type Pulse, pulse } from '../store/pulse.js';
import { type Store, type Transaction, wake } from '../store/store.js';
import { isAnythingWaiting, keepAgeing } from '../store/waiting.js';
import type { Wakeup } from '../store/wakeup.js';
import { type World, WorldReader } from '../store/world.js';
import { Claims } from './claims.js';
import { search } from './culprit.js';
import { Drifts } from './drift.js';
import { endCrashWaits, endHopeless, endOverdue } from './end.js';
import { Intakes } from './intake.js';
import { judgeEnded, readEnded } from './judge.js';
import { NOTHING, plan, planAfter } from './plan.js';
import { recover } from './recover.js';
import { regress } from './regress.js';
import { releaseChanged } from './release.js';
import { endReservations } from './reserve.js';
import type { Settings } from './settings.js';
import { readPending, unfolding } from './submit.js';
import { Underway } from './underway.js';

/**
 * The one that decides. A beat reads the world, lets each stage decide and commit, and never waits for
 * hardware. Only the leader's beats do anything; each deciding transaction proves its epoch. Tests call
 * `beat()` by hand; `start()` beats whenever somebody wakes it, and at least every `beatMs`.
 */
export class Heartbeat {
  private readonly holder = randomUUID();
  private readonly reader = new WorldReader();
  private readonly drifts = new Drifts();
  private readonly fits = new FitIndex();
  private readonly underway = new Underway();
  private readonly intakes = new Intakes();
  private timer: NodeJS.Timeout | undefined;
  private beating: Promise<void> | undefined;
  private wanted = false;
  private stopped = true;
  private knowsAgeing = false;
  private lastPartitions = Number.NEGATIVE_INFINITY;
  private unlisten = () => {};

  constructor(
    private readonly store: Store,
    private readonly settings: Settings,
    private readonly log: (line: string) => void,
    private readonly claims: Claims = new Claims(),
  ) {}

  /** Beats from now on, until `stop`. */
  start(wakeup: Wakeup): void {
    this.stopped = false;
    const stop = wakeup.on('testyard_scheduler', () => this.kick());
    this.unlisten = () => void stop();
    this.kick();
  }

  /** Ends after the beat under way and gives the leadership back. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.unlisten();
    clearTimeout(this.timer);
    await this.beating;
    await stepDown(this.store, this.holder).catch(() => undefined);
  }

  private kick(): void {
    this.wanted = true;
    if (this.beating !== undefined || this.stopped) return;
    clearTimeout(this.timer);
    this.beating = this.run().finally(() => {
      this.beating = undefined;
      if (this.stopped) return;
      if (this.wanted) this.kick();
      else this.timer = setTimeout(() => this.kick(), this.settings.beatMs);
    });
  }

  private async run(): Promise<void> {
    this.wanted = false;
    try {
      if (await this.beat()) this.wanted = true;
    } catch (error) {
      if (error instanceof NotLeader) return;
      this.log(`scheduler: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** One beat; true where something was done, so that another one is worth while at once. */
  async beat(): Promise<boolean> {
    const { store, settings } = this;
    // What has just come is read beside all else.
    let ended = this.claims.takeOutcome() ? readEnded(store) : undefined;
    let pending = this.claims.takeSubmission() ? readPending(store) : undefined;
    ended?.catch(() => {});
    pending?.catch(() => {});
    let [felt, world] = await this.look();
    let { epoch } = felt;
    // A leader need not wait to say that it lives: each of its decisions proves the epoch.
    const isLate = epoch !== null && felt.sinceBeatS * 1000 > settings.beatMs / 4;
    if (epoch === null || felt.sinceBeatS * 1000 > settings.beatMs * 2) {
      epoch = await this.lead();
      if (epoch === null) {
        this.knowsAgeing = false;
        this.drifts.forget();
        this.underway.forget();
        return false;
      }
      // What was seen before another one led is old.
      ended = undefined;
      pending = undefined;
      [felt, world] = await this.look();
    }
    await this.partitions();
    await this.ageing(epoch);
    let done = 0;
    if (felt.lapsed) {
      done += await this.lapse(epoch);
      ended = undefined;
      world = await this.reader.read(store);
    }
    if (felt.ended || done > 0) {
      const judged = await judgeEnded(store, epoch, world, settings, ended);
      if (judged > 0) world = await this.reader.read(store);
      done += judged;
    }
    if (felt.reservationOver) {
      done += await endReservations(store, epoch);
      world = await this.reader.read(store);
    }
    if (felt.overdue) done += await endOverdue(store, epoch);
    if (felt.crashWaits) done += await endCrashWaits(store, epoch, world);
    if (felt.changedTests) done += await releaseChanged(store, epoch, world);
    const means = { settings, claims: this.claims, fits: this.fits, underway: this.underway };
    let planned = NOTHING;
    if (felt.pending) planned = await planAfter(unfolding(store, world, pending), store, epoch, world, means);
    else if (felt.waiting || (done > 0 && (await isAnythingWaiting(store))))
      planned = await plan(store, epoch, world, means);
    // Nothing follows from an assignment but what its executor will tell.
    if (planned.isPart) done += 1;
    done += await endHopeless(store, epoch, planned.hopeless);
    done += await recover(store, epoch, world, planned, settings);
    done += await this.drifts.tell(store, epoch, world);
    if (felt.seeks) done += await decide(store, epoch, (tx) => this.seek(tx, world));
    if (isLate) await this.lead();
    return done > 0;
  }

  /** Changes are tried, and those that break something are searched for. */
  private async seek(tx: Transaction, world: World): Promise<number> {
    const { settings } = this;
    return (
      (await regress(tx, world)) +
      (await search(tx, world, settings)) +
      (await this.intakes.go(tx, world, settings))
    );
  }

  /** What is to be done, and the world in which: read beside each other. */
  private look(): Promise<[Pulse, World]> {
    return Promise.all([pulse(this.store, this.holder), this.reader.read(this.store)]);
  }

  /** Takes or keeps the leadership; the epoch, if it could be had. */
  private async lead(): Promise<string | null> {
    const { store, settings } = this;
    const turn = await lead(store, this.holder, settings.leaderTtlMs);
    // Nobody could renew while nothing beat (an outage of the database, a stopped scheduler).
    if (turn !== undefined && turn.pauseS * 1000 > Math.max(settings.leaseTtlMs / 2, settings.beatMs * 2)) {
      this.log(`scheduler: ${turn.pauseS.toFixed(1)} s without a beat: every lease is granted in full again`);
      await grantAnew(store, settings.leaseTtlMs);
    }
    return turn?.epoch ?? null;
  }

  /** What the last beat saw, for whoever explains things. */
  async world(): Promise<World> {
    return this.reader.read(this.store);
  }

  private async lapse(epoch: string): Promise<number> {
    const lapsed = await lapsedLeases(this.store);
    for (const lease of lapsed) {
      await decide(this.store, epoch, async (tx) => {
        const reason = `the lease of executor ${lease.executor} ran out`;
        if (!(await endLease(tx, lease.id, reason, true))) return;
        await chronicle(tx, [
          { kind: 'lease.lapsed', subject: `l${lease.id}`, data: { executor: lease.executor, reason } },
        ]);
        await wake(tx, 'testyard_executors', 'testyard_history');
      });
    }
    return lapsed.length;
  }

  /** What another scheduler or an earlier setting went by is no longer so. */
  private async ageing(epoch: string): Promise<void> {
    if (this.knowsAgeing) return;
    await decide(this.store, epoch, (tx) => keepAgeing(tx, this.settings.ageingS));
    this.knowsAgeing = true;
  }

  private async partitions(): Promise<void> {
    if (performance.now() - this.lastPartitions < 60_000) return;
    this.lastPartitions = performance.now();
    await this.store.rows('SELECT grid_ensure_partitions()');
  }
}
