import { canonicalJson } from '../domain/digest.js';
import { type Layer, lowest, reaches } from '../domain/layer.js';
import type { AttemptEnd } from '../domain/outcome.js';
import { clearsItsLayer, destroyedLayers, isRestore } from '../domain/step.js';
import type { PlacePlan, Report } from '../protocol/messages.js';
import type { StackChange } from '../store/recording.js';
import type { Sql } from '../store/store.js';

type Entry = Report['entries'][number];

/**
 * What the events of attempts did to what their hosts carry, in order. The hosts are locked until the transaction
 * ends: on a host with several seats another attempt's report may change the same stack.
 */
export async function stackChanges(sql: Sql, entries: readonly Entry[]): Promise<StackChange[]> {
  const touching = entries.filter((e) => TOUCHING.has(e.event.kind));
  if (touching.length === 0) return [];
  const rows = await sql.rows<About & { attempt: string; local: boolean }>(
    `SELECT a.id AS attempt, a.plan, q.purpose, h.fingerprint, h.used_since_stack AS used, h.dirty_from AS "dirtyFrom",
       ARRAY(SELECT DISTINCT k.layer FROM host_stack k WHERE k.host_id = h.id) AS standing, h.transport->>'kind' = 'local' AS local,
       a.test_started_at IS NOT NULL OR EXISTS (SELECT FROM step_run s
         WHERE s.run_id = a.run_id AND s.attempt_id = a.id AND s.kind <> 'chain') AS touched,
       EXISTS (SELECT FROM step_run s WHERE s.run_id = a.run_id AND s.attempt_id = a.id AND s.kind = 'chain'
         AND s.ended_at IS NULL) AS "halfDone",
       coalesce((SELECT jsonb_agg(jsonb_build_object('seq', s.seq, 'kind', s.kind, 'step', s.step)) FROM step_run s
         WHERE s.run_id = a.run_id AND s.attempt_id = a.id AND s.kind = 'chain'), '[]') AS steps
     FROM jsonb_to_recordset($1::jsonb) AS g(run bigint, attempt bigint)
     JOIN attempt a ON a.run_id = g.run AND a.id = g.attempt JOIN queue q ON q.run_id = a.run_id
     JOIN host_seat st ON st.attempt_id = a.id AND st.role = 'main' JOIN host h ON h.id = st.host_id
     ORDER BY h.id FOR NO KEY UPDATE OF h`,
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
  /** A step of the chain has begun and not ended. */
  readonly halfDone: boolean;
  /** Setup or test have begun. */
  touched: boolean;
  fingerprint: Record<string, string> | null;
  used: boolean;
  dirtyFrom: Layer | null;
  /** Layers of which steps have left something that is still believed; at most one too many. */
  standing: Layer[];
}

/** Most events of a host in steady use change nothing; those cost no statement. */
function isNews(change: StackChange, about: About): boolean {
  switch (change.kind) {
    case 'looks': {
      const same =
        about.fingerprint !== null && canonicalJson(about.fingerprint) === canonicalJson(change.fingerprint);
      about.fingerprint = change.fingerprint as Record<string, string> | null;
      return !same;
    }
    case 'used':
      if (about.used) return false;
      about.used = true;
      return true;
    case 'dirtied':
      return isNewDirt(change.layer, about);
    default:
      about.fingerprint = null;
      if (change.kind !== 'step_ok') return true;
      about.standing.push(change.layer);
      if (change.restore) Object.assign(about, { used: false, dirtyFrom: null });
      if (change.clears && about.dirtyFrom !== null && reaches(change.layer, about.dirtyFrom))
        about.dirtyFrom = null;
      return true;
  }
}

/** A step may have put in anew what an earlier test had spoilt: dirt is news to whatever stands there. */
function isNewDirt(layer: Layer, about: About): boolean {
  const isKnown = about.used && about.dirtyFrom !== null && reaches(about.dirtyFrom, layer);
  if (isKnown && !about.standing.some((standing) => reaches(layer, standing))) return false;
  about.dirtyFrom = lowest(about.dirtyFrom ?? undefined, layer) ?? null;
  about.used = true;
  about.standing = about.standing.filter((standing) => !reaches(layer, standing));
  return true;
}

function changesOf({ attempt, event }: Entry, about: About): StackChange[] {
  const own = about.purpose === 'canary' || about.purpose === 'recovery';
  switch (event.kind) {
    case 'seen':
      return event.fingerprint === undefined
        ? []
        : [
            ...bootChanges({ attempt, role: event.role }, event.fingerprint, about),
            ...looksChanges({ attempt, role: event.role }, event.fingerprint, about.fingerprint),
          ];
    case 'verified':
      return event.fingerprint === undefined
        ? []
        : [{ kind: 'looks', attempt, role: event.role, fingerprint: event.fingerprint }];
    case 'step_started': {
      about.touched ||= event.what !== 'chain';
      if (event.what === 'setup' && !own) return [{ kind: 'used', attempt, role: event.role }];
      if (event.what !== 'chain') return [];
      const layer = about.plan.flatMap((p) => p.chain).find((s) => s.name === event.step)?.layer;
      return layer === undefined ? [] : [{ kind: 'step_started', attempt, role: event.role, layer }];
    }
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
          restore: isRestore(step),
          clears: clearsItsLayer(step) && !isRestore(step),
          destroys: destroyedLayers(step),
        },
      ];
    }
    case 'test_started':
      about.touched = true;
      return own ? [] : about.plan.map((p) => ({ kind: 'used', attempt, role: p.role }));
    case 'ended':
      return event.places.flatMap((p) => endChanges(attempt, p, event.end, about));
    default:
      return [];
  }
}

function endChanges(
  attempt: string,
  place: { role: string; fingerprint?: Record<string, string> | undefined },
  end: AttemptEnd,
  about: About,
): StackChange[] {
  const at = { attempt, role: place.role };
  const least = leastDirt(end, about.touched);
  const dirtied = lowest(end.dirtied, least);
  const changes: StackChange[] = about.halfDone ? [{ kind: 'step_failed', ...at }] : [];
  if (dirtied !== undefined) changes.push({ kind: 'dirtied', ...at, layer: dirtied });
  if (place.fingerprint !== undefined)
    return [...changes, ...looksChanges(at, place.fingerprint, about.fingerprint)];
  // Nobody can say what it looks like: what was known of it would keep every plan from holding.
  if (end.outcome.kind === 'stale')
    changes.push({ kind: 'dirtied', ...at, layer: 'packages' }, { kind: 'looks', ...at, fingerprint: null });
  return changes;
}

/** What was cut off in the middle, or not tidied up, leaves at least this much unknown, whatever is said of it. */
function leastDirt({ outcome, teardown }: AttemptEnd, touched: boolean): Layer | undefined {
  if (teardown === 'failed' || teardown === 'timed_out') return 'boot';
  if (outcome.kind === 'setup_failed') return outcome.result === 'failed' ? undefined : 'boot';
  const cutOff = ['timed_out', 'crashed', 'host_lost', 'cancelled'].includes(outcome.kind);
  return cutOff && touched ? 'boot' : undefined;
}

/**
 * A boot id that is another than when the host was left, although nothing that ran there since was allowed to boot
 * it or was cut off: somebody or something acted on the machine that the grid knows nothing of.
 */
function bootChanges(
  at: { attempt: string; role: string },
  now: Record<string, string>,
  { fingerprint: before, dirtyFrom }: About,
): StackChange[] {
  const [was, is] = [before?.['boot'] ?? '', now['boot'] ?? ''];
  const mayHaveBooted = dirtyFrom !== null && reaches(dirtyFrom, 'boot');
  if (was === '' || is === '' || was === is || mayHaveBooted) return [];
  return [{ kind: 'unordered_boot', ...at, found: `boot id ${is}, and ${was} when it was left` }];
}

/** A host that does not look as it was left: what differs says from which layer up nothing is known. */
function looksChanges(
  at: { attempt: string; role: string },
  now: Record<string, string>,
  before: Record<string, string> | null,
): StackChange[] {
  const looks: StackChange = { kind: 'looks', ...at, fingerprint: now };
  if (before === null) return [looks];
  const differs = (part: string) => before[part] !== now[part];
  let layer: Layer | undefined;
  if (['boot', 'modules', 'cmdline', 'sysctls'].some(differs)) layer = 'boot';
  if (differs('packages')) layer = 'packages';
  return layer === undefined ? [looks] : [{ kind: 'dirtied', ...at, layer }, looks];
}
