import { canonicalJson } from '../domain/digest.js';
import { type Layer, lowest, reaches } from '../domain/layer.js';
import type { AttemptEnd } from '../domain/outcome.js';
import type { AttemptEvent, PlacePlan, Report } from '../protocol/messages.js';
import type { StackChange } from '../store/recording.js';
import type { Sql } from '../store/store.js';

type Entry = Report['entries'][number];

/** What the events of attempts did to what their hosts carry, in order. */
export async function stackChanges(sql: Sql, entries: readonly Entry[]): Promise<StackChange[]> {
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
  before: Record<string, string> | null,
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
