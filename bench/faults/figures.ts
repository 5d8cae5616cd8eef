import type { Inventory } from '../../src/domain/inventory.js';
import type { Store } from '../../src/store/store.js';
import { type Figure, quantile } from '../parts/report.js';
import type { Fault } from './fault.js';

/** What a campaign leaves to be judged. */
export interface Campaign {
  readonly store: Store;
  readonly faults: readonly Fault[];
  /** Attempts that a fault struck. */
  readonly struck: ReadonlyMap<string, ReadonlySet<number>>;
  readonly inventory: Inventory;
  readonly untilS: number;
  readonly isRed: (test: string) => boolean;
  /** Each kind of faults is shown, not only those of which one was not right. */
  readonly allKinds: boolean;
  /** It still goes on: what began later than this is not judged yet. */
  readonly asOfS?: number;
}

interface Told {
  readonly incident: string;
  readonly owner: string;
  readonly scope: string;
}

interface Thread {
  readonly id: string;
  readonly scope: string;
  readonly of: string | null;
  readonly host: string | null;
  readonly attempts: readonly string[];
  /** The works that failed. */
  readonly works: readonly string[];
  readonly said: string;
  readonly told: readonly Told[];
  /** What became of it, line by line. */
  readonly story: readonly string[];
}

/** The figures, each held against the truth; and what was not right, for whoever mends the engine. */
export async function figuresOf(campaign: Campaign) {
  const { store, faults, struck } = campaign;
  const threads = await threadsOf(store);
  const byFault = new Map(faults.map(({ id }) => [id, [] as Thread[]]));
  for (const thread of threads) {
    const ids = thread.attempts.flatMap((attempt) => [...(struck.get(attempt) ?? [])]);
    // Where several faults struck it is that of which its owner was told, if it was one of them; else what struck most.
    const isSaid = ({ truth }: Fault) => truth.scope === thread.scope && truth.of === thread.of;
    const said = faults.filter((fault) => ids.includes(fault.id) && isSaid(fault)).map(({ id }) => id);
    const id = mostly(
      thread.told.length > 0 && said.length > 0 ? ids.filter((one) => said.includes(one)) : ids,
    );
    if (id !== undefined) byFault.get(id)?.push(thread);
  }
  const { asOfS = Number.POSITIVE_INFINITY } = campaign;
  const runs = (await runsOf(store)).filter(({ at }) => at < asOfS);
  const attempts = await store.rows<{ id: string; run: string; wasOwed: boolean }>(
    `SELECT a.id, a.run_id::text AS run, a.id IS NOT DISTINCT FROM r.verdict_attempt AS "wasOwed"
     FROM attempt a JOIN run r ON r.id = a.run_id WHERE r.purpose = 'test'`,
  );
  // What gave its run the verdict that it was owed was not lost.
  const testAttempts = new Set(attempts.flatMap(({ id, wasOwed }) => (wasOwed ? [] : [id])));
  const lost = new Map<number, number>();
  for (const [attempt, ids] of struck)
    if (testAttempts.has(attempt)) for (const id of ids) lost.set(id, (lost.get(id) ?? 0) + 1);

  const notes: unknown[] = [];
  const struckFaults = faults.filter(
    ({ id, kind, fromS }) => fromS < asOfS && (kind === 'executor dies' || (lost.get(id) ?? 0) > 0),
  );
  const threadsFor = ({ id }: Fault) => byFault.get(id) ?? [];
  const runOf = new Map(attempts.map(({ id, run }) => [id, run]));
  const runsHit = ({ id }: Fault) => {
    const hit = new Set([...struck].flatMap(([attempt, ids]) => (ids.has(id) ? [runOf.get(attempt)] : [])));
    return runs.filter((run) => hit.has(run.id));
  };
  // What it did to a host may have gone into the thread of the next that came over the same host.
  const answersTo = ({ id, truth }: Fault, own: readonly Thread[]) =>
    own.some((thread) => thread.told.length > 0)
      ? own
      : threads.filter(
          (thread) =>
            own.includes(thread) ||
            (thread.told.length > 0 &&
              thread.scope === truth.scope &&
              thread.of === truth.of &&
              thread.attempts.some((attempt) => struck.get(attempt)?.has(id) === true)),
        );
  const right = struckFaults.filter((fault) =>
    isBlamedRight(fault, answersTo(fault, threadsFor(fault)), campaign, runsHit(fault)),
  );
  for (const fault of struckFaults.filter((one) => !right.includes(one)))
    notes.push({
      wrong: fault.kind,
      truth: fault.truth,
      at: fault.fromS,
      struck: await whatCameOf(
        store,
        [...struck].flatMap(([attempt, ids]) => (ids.has(fault.id) ? [attempt] : [])),
      ),
      threads: threadsFor(fault),
      // What struck may have been taken for part of something else.
      others: threads.filter(
        (thread) =>
          !threadsFor(fault).includes(thread) &&
          thread.attempts.some((attempt) => struck.get(attempt)?.has(fault.id) === true),
      ),
    });
  const told = struckFaults.map((fault) =>
    (byFault.get(fault.id) ?? []).filter((thread) => thread.told.length > 0),
  );
  for (const list of told.filter(({ length }) => length > 1)) notes.push({ severalThreads: list });
  const toldThreads = told.filter((list) => list.length > 0);
  const wrongMails = struckFaults.flatMap((fault) =>
    (byFault.get(fault.id) ?? []).flatMap((thread) =>
      thread.told
        .filter(({ owner }) => owner !== fault.truth.owner)
        .map((one) => ({ kind: fault.kind, truth: fault.truth.of, ...one, story: thread.story })),
    ),
  );
  const stray = threads.filter(
    (thread) => thread.told.length > 0 && !thread.attempts.some((attempt) => struck.has(attempt)),
  );
  for (const one of [...wrongMails, ...stray]) notes.push({ wrongMail: one });
  const quarantines = await wrongQuarantines(campaign);
  for (const one of quarantines) notes.push({ wrongQuarantine: one });

  const served = runs.filter(({ test, at }) => !wasKiller(campaign, test, at));
  const falseReds = served.filter(({ test, verdict }) => verdict === 'failed' && !campaign.isRed(test));
  const reds = runs.filter(({ test }) => campaign.isRed(test));
  const kept = reds.filter(({ verdict }) => verdict === 'failed');
  const rightRuns = served.filter(
    ({ test, verdict }) => verdict === (campaign.isRed(test) ? 'failed' : 'passed'),
  );
  for (const run of falseReds) notes.push({ falseRed: run });
  for (const run of served.filter((one) => !rightRuns.includes(one) && !falseReds.includes(one)))
    notes.push({ verdict: run });
  const idle = await idledNeedlessly(campaign);
  const shared = struckFaults.filter(
    ({ isShared, kind, truth }) => isShared && kind !== 'executor dies' && truth.scope !== 'test',
  );
  const hits = shared.map(({ id }) => lost.get(id) ?? 0);
  const perKind: Record<string, Figure> = {};
  for (const kind of new Set(faults.map((fault) => fault.kind))) {
    const mine = struckFaults.filter((fault) => fault.kind === kind);
    const good = mine.filter((fault) => right.includes(fault)).length;
    if (good < mine.length || campaign.allKinds)
      perKind[`  right: ${kind} (of ${mine.length})`] = { value: good };
  }
  const figures: Record<string, Figure> = {
    faults_injected: { value: faults.filter(({ fromS }) => fromS < asOfS).length },
    faults_that_struck: { value: struckFaults.length },
    runs: { value: runs.length },
    false_reds: { value: falseReds.length, bound: { kind: 'exactly', than: 0 } },
    true_reds_kept: { value: kept.length / reds.length, bound: { kind: 'exactly', than: 1 } },
    right_verdicts: { value: rightRuns.length / served.length, bound: { kind: 'least', than: 0.99 } },
    blame_right: { value: right.length / struckFaults.length, bound: { kind: 'least', than: 0.95 } },
    ...perKind,
    threads_per_cause: {
      value: toldThreads.reduce((sum, list) => sum + list.length, 0) / toldThreads.length,
      bound: { kind: 'exactly', than: 1 },
    },
    mails_to_wrong_person: { value: wrongMails.length + stray.length, bound: { kind: 'exactly', than: 0 } },
    wrong_quarantines: { value: quarantines.length, bound: { kind: 'exactly', than: 0 } },
    hosts_idled_needlessly: { value: idle, bound: { kind: 'most', than: 0.05 } },
    detect_to_hold_runs: { value: quantile(hits, 0.5), bound: { kind: 'most', than: 3 } },
  };
  return { figures, notes };
}

/**
 * Right is the cause that was injected, and nobody else told. Where only one step showed a host's fault, that step on this
 * host is the narrowest that explains it. A test that takes hosts down is blamed by its verdict: crashed. `hit`: the runs
 * that the fault struck.
 */
function isBlamedRight(
  fault: Fault,
  threads: readonly Thread[],
  { inventory }: Campaign,
  hit: readonly RunSeen[],
): boolean {
  const told = threads.filter((thread) => thread.told.length > 0);
  const { scope, of } = fault.truth;
  if (scope === 'nobody') return told.length === 0;
  if (fault.kind === 'test that kills its host') {
    // Its run may have waited since before the fault began.
    const crashed = hit.some(
      ({ test, verdict, reason }) => test === of && verdict === 'failed' && reason.startsWith('crashed'),
    );
    return told.length === 0 && crashed;
  }
  return (
    told.length > 0 &&
    told.every((thread) => {
      if (thread.scope === scope && thread.of === of) return true;
      const steps = new Set(thread.works.filter((work) => work.startsWith('step:')));
      return (
        scope === 'host' &&
        thread.scope === 'step_on_host' &&
        thread.host === of &&
        steps.size === 1 &&
        thread.works.length >= 1 &&
        inventory.hosts.some(({ name }) => name === of)
      );
    })
  );
}

async function threadsOf(store: Store): Promise<readonly Thread[]> {
  return store.rows<Thread>(
    `SELECT 'i' || i.id AS id, i.scope, coalesce(i.resource, i.pool, i.image, i.change, i.test_name,
         CASE WHEN i.scope = 'step_on_host' THEN h.name WHEN i.scope = 'host' THEN h.name ELSE i.step END) AS "of", h.name AS host,
       ARRAY(SELECT e.attempt_id::text FROM evidence e WHERE e.incident_id = i.id AND NOT e.ok) AS attempts,
       (SELECT e.detail FROM evidence e WHERE e.incident_id = i.id AND NOT e.ok ORDER BY e.id LIMIT 1) AS said,
       ARRAY(SELECT DISTINCT e.work FROM evidence e WHERE e.incident_id = i.id AND NOT e.ok) AS works,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('incident', t.subject, 'owner', t.data->>'owner', 'scope', t.data->>'scope')), '[]')
        FROM history t WHERE t.kind = 'owner.told' AND t.subject = 'i' || i.id) AS told,
       ARRAY(SELECT line FROM (
         SELECT at, concat_ws(' ', round(extract(epoch FROM at - '2026-01-01T00:00:00Z')), kind, data->>'scope', data->>'title', data->>'why', data->'suspects') AS line
         FROM history WHERE subject = 'i' || i.id
         UNION ALL
         SELECT e.at, concat_ws(' ', round(extract(epoch FROM e.at - '2026-01-01T00:00:00Z')), CASE WHEN e.ok THEN 'worked' ELSE 'failed' END, e.work, 'on', x.name)
         FROM evidence e LEFT JOIN host x ON x.id = e.host_id WHERE e.incident_id = i.id) lines ORDER BY at LIMIT 40) AS story
     FROM incident i LEFT JOIN host h ON h.id = i.host_id ORDER BY i.id`,
  );
}

/** Attempts that a fault struck, line by line: what became of them, and of their runs. */
async function whatCameOf(store: Store, attempts: readonly string[]): Promise<readonly string[]> {
  const rows = await store.rows<{ line: string }>(
    `SELECT concat_ws(' ', round(extract(epoch FROM coalesce(a.ended_at, a.begun_at) - '2026-01-01T00:00:00Z')), 'a' || a.id,
       'r' || r.id, r.test_name, 'on', h.name, a.outcome, a.detail->'outcome', '=>', r.verdict, r.reason,
       (SELECT string_agg('in i' || e.incident_id || ' (' || e.work || ')', ', ') FROM evidence e WHERE e.attempt_id = a.id)) AS line
     FROM attempt a JOIN run r ON r.id = a.run_id LEFT JOIN place p ON p.run_id = a.run_id AND p.attempt_id = a.id
     LEFT JOIN host h ON h.id = p.host_id WHERE a.id = ANY ($1::bigint[]) ORDER BY a.id LIMIT 40`,
    [attempts],
  );
  return rows.map(({ line }) => line);
}

interface RunSeen {
  readonly id: string;
  readonly test: string;
  readonly verdict: string | null;
  readonly why: string | null;
  readonly reason: string;
  /** When it was made. */
  readonly at: number;
}

function runsOf(store: Store): Promise<RunSeen[]> {
  return store.rows<RunSeen>(
    `SELECT r.id::text, r.test_name AS test, r.verdict, r.no_verdict AS why, coalesce(r.reason, 'none yet') AS reason,
       extract(epoch FROM s.created_at - '2026-01-01T00:00:00Z')::float8 AS at
     FROM run r JOIN submission s ON s.id = r.submission_id WHERE r.purpose = 'test' ORDER BY r.id`,
  );
}

/** What a test that kills hosts is owed is another verdict, as long as it does. */
function wasKiller({ faults }: Campaign, test: string, at: number): boolean {
  return faults.some(
    ({ kind, truth, fromS, untilS }) =>
      kind === 'test that kills its host' && truth.of === test && at > fromS - 1800 && at < untilS,
  );
}

/** Hosts that were quarantined for nothing that a fault of their own had struck, at a time at which they had none. */
async function wrongQuarantines({ store, faults, struck }: Campaign) {
  const rows = await store.rows<{ host: string; why: string; at: number; attempts: readonly string[] }>(
    `SELECT q.data->>'host' AS host, q.data->>'why' AS why, extract(epoch FROM q.at - '2026-01-01T00:00:00Z')::float8 AS at,
       ARRAY(SELECT e.attempt_id::text FROM incident i JOIN evidence e ON e.incident_id = i.id AND NOT e.ok
         WHERE 'h' || i.host_id = q.subject AND i.scope = 'host' AND i.opened_at <= q.at AND coalesce(i.closed_at, q.at) >= q.at
           AND e.host_id = i.host_id AND e.at <= q.at) AS attempts
     FROM history q WHERE q.kind = 'host.quarantined'`,
  );
  const isIts = ({ id, truth, fromS, untilS }: Fault, { host, at, attempts }: (typeof rows)[number]) =>
    truth.of === host &&
    ((at >= fromS && at < untilS + 300) || attempts.some((one) => struck.get(one)?.has(id) === true));
  return rows.filter((row) => !faults.some((fault) => isIts(fault, row)));
}

/** The share of all hosts' time in which a host that could have worked was kept from it. */
async function idledNeedlessly({ store, faults, inventory, untilS }: Campaign): Promise<number> {
  const rows = await store.rows<{ host: string; kind: string; at: number }>(
    `SELECT data->>'host' AS host, kind, extract(epoch FROM at - '2026-01-01T00:00:00Z')::float8 AS at FROM history
     WHERE kind IN ('host.suspect', 'host.quarantined', 'host.good') ORDER BY txid, id`,
  );
  let wasted = 0;
  const since = new Map<string, number>();
  for (const { host, kind, at } of rows) {
    const from = since.get(host);
    if (kind !== 'host.good') since.set(host, from ?? at);
    else if (from !== undefined) {
      since.delete(host);
      wasted += at - from - overlap(faults, host, from, at);
    }
  }
  return wasted / (inventory.hosts.length * untilS);
}

/** How much of a time a fault really kept the host from its work, or was at fault itself. */
function overlap(faults: readonly Fault[], host: string, from: number, until: number): number {
  const spans = faults
    .filter(({ disables, truth }) => disables.includes(host) || truth.of === host)
    .map(({ fromS, untilS }) => [Math.max(from, fromS), Math.min(until, untilS)] as const)
    .filter(([a, b]) => b > a);
  return Math.min(
    until - from,
    spans.reduce((sum, [a, b]) => sum + b - a, 0),
  );
}

function mostly(ids: readonly number[]): number | undefined {
  const counts = new Map<number, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];
}
