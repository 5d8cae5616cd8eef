import type { Readable } from 'node:stream';
import { artefactEnvironment, artefactFiles } from '../domain/submit/artefact.js';
import type { TestSpec } from '../domain/test.js';
import { BlobMissing, type Blobs } from '../ports/blobs.js';
import { GridLink } from '../protocol/grid-link.js';
import type {
  Assignment,
  Claim,
  Claimed,
  Keep,
  Kept,
  Register,
  Registered,
  Renew,
  Renewed,
  Report,
  Reported,
} from '../protocol/messages.js';
import { LeaseDead, PROTOCOL, Refused } from '../protocol/terms.js';
import { isUnderTest, noteUpload } from '../store/blob.js';
import { chronicle } from '../store/chronicle.js';
import { endLease } from '../store/lapsing.js';
import {
  grantLease,
  holdLease,
  livingAttempts,
  mayRegister,
  olderLeases,
  renewLease,
} from '../store/leasing.js';
import {
  type Batch,
  changeStack,
  closeEndings,
  endedBy,
  type Handout,
  handOut,
  lockAttempts,
  seeTags,
  writeBatch,
} from '../store/recording.js';
import { type Sql, type Store, wake } from '../store/store.js';
import type { Wakeup } from '../store/wakeup.js';
import { batchOf, type CountedEntry, whatCounts } from './batch.js';
import { Claims } from './claims.js';
import { stackChanges } from './host-facts.js';
import type { Settings } from './settings.js';

/** An executor asked for what it may not have. */
export class NotYours extends Error {
  override readonly name = 'NotYours';
}

/**
 * The grid's side of the protocol: it records what executors say, in one transaction per report that holds
 * the lease alive, and wakes the scheduler. It decides nothing.
 */
export class RecordDesk extends GridLink {
  constructor(
    private readonly store: Store,
    private readonly wakeup: Wakeup,
    private readonly settings: Settings,
    private readonly claims: Claims = new Claims(),
    /** Where uploads are kept; a process that nobody asks for them may have none. */
    private readonly blobs?: Blobs,
  ) {
    super();
  }

  /** `token`: what the executor showed; the first to use a name keeps it. Undefined in process. */
  override async register(request: Register, token?: string): Promise<Registered> {
    if (request.protocol.split('.')[0] !== PROTOCOL.split('.')[0]) {
      throw new NotYours(`protocol ${request.protocol} is not spoken here: ${PROTOCOL} is`);
    }
    const granted = await this.store.transaction(async (tx) => {
      const allowed = await mayRegister(tx, request, token);
      // Thrown in the transaction: who is refused does not keep the name that was asked for.
      if (allowed === 'not_yours')
        throw new NotYours(`executor ${request.executor} belongs to another token`);
      if (allowed === 'incarnation_over') throw new LeaseDead('this incarnation is over: start anew');
      if (allowed.lease !== undefined) return { lease: allowed.lease };
      // A new incarnation means that the old one is over, whatever its lease says.
      for (const old of await olderLeases(tx, allowed.executor)) {
        await endLease(tx, old.id, `executor ${request.executor} started anew`, false);
      }
      const lease = await grantLease(tx, allowed.executor, request, this.settings.leaseTtlMs);
      await chronicle(tx, [
        { kind: 'lease.granted', subject: `l${lease}`, data: { executor: request.executor } },
      ]);
      await wake(tx, 'testyard_scheduler', 'testyard_history');
      return { lease };
    });
    return {
      lease: granted.lease,
      ttlMs: this.settings.leaseTtlMs,
      renewEveryMs: this.settings.leaseRenewMs,
      protocol: PROTOCOL,
    };
  }

  /** `gone` aborts when the executor hung up: nothing is handed out to nobody. */
  override async claim(request: Claim, gone?: AbortSignal): Promise<Claimed> {
    const until = performance.now() + request.waitMs;
    for (;;) {
      let woken = () => {};
      const news = new Promise<void>((resolve) => {
        woken = resolve;
      });
      const stop = this.wakeup.on('testyard_executors', woken);
      try {
        if (gone?.aborted) return { assignments: [], stop: [] };
        const living = await livingAttempts(this.store, request.lease);
        const handouts = living.some((a) => a.due) ? await handOut(this.store, request.lease, 500) : [];
        const stops = living.flatMap((a) => (a.stop === null ? [] : [{ attempt: a.attempt, why: a.stop }]));
        const left = until - performance.now();
        if (handouts.length > 0 || stops.length > 0 || left <= 0) {
          if (living.length === 0 && !(await leaseLives(this.store, request.lease)))
            throw new LeaseDead('the lease has ended');
          return { assignments: handouts.map((h) => this.assignment(h)), stop: stops };
        }
        // Woken by the scheduler; the bound finds what was handed out and got lost on the way.
        const claim = this.claims.wait(request.lease, gone);
        await Promise.race([news, claim.work, timer(Math.min(left, 5_000))]);
        const handedOver = claim.end();
        if (handedOver.length > 0)
          return { assignments: handedOver.map((h) => this.assignment(h)), stop: [] };
      } finally {
        stop();
      }
    }
  }

  private assignment(handout: Handout): Assignment {
    const { spec, variant, artefacts, handling } = handout;
    const environment = { ...spec.environment, ...variant, ...artefactEnvironment(artefacts) };
    const files = artefactFiles(artefacts);
    const wanted = spec.handlers ?? [];
    const handlers = Object.entries(handling.listed).filter(
      ([name, { always }]) => always || wanted.includes(name),
    );
    return {
      run: handout.run,
      attempt: handout.attempt,
      number: handout.number,
      places: handout.places,
      test: { ...mayHandle(spec, handling.isTrusted), environment },
      outputLimitBytes: this.settings.outputLimitBytes,
      ...(files.length === 0 ? {} : { artefacts: files }),
      ...(handlers.length === 0 ? {} : { handlers: Object.fromEntries(handlers) }),
    };
  }

  override async renew(request: Renew): Promise<Renewed> {
    if (!(await renewLease(this.store, request.lease, this.settings.leaseTtlMs, request.draining))) {
      throw new LeaseDead('the lease has ended');
    }
    const living = await livingAttempts(this.store, request.lease);
    const ids = new Set(living.map((a) => a.attempt));
    return {
      ttlMs: this.settings.leaseTtlMs,
      stop: living.flatMap((a) => (a.stop === null ? [] : [{ attempt: a.attempt, why: a.stop }])),
      gone: request.attempts.filter((attempt) => !ids.has(attempt)),
    };
  }

  override async report(request: Report): Promise<Reported> {
    return this.store.transaction(async (tx) => {
      const named = new Map([...request.entries, ...request.segments].map((e) => [e.attempt, e.run]));
      // Said together, carried out in this order: so in all of this transaction.
      const [lives, mine] = await Promise.all([
        holdLease(tx, request.lease),
        lockAttempts(tx, request.lease, [...named.keys()]),
      ]);
      if (!lives) throw new LeaseDead('the lease has ended');
      const locked = new Map(mine.map((a) => [a.attempt, a]));
      const away = [...named]
        .filter(([attempt]) => !locked.has(attempt))
        .map(([attempt, run]) => ({ attempt, run }));
      const over = await endedBy(tx, request.lease, away);
      const open = new Map([...locked.values()].filter((a) => !a.ended).map((a) => [a.attempt, a]));
      const entries = inOrder(request.entries, open);
      const segments = request.segments.filter((s) => open.get(s.attempt)?.run === s.run);
      const told = mine.flatMap((a) => (a.decided === null ? [] : [[a.attempt, a.decided] as const]));
      const counted = whatCounts(entries, new Map(told));
      const batch = batchOf(counted, segments);
      const kinds = new Map([...named.keys()].map((attempt) => [attempt, [] as string[]]));
      for (const { attempt, event } of counted) if (event) kinds.get(attempt)?.push(event.kind);
      const news = [...named].flatMap(([attempt, run]) => {
        const project = open.get(attempt)?.project;
        if (project === undefined) return [];
        const data = { events: kinds.get(attempt) };
        return [{ kind: 'attempt.news', subject: `a${attempt}`, run, project, data }];
      });
      const facts = entries.filter((_, i) => counted[i]?.event !== undefined);
      await Promise.all([writeBatch(tx, batch), this.facts(tx, facts, batch), chronicle(tx, news)]);
      await closeEndings(
        tx,
        batch.progress.filter((p) => p.ended !== undefined && locked.get(p.attempt)?.state === 'ending'),
      );
      if (isForScheduler(counted)) this.claims.outcomeComes();
      await wake(
        tx,
        'testyard_history',
        ...(isForScheduler(counted) ? (['testyard_scheduler'] as const) : []),
      );
      const upTo = new Map(entries.map((e) => [e.attempt, e.seq]));
      const asked = new Map<string, number>();
      for (const e of request.entries) asked.set(e.attempt, Math.max(asked.get(e.attempt) ?? 0, e.seq));
      return {
        attempts: [...named.keys()].map((attempt) => {
          const known = locked.get(attempt);
          if (known !== undefined) {
            const recorded = known.ended
              ? Math.max(asked.get(attempt) ?? 0, known.seq)
              : (upTo.get(attempt) ?? known.seq);
            return { attempt, recorded };
          }
          if (over.has(attempt)) return { attempt, recorded: asked.get(attempt) ?? 0 };
          return { attempt, refused: 'not_yours' as const };
        }),
      };
    });
  }

  /** A submission is being accepted beside: a hint for the scheduler of this process. */
  submissionComes(): void {
    this.claims.submissionComes();
  }

  override async release(lease: string, reason: string): Promise<void> {
    await this.store.transaction(async (tx) => {
      if (!(await endLease(tx, lease, reason, false))) return;
      await chronicle(tx, [{ kind: 'lease.released', subject: `l${lease}`, data: { reason } }]);
      await wake(tx, 'testyard_scheduler', 'testyard_history');
    });
  }

  override async blob(lease: string, digest: string): Promise<Readable> {
    if (!(await isUnderTest(this.store, lease, digest))) {
      if (!(await leaseLives(this.store, lease))) throw new LeaseDead('the lease has ended');
      throw new Refused(`no attempt of this lease has blob ${digest} under test`, true);
    }
    if (this.blobs === undefined) throw new BlobMissing(digest);
    return await this.blobs.open(digest);
  }

  override async keep({ lease, data }: Keep): Promise<Kept> {
    if (!(await leaseLives(this.store, lease))) throw new LeaseDead('the lease has ended');
    if (this.blobs === undefined) throw new Error('this process keeps no files');
    const stored = await this.blobs.put([Buffer.from(data, 'base64')]);
    await noteUpload(this.store, stored);
    return { digest: stored.digest };
  }

  /** What the events say about hosts: tags seen, what the stack carries, what was changed. */
  private async facts(sql: Sql, entries: readonly Entry[], batch: Batch): Promise<void> {
    for (const change of await stackChanges(sql, entries)) await changeStack(sql, change);
    await seeTags(sql, batch);
  }
}

type Entry = Report['entries'][number];

/** An outcome is there to be judged, or a seat to be given. */
function isForScheduler(entries: readonly CountedEntry[]): boolean {
  return entries.some(({ event }) => event?.kind === 'decided' || event?.kind === 'ended');
}

async function leaseLives(sql: Sql, lease: string): Promise<boolean> {
  const rows = await sql.rows(`SELECT 1 FROM lease WHERE id = $1 AND ended_at IS NULL`, [lease]);
  return rows.length > 0;
}

/** Entries that continue what is recorded, without gaps; repeated ones are passed over, nothing follows an end. */
function inOrder(
  entries: readonly Entry[],
  open: ReadonlyMap<string, { seq: number; run: string }>,
): Entry[] {
  const next = new Map([...open].map(([attempt, a]) => [attempt, a.seq + 1]));
  const taken: Entry[] = [];
  for (const entry of [...entries].sort((a, b) => a.seq - b.seq)) {
    // An executor writes to its own attempts, whatever run it names.
    if (next.get(entry.attempt) !== entry.seq || open.get(entry.attempt)?.run !== entry.run) continue;
    next.set(entry.attempt, entry.event.kind === 'ended' ? Number.NaN : entry.seq + 1);
    taken.push(entry);
  }
  return taken;
}

function timer(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** Trust may have been withdrawn since the test was submitted. */
function mayHandle({ programs, ...spec }: TestSpec, isTrusted: boolean): TestSpec {
  return isTrusted && programs !== undefined ? { ...spec, programs } : spec;
}
