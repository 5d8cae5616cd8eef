import { canonicalJson } from '../domain/digest.js';
import { type Layer, lowest, reaches } from '../domain/layer.js';
import type { AttemptEnd } from '../domain/outcome.js';
import { GridLink } from '../protocol/grid-link.js';
import {
  type Assignment,
  type AttemptEvent,
  type Claim,
  type Claimed,
  LeaseDead,
  type PlacePlan,
  PROTOCOL,
  type Register,
  type Registered,
  type Renew,
  type Renewed,
  type Report,
  type Reported,
} from '../protocol/messages.js';
import { chronicle } from '../store/chronicle.js';
import { endLease } from '../store/lapsing.js';
import {
  type Batch,
  changeStack,
  endedBy,
  grantLease,
  handOut,
  holdLease,
  livingAttempts,
  lockAttempts,
  olderLeases,
  renewLease,
  type StackChange,
  seeTags,
  writeBatch,
} from '../store/recording.js';
import { type Sql, type Store, wake } from '../store/store.js';
import type { Wakeup } from '../store/wakeup.js';
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
  ) {
    super();
  }

  /** `token`: what the executor showed; the first to use a name keeps it. Undefined in process. */
  override async register(request: Register, token?: string): Promise<Registered> {
    if (request.protocol.split('.')[0] !== PROTOCOL.split('.')[0]) {
      throw new NotYours(`protocol ${request.protocol} is not spoken here: ${PROTOCOL} is`);
    }
    const granted = await this.store.transaction(async (tx) => {
      // A new incarnation means that the old one is over, whatever its lease says.
      for (const old of await olderLeases(tx, request.executor, request.incarnation)) {
        await endLease(tx, old.id, `executor ${request.executor} started anew`, false);
      }
      const result = await grantLease(tx, request, token, this.settings.leaseTtlMs);
      if (typeof result === 'string') return result;
      await chronicle(tx, [
        { kind: 'lease.granted', subject: `l${result.lease}`, data: { executor: request.executor } },
      ]);
      await wake(tx, 'testyard_scheduler', 'testyard_history');
      return result;
    });
    if (granted === 'not_yours') throw new NotYours(`executor ${request.executor} belongs to another token`);
    if (granted === 'incarnation_over') throw new LeaseDead('this incarnation is over: start anew');
    return {
      lease: granted.lease,
      ttlMs: this.settings.leaseTtlMs,
      renewEveryMs: this.settings.leaseRenewMs,
    };
  }

  override async claim(request: Claim): Promise<Claimed> {
    const until = performance.now() + request.waitMs;
    for (;;) {
      let woken = () => {};
      const news = new Promise<void>((resolve) => {
        woken = resolve;
      });
      const stop = this.wakeup.on('testyard_executors', woken);
      try {
        const living = await livingAttempts(this.store, request.lease);
        const handouts = living.length === 0 ? [] : await handOut(this.store, request.lease, 500);
        const stops = living.flatMap((a) => (a.stop === null ? [] : [{ attempt: a.attempt, why: a.stop }]));
        const left = until - performance.now();
        if (handouts.length > 0 || stops.length > 0 || left <= 0) {
          if (living.length === 0 && !(await leaseLives(this.store, request.lease)))
            throw new LeaseDead('the lease has ended');
          return { assignments: handouts.map((h) => this.assignment(h)), stop: stops };
        }
        // Woken by the scheduler; the bound finds what was handed out and got lost on the way.
        await Promise.race([news, timer(Math.min(left, 5_000))]);
      } finally {
        stop();
      }
    }
  }

  private assignment(handout: Awaited<ReturnType<typeof handOut>>[number]): Assignment {
    return {
      run: handout.run,
      attempt: handout.attempt,
      number: handout.number,
      places: handout.places,
      test: { ...handout.spec, environment: { ...handout.spec.environment, ...handout.variant } },
      outputLimitBytes: this.settings.outputLimitBytes,
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
      if (!(await holdLease(tx, request.lease))) throw new LeaseDead('the lease has ended');
      const named = new Map([...request.entries, ...request.segments].map((e) => [e.attempt, e.run]));
      const locked = new Map(
        (await lockAttempts(tx, request.lease, [...named.keys()])).map((a) => [a.attempt, a]),
      );
      const away = [...named]
        .filter(([attempt]) => !locked.has(attempt))
        .map(([attempt, run]) => ({ attempt, run }));
      const over = await endedBy(tx, request.lease, away);
      const open = new Map([...locked.values()].filter((a) => !a.ended).map((a) => [a.attempt, a]));
      const entries = inOrder(request.entries, open);
      const segments = request.segments.filter((s) => open.has(s.attempt));
      const batch = batchOf(entries, segments);
      await writeBatch(tx, batch);
      await this.facts(tx, entries, batch);
      const ended = entries.filter((e) => e.event.kind === 'ended');
      await chronicle(
        tx,
        [...named].flatMap(([attempt, run]) => {
          const project = open.get(attempt)?.project;
          if (project === undefined) return [];
          const kinds = entries.filter((e) => e.attempt === attempt).map((e) => e.event.kind);
          return [{ kind: 'attempt.news', subject: `a${attempt}`, run, project, data: { events: kinds } }];
        }),
      );
      await wake(tx, 'testyard_history', ...(ended.length > 0 ? (['testyard_scheduler'] as const) : []));
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

  override async release(lease: string, reason: string): Promise<void> {
    await this.store.transaction(async (tx) => {
      if (!(await endLease(tx, lease, reason, false))) return;
      await chronicle(tx, [{ kind: 'lease.released', subject: `l${lease}`, data: { reason } }]);
      await wake(tx, 'testyard_scheduler', 'testyard_history');
    });
  }

  /** What the events say about hosts: tags seen, what the stack carries, what was changed. */
  private async facts(sql: Sql, entries: readonly Entry[], batch: Batch): Promise<void> {
    for (const change of await stackChanges(sql, entries)) await changeStack(sql, change);
    await seeTags(sql, batch);
  }
}

type Entry = Report['entries'][number];

async function leaseLives(sql: Sql, lease: string): Promise<boolean> {
  const rows = await sql.rows(`SELECT 1 FROM lease WHERE id = $1 AND ended_at IS NULL`, [lease]);
  return rows.length > 0;
}

/** Entries that continue what is recorded, without gaps; repeated ones are passed over, nothing follows an end. */
function inOrder(entries: readonly Entry[], open: ReadonlyMap<string, { seq: number }>): Entry[] {
  const next = new Map([...open].map(([attempt, a]) => [attempt, a.seq + 1]));
  const taken: Entry[] = [];
  for (const entry of [...entries].sort((a, b) => a.seq - b.seq)) {
    if (next.get(entry.attempt) !== entry.seq) continue;
    next.set(entry.attempt, entry.event.kind === 'ended' ? Number.NaN : entry.seq + 1);
    taken.push(entry);
  }
  return taken;
}

function batchOf(entries: readonly Entry[], segments: Report['segments']): Batch {
  const progress = new Map<string, Batch['progress'][number]>();
  const batch = {
    stepsStarted: [] as Batch['stepsStarted'][number][],
    stepsEnded: [] as Batch['stepsEnded'][number][],
    cases: [] as Batch['cases'][number][],
    measurements: [] as Batch['measurements'][number][],
    tags: [] as Batch['tags'][number][],
  };
  const places = new Map<string, Batch['places'][number]>();
  const place = (entry: Entry, role: string, news: Partial<Batch['places'][number]>) => {
    const key = `${entry.attempt} ${role}`;
    places.set(key, { run: entry.run, attempt: entry.attempt, role, ...places.get(key), ...news });
  };
  for (const entry of entries) {
    const { run, attempt, event } = entry;
    const ids = { run, attempt };
    const so = progress.get(attempt) ?? {
      ...ids,
      seq: 0,
      begun: false,
      chainDone: false,
      verified: false,
      testStarted: false,
    };
    const now = { ...so, seq: entry.seq };
    switch (event.kind) {
      case 'begun':
        now.begun = true;
        break;
      case 'chain_done':
        now.chainDone = true;
        break;
      case 'test_started':
        now.testStarted = true;
        break;
      case 'seen':
        place(entry, event.role, {
          before: event.fingerprint,
          ...(event.fingerprint ? { bootId: event.fingerprint.boot } : {}),
        });
        batch.tags.push(...event.tags.map((t) => ({ attempt, role: event.role, ...t })));
        break;
      case 'verified':
        now.verified = true;
        place(entry, event.role, { verified: event.tags });
        batch.tags.push(...event.tags.map((t) => ({ attempt, role: event.role, ...t })));
        break;
      case 'step_started':
        batch.stepsStarted.push({ ...ids, kind: event.what, ...pick(event) });
        break;
      case 'step_ended':
        batch.stepsEnded.push({ ...ids, ...event });
        break;
      case 'case':
        batch.cases.push({
          ...ids,
          role: event.role,
          seq: event.seq,
          name: event.name,
          result: event.result,
          message: event.message,
        });
        if (event.measurement !== undefined)
          batch.measurements.push({ ...ids, seq: event.seq, ...measured(event.measurement) });
        break;
      case 'ended': {
        const { outcome } = event.end;
        Object.assign(now, { outcome: outcome.kind, detail: { ...event.end }, ended: event.end });
        for (const p of event.places) {
          const dirtied = event.end.dirtied === undefined ? {} : { dirtied: event.end.dirtied };
          place(entry, p.role, {
            after: p.fingerprint,
            outputBytes: p.outputBytes,
            outputCut: p.outputCut,
            ...dirtied,
          });
        }
        if (outcome.kind === 'tag_lied') {
          for (const p of event.places)
            batch.tags.push({ attempt, role: p.role, tag: outcome.tag, presence: outcome.presence });
        }
        break;
      }
    }
    progress.set(attempt, now);
  }
  return { ...batch, progress: [...progress.values()], places: [...places.values()], segments };
}

function pick(event: Extract<AttemptEvent, { kind: 'step_started' }>) {
  const { role, seq, step, layer, key } = event;
  return {
    role,
    seq,
    step,
    ...(layer === undefined ? {} : { layer }),
    ...(key === undefined ? {} : { key }),
  };
}

function measured(measurement: { raw: string; unit: string }) {
  const value = Number(measurement.raw);
  return measurement.raw.trim() !== '' && Number.isFinite(value) ? { ...measurement, value } : measurement;
}

/** What the events of attempts did to what their hosts carry, in order. */
async function stackChanges(sql: Sql, entries: readonly Entry[]): Promise<StackChange[]> {
  const touching = entries.filter((e) => TOUCHING.has(e.event.kind));
  if (touching.length === 0) return [];
  const rows = await sql.rows<About & { attempt: string; local: boolean }>(
    `SELECT a.id AS attempt, a.plan, q.purpose, h.fingerprint, h.used_since_stack AS used, h.dirty_from AS "dirtyFrom", h.transport->>'kind' = 'local' AS local,
       coalesce((SELECT jsonb_agg(jsonb_build_object('seq', s.seq, 'kind', s.kind, 'step', s.step)) FROM step_run s
         WHERE s.run_id = a.run_id AND s.attempt_id = a.id AND s.kind = 'chain'), '[]') AS steps
     FROM jsonb_to_recordset($1::jsonb) AS g(run bigint, attempt bigint)
     JOIN attempt a ON a.run_id = g.run AND a.id = g.attempt JOIN queue q ON q.run_id = a.run_id
     JOIN host_seat st ON st.attempt_id = a.id AND st.role = 'main' JOIN host h ON h.id = st.host_id`,
    [
      JSON.stringify([
        ...new Map(touching.map((e) => [e.attempt, { run: e.run, attempt: e.attempt }])).values(),
      ]),
    ],
  );
  const known = new Map(rows.filter((r) => !r.local).map((r) => [r.attempt, r]));
  return touching.flatMap((entry) => {
    const about = known.get(entry.attempt);
    return about === undefined ? [] : changesOf(entry, about).filter((change) => isNews(change, about));
  });
}

const TOUCHING: ReadonlySet<string> = new Set([
  'seen',
  'step_started',
  'step_ended',
  'verified',
  'test_started',
  'ended',
]);

/** What is known of an attempt's host while its events are gone through; kept up with each change. */
interface About {
  readonly plan: readonly PlacePlan[];
  readonly purpose: string;
  readonly steps: readonly { seq: number; kind: string; step: string }[];
  fingerprint: Record<string, string> | null;
  used: boolean;
  dirtyFrom: Layer | null;
}

/** Most events of a host in steady use change nothing; those cost no statement. */
function isNews(change: StackChange, about: About): boolean {
  switch (change.kind) {
    case 'looks': {
      const same =
        about.fingerprint !== null && canonicalJson(about.fingerprint) === canonicalJson(change.fingerprint);
      about.fingerprint = change.fingerprint as Record<string, string>;
      return !same;
    }
    case 'used':
      if (about.used) return false;
      about.used = true;
      return true;
    case 'dirtied':
      if (about.used && about.dirtyFrom !== null && reaches(about.dirtyFrom, change.layer)) return false;
      about.dirtyFrom = lowest(about.dirtyFrom ?? undefined, change.layer) ?? null;
      about.used = true;
      return true;
    default:
      about.fingerprint = null;
      if (change.kind === 'step_ok' && change.restore) Object.assign(about, { used: false, dirtyFrom: null });
      return true;
  }
}

function changesOf({ attempt, event }: Entry, about: About): StackChange[] {
  const own = about.purpose === 'canary' || about.purpose === 'recovery';
  switch (event.kind) {
    case 'seen':
      return seenChanges(attempt, event, about.fingerprint);
    case 'verified':
      return event.fingerprint === undefined
        ? []
        : [{ kind: 'looks', attempt, role: event.role, fingerprint: event.fingerprint }];
    case 'step_started':
      if (event.what === 'setup' && !own) return [{ kind: 'used', attempt, role: event.role }];
      if (event.what !== 'chain' || event.layer === undefined) return [];
      return [{ kind: 'step_started', attempt, role: event.role, layer: event.layer }];
    case 'step_ended': {
      const name = about.steps.find((s) => s.seq === event.seq)?.step;
      const step = about.plan.flatMap((p) => p.chain).find((s) => s.name === name);
      if (step === undefined) return [];
      if (event.result !== 'ok') return [{ kind: 'step_failed', attempt, role: event.role }];
      const { layer, key, gives } = step;
      return [
        {
          kind: 'step_ok',
          attempt,
          role: event.role,
          layer,
          step: step.name,
          key,
          gives,
          restore: step.action.kind === 'restore',
        },
      ];
    }
    case 'test_started':
      return own ? [] : about.plan.map((p) => ({ kind: 'used', attempt, role: p.role }));
    case 'ended':
      return event.places.flatMap((p) => endChanges(attempt, p, event.end));
    default:
      return [];
  }
}

function endChanges(
  attempt: string,
  place: { role: string; fingerprint?: unknown },
  end: AttemptEnd,
): StackChange[] {
  const changes: StackChange[] = [];
  if (end.dirtied !== undefined)
    changes.push({ kind: 'dirtied', attempt, role: place.role, layer: end.dirtied });
  if (place.fingerprint !== undefined)
    changes.push({ kind: 'looks', attempt, role: place.role, fingerprint: place.fingerprint });
  return changes;
}

/** A host that does not look as it was left: what differs says from which layer up nothing is known. */
function seenChanges(
  attempt: string,
  event: Extract<AttemptEvent, { kind: 'seen' }>,
  before: unknown,
): StackChange[] {
  const now = event.fingerprint;
  if (now === undefined) return [];
  const looks: StackChange = { kind: 'looks', attempt, role: event.role, fingerprint: now };
  if (before === null) return [looks];
  const differs = (part: keyof typeof now) => before[part] !== now[part];
  let layer: 'packages' | 'boot' | undefined;
  if (differs('boot') || differs('modules') || differs('cmdline') || differs('sysctls')) layer = 'boot';
  if (differs('packages')) layer = lowest(layer, 'packages') as 'packages';
  return layer === undefined ? [] : [{ kind: 'dirtied', attempt, role: event.role, layer }, looks];
}

function timer(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
