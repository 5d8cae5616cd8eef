import type { HandlerSpec } from '../domain/handler.js';
import type { Id } from '../domain/id.js';
import type { Layer } from '../domain/layer.js';
import type { AttemptEnd, Outcome } from '../domain/outcome.js';
import type { Artefact } from '../domain/submit/artefact.js';
import type { TestSpec } from '../domain/test.js';
import type { PlacePlan, TagSeen } from '../protocol/messages.js';
import type { Sql } from './store.js';
import { ARTEFACTS_OF_RUN } from './submission.js';

/** An attempt as it is handed out. */
export interface Handout {
  readonly run: Id;
  readonly attempt: Id;
  readonly number: number;
  readonly places: readonly PlacePlan[];
  readonly spec: TestSpec;
  readonly variant: Readonly<Record<string, string>>;
  readonly artefacts: readonly Artefact[];
  readonly handling: {
    /** The grid's list. */
    readonly listed: Readonly<Record<string, HandlerSpec>>;
    /** Whether its project may bring handlers of its own. */
    readonly isTrusted: boolean;
  };
}

/** What is known of handlers for a test of which this is the id. */
export function handlingOf(testId: string): string {
  return `(SELECT jsonb_build_object('listed', g.handlers, 'isTrusted', p.name = ANY (g.trusted_projects))
    FROM grid g CROSS JOIN project p JOIN test own ON own.project_id = p.id WHERE own.id = ${testId})`;
}

/** Of an attempt in the queue: whether it was never handed out, or so long ago without a word that it got lost. */
export const TO_HAND_OUT = `(report_seq = 0 AND (claimed_at IS NULL OR claimed_at < grid_now() - interval '5 s'))`;

/** Attempts that were assigned to a lease and not handed out, or so long ago without a word that it got lost. */
export function handOut(sql: Sql, lease: Id, limit: number): Promise<Handout[]> {
  return sql.rows<Handout>(
    `WITH mine AS (
       UPDATE queue SET claimed_at = grid_now() WHERE run_id IN (
         SELECT run_id FROM queue WHERE lease_id = $1 AND ended IS NULL AND ${TO_HAND_OUT}
         ORDER BY run_id LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING run_id, attempt_id, test_id)
     SELECT m.run_id AS run, m.attempt_id AS attempt, a.number, a.plan AS places, t.spec, r.variant,
       ${ARTEFACTS_OF_RUN} AS artefacts, ${handlingOf('m.test_id')} AS handling
     FROM mine m JOIN attempt a ON a.run_id = m.run_id AND a.id = m.attempt_id
     JOIN test t ON t.id = m.test_id JOIN run r ON r.id = m.run_id ORDER BY m.run_id`,
    [lease, limit],
  );
}

/** An attempt that a lease may write to. */
export interface Writable {
  readonly attempt: Id;
  readonly run: Id;
  readonly project: Id;
  readonly seq: number;
  readonly ended: boolean;
  /** `ending`: its run has the verdict already. */
  readonly state: 'running' | 'ending';
  /** The outcome that was told before the end. */
  readonly decided: Outcome | null;
}

/** Attempts named in a report: those that this lease may still write to, locked until the transaction ends. */
export function lockAttempts(sql: Sql, lease: Id, attempts: readonly Id[]): Promise<Writable[]> {
  return sql.rows(
    `SELECT attempt_id AS attempt, run_id AS run, project_id AS project, report_seq AS seq, ended IS NOT NULL AS ended,
       state, decided->'outcome' AS decided
     FROM queue WHERE attempt_id = ANY($2::bigint[]) AND lease_id = $1 ORDER BY attempt_id FOR UPDATE`,
    [lease, attempts],
  );
}

/** Of attempts that left the queue: those that this lease had ended itself before. */
export async function endedBy(
  sql: Sql,
  lease: Id,
  attempts: readonly { run: Id; attempt: Id }[],
): Promise<ReadonlySet<Id>> {
  if (attempts.length === 0) return new Set();
  const rows = await sql.rows<{ id: Id }>(
    `SELECT a.id FROM jsonb_to_recordset($2::jsonb) AS g(run bigint, attempt bigint)
     JOIN attempt a ON a.run_id = g.run AND a.id = g.attempt
     WHERE a.lease_id = $1 AND a.ended_at IS NOT NULL AND a.outcome <> 'executor_lost'`,
    [lease, JSON.stringify(attempts)],
  );
  return new Set(rows.map((r) => r.id));
}

/** Of a row `d` of what a step gave (`tag`, or `tag = value`) the tags, as `p` is a probe of one. */
export const PROBE_OF_GIVEN = `p.probe IN (SELECT split_part(item, ' ', 1) FROM unnest(d.gives) AS item)`;

/** Purposes of runs whose verdict does not wait for the end: what checks a host has to leave it well, too. */
export const JUDGED_EARLY = `'test', 'trial'`;

/** What a batch of events comes to, table by table. */
export interface Batch {
  readonly progress: {
    run: Id;
    attempt: Id;
    seq: number;
    begun: boolean;
    chainDone: boolean;
    verified: boolean;
    testStarted: boolean;
    outcome?: string;
    detail?: unknown;
    /** The outcome alone, told before the end. */
    decided?: AttemptEnd;
    ended?: AttemptEnd;
  }[];
  readonly stepsStarted: {
    run: Id;
    attempt: Id;
    role: string;
    seq: number;
    kind: string;
    step: string;
    layer?: string;
    key?: string;
  }[];
  readonly stepsEnded: {
    run: Id;
    attempt: Id;
    role: string;
    seq: number;
    result: string;
    exitCode?: number;
    durationMs: number;
    message: string;
  }[];
  readonly cases: {
    run: Id;
    attempt: Id;
    role: string;
    seq: number;
    name: string;
    result: string;
    message: string;
    at?: number;
  }[];
  readonly measurements: {
    run: Id;
    attempt: Id;
    seq: number;
    caseSeq: number;
    raw: string;
    value?: number;
    unit: string;
    handler: string;
    name: string;
  }[];
  readonly attachments: {
    run: Id;
    attempt: Id;
    seq: number;
    role: string;
    name: string;
    mediaType: string;
    case?: string;
    digest: string;
    bytes: number;
    handler: string;
  }[];
  readonly places: {
    run: Id;
    attempt: Id;
    role: string;
    verified?: unknown;
    /** Digests of the parts of the environment record. */
    environment?: Readonly<Record<string, string>>;
    before?: unknown;
    after?: unknown;
    dirtied?: string;
    bootId?: string;
    outputBytes?: number;
    outputCut?: number;
  }[];
  readonly segments: { run: Id; attempt: Id; role: string; seq: number; atByte: number; data: string }[];
  /** `looks`: digest of the fingerprint that the host had when they were seen; '' where it is not known. */
  readonly tags: ({ attempt: Id; role: string; looks: string } & TagSeen)[];
}

/** Writes a batch in a handful of statements, whatever its size, that do not wait for each other's answers. */
export async function writeBatch(sql: Sql, batch: Batch): Promise<void> {
  const json = JSON.stringify;
  const said: Promise<unknown>[] = [];
  if (batch.stepsStarted.length > 0) {
    said.push(
      sql.rows(
        `INSERT INTO step_run (run_id, attempt_id, role, seq, kind, step, layer, key)
       SELECT run, attempt, role, seq, kind, step, layer, key FROM jsonb_to_recordset($1::jsonb)
         AS g(run bigint, attempt bigint, role text, seq integer, kind text, step text, layer text, key text)
       ON CONFLICT DO NOTHING`,
        [json(batch.stepsStarted)],
      ),
    );
  }
  if (batch.stepsEnded.length > 0) {
    said.push(
      sql.rows(
        `UPDATE step_run s SET ended_at = grid_now(), result = g.result, exit_code = g."exitCode",
         duration_ms = g."durationMs", message = g.message
       FROM jsonb_to_recordset($1::jsonb) AS g(run bigint, attempt bigint, role text, seq integer, result text,
         "exitCode" integer, "durationMs" float8, message text)
       WHERE s.run_id = g.run AND s.attempt_id = g.attempt AND s.role = g.role AND s.seq = g.seq`,
        [json(batch.stepsEnded)],
      ),
    );
  }
  if (batch.cases.length > 0) {
    said.push(
      sql.rows(
        `INSERT INTO case_result (run_id, attempt_id, seq, role, name, result, message, at_byte)
       SELECT run, attempt, seq, role, name, result, message, at FROM jsonb_to_recordset($1::jsonb)
         AS g(run bigint, attempt bigint, seq integer, role text, name text, result text, message text, at bigint)
       ON CONFLICT DO NOTHING`,
        [json(batch.cases)],
      ),
    );
  }
  if (batch.measurements.length > 0) {
    said.push(
      sql.rows(
        `INSERT INTO measurement (run_id, attempt_id, seq, case_seq, raw, value, unit, handler, name)
       SELECT run, attempt, seq, "caseSeq", raw, value, unit, handler, name FROM jsonb_to_recordset($1::jsonb)
         AS g(run bigint, attempt bigint, seq integer, "caseSeq" integer, raw text, value float8, unit text,
           handler text, name text)
       ON CONFLICT DO NOTHING`,
        [json(batch.measurements)],
      ),
    );
  }
  if (batch.attachments.length > 0) {
    said.push(
      sql.rows(
        `INSERT INTO attachment (run_id, attempt_id, seq, role, name, media_type, case_name, blob_digest, bytes, handler)
       SELECT run, attempt, seq, role, name, "mediaType", "case", digest, bytes, handler FROM jsonb_to_recordset($1::jsonb)
         AS g(run bigint, attempt bigint, seq integer, role text, name text, "mediaType" text, "case" text, digest text,
           bytes bigint, handler text)
       WHERE EXISTS (SELECT FROM blob b WHERE b.digest = g.digest)
       ON CONFLICT DO NOTHING`,
        [json(batch.attachments)],
      ),
    );
  }
  if (batch.segments.length > 0) {
    said.push(
      sql.rows(
        `INSERT INTO output_segment (run_id, attempt_id, role, seq, at_byte, data)
       SELECT run, attempt, role, seq, "atByte", decode(data, 'base64') FROM jsonb_to_recordset($1::jsonb)
         AS g(run bigint, attempt bigint, role text, seq integer, "atByte" bigint, data text)
       ON CONFLICT DO NOTHING`,
        [json(batch.segments)],
      ),
    );
  }
  if (batch.places.length > 0) {
    said.push(
      sql.rows(
        `UPDATE place p SET verified = coalesce(g.verified, p.verified), environment = coalesce(g.environment, p.environment),
         fingerprint_before = coalesce(g.before, p.fingerprint_before),
         fingerprint_after = coalesce(g.after, p.fingerprint_after), dirtied = coalesce(g.dirtied, p.dirtied),
         boot_id = coalesce(g."bootId", p.boot_id), output_bytes = coalesce(g."outputBytes", p.output_bytes),
         output_cut = coalesce(g."outputCut", p.output_cut)
       FROM jsonb_to_recordset($1::jsonb) AS g(run bigint, attempt bigint, role text, verified jsonb, environment jsonb, before jsonb,
         after jsonb, dirtied text, "bootId" text, "outputBytes" bigint, "outputCut" bigint)
       WHERE p.run_id = g.run AND p.attempt_id = g.attempt AND p.role = g.role`,
        [json(batch.places)],
      ),
    );
  }
  if (batch.progress.length > 0) {
    said.push(
      sql.rows(
        `WITH given AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS g(run bigint, attempt bigint, seq integer,
           begun boolean, "chainDone" boolean, verified boolean, "testStarted" boolean, outcome text, detail jsonb,
           ended jsonb, decided jsonb)),
       moved AS (
         UPDATE attempt a SET begun_at = CASE WHEN g.begun THEN coalesce(a.begun_at, grid_now()) ELSE a.begun_at END,
           chain_done_at = CASE WHEN g."chainDone" THEN coalesce(a.chain_done_at, grid_now()) ELSE a.chain_done_at END,
           tags_verified_at = CASE WHEN g.verified THEN coalesce(a.tags_verified_at, grid_now()) ELSE a.tags_verified_at END,
           test_started_at = CASE WHEN g."testStarted" THEN coalesce(a.test_started_at, grid_now()) ELSE a.test_started_at END,
           decided_at = CASE WHEN g.decided IS NOT NULL THEN grid_now() ELSE a.decided_at END,
           ended_at = CASE WHEN g.outcome IS NOT NULL THEN grid_now() ELSE a.ended_at END,
           outcome = coalesce(g.outcome, a.outcome), detail = coalesce(g.detail, a.detail)
         FROM given g WHERE a.run_id = g.run AND a.id = g.attempt)
       UPDATE queue q SET report_seq = g.seq, ended = coalesce(g.ended, q.ended), decided = coalesce(g.decided, q.decided),
         judge_early = g.ended IS NULL AND (q.judge_early OR (g.decided IS NOT NULL AND q.purpose IN (${JUDGED_EARLY})))
       FROM given g WHERE q.run_id = g.run AND q.attempt_id = g.attempt`,
        [json(batch.progress)],
      ),
    );
  }
  await Promise.all(said);
}

/**
 * Attempts whose runs have their verdicts are over: their seats are free. Of a teardown that failed the test's owner
 * is told now, and the verdict, which stands, is marked.
 */
export async function closeEndings(
  sql: Sql,
  over: readonly { readonly run: Id; readonly attempt: Id; readonly ended?: AttemptEnd }[],
): Promise<void> {
  if (over.length === 0) return;
  const given = over.map(({ run, attempt, ended }) => ({
    run,
    attempt,
    untidy: ended?.teardown === 'failed' || ended?.teardown === 'timed_out',
  }));
  await sql.rows(
    `WITH given AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS g(run bigint, attempt bigint, untidy boolean)),
     gone AS (DELETE FROM queue q USING given g WHERE q.run_id = g.run AND q.attempt_id = g.attempt
       RETURNING q.run_id, q.attempt_id, q.project_id, q.test_id, g.untidy),
     freed AS (DELETE FROM host_seat s USING given g WHERE s.run_id = g.run AND s.attempt_id = g.attempt),
     marked AS (
       UPDATE run r SET marks = r.marks || '{teardown_failed}'::text[] FROM gone g
       WHERE g.untidy AND r.id = g.run_id AND (r.verdict_attempt = g.attempt_id OR r.no_verdict = 'tested_nothing'))
     INSERT INTO history (project_id, run_id, kind, subject, actor, data)
     SELECT g.project_id, g.run_id, 'test.teardown_failed', 'r' || g.run_id, 'testyard',
       jsonb_build_object('test', t.name, 'owner', coalesce(t.owner, (SELECT admin FROM grid)))
     FROM gone g JOIN test t ON t.id = g.test_id WHERE g.untidy`,
    [JSON.stringify(given)],
  );
}

/**
 * Tags as they were seen on hosts: the newest look counts. Of a family (`cpu:*`) each member that was seen is a tag of
 * its own, and all others are gone; of several values without a place all but the first are numbered. Hosts whose facts changed get a new version.
 */
export async function seeTags(sql: Sql, batch: Batch): Promise<void> {
  if (batch.tags.length === 0) return;
  await sql.rows(
    `WITH given AS (
       SELECT DISTINCT ON (s.host_id, g.tag) s.host_id, g.tag, g.presence, g.instances, g.looks
       FROM jsonb_to_recordset($1::jsonb) AS g(attempt bigint, role text, tag text, presence text, instances jsonb,
         looks text, n integer)
       JOIN host_seat s ON s.attempt_id = g.attempt AND s.role = g.role
       ORDER BY s.host_id, g.tag, g.n DESC),
     turned AS (
       SELECT g.host_id FROM given g LEFT JOIN host_probe p ON p.host_id = g.host_id AND p.probe = g.tag
       WHERE p.worked IS DISTINCT FROM (g.presence <> 'unknown') OR p.fingerprint IS DISTINCT FROM g.looks),
     looked AS (
       INSERT INTO host_probe AS p (host_id, probe, worked, fingerprint)
       SELECT host_id, tag, presence <> 'unknown', looks FROM given ORDER BY host_id, tag
       ON CONFLICT (host_id, probe) DO UPDATE SET worked = EXCLUDED.worked, fingerprint = EXCLUDED.fingerprint,
         seen_at = grid_now()
       WHERE p.worked <> EXCLUDED.worked OR p.fingerprint <> EXCLUDED.fingerprint OR p.seen_at < grid_now() - interval '1 minute'),
     seen AS (
       SELECT DISTINCT ON (g.host_id, v.name, v.instance) g.host_id, v.* FROM given g CROSS JOIN LATERAL (
         SELECT g.tag AS name, coalesce(nullif(i->>'place', ''), CASE nth WHEN 1 THEN '' ELSE nth::text END) AS instance,
           CASE WHEN i ? 'attributes' THEN (i->'attributes')::text ELSE coalesce(i->>'raw', '') END AS raw
         FROM jsonb_array_elements(coalesce(g.instances, '[{}]')) WITH ORDINALITY AS e(i, nth)
         WHERE g.tag NOT LIKE '%:*'
         UNION ALL
         SELECT left(g.tag, -1) || (i->>'place'), '', '' FROM jsonb_array_elements(coalesce(g.instances, '[]')) AS i
         WHERE g.tag LIKE '%:*') v
       WHERE g.presence = 'present'),
     gone AS (
       DELETE FROM host_tag h USING given g
       WHERE h.host_id = g.host_id AND h.source = 'probed'
         AND (h.name = g.tag OR (g.tag LIKE '%:*' AND starts_with(h.name, left(g.tag, -1))))
         AND NOT EXISTS (SELECT FROM seen s
           WHERE s.host_id = h.host_id AND s.name = h.name AND s.instance = h.instance)
       RETURNING h.host_id),
     came AS (
       INSERT INTO host_tag AS t (host_id, name, instance, source, raw)
       SELECT host_id, name, instance, 'probed', raw FROM seen ORDER BY host_id, name, instance
       ON CONFLICT (host_id, name, instance, source) DO UPDATE SET raw = EXCLUDED.raw, seen_at = grid_now()
       WHERE t.raw <> EXCLUDED.raw RETURNING host_id)
     UPDATE host SET version = nextval('host_version_seq') WHERE id IN (
       SELECT host_id FROM turned UNION SELECT host_id FROM gone UNION SELECT host_id FROM came)`,
    [JSON.stringify(batch.tags.map((tag, n) => ({ ...tag, n })))],
  );
}

/** A change of what a host carries, in the order it happened. */
export type StackChange =
  /** A step of this layer has begun: until it ends well, that layer and those above are unknown. */
  | { readonly kind: 'step_started'; readonly attempt: Id; readonly role: string; readonly layer: Layer }
  | {
      readonly kind: 'step_ok';
      readonly attempt: Id;
      readonly role: string;
      readonly layer: Layer;
      readonly step: string;
      readonly key: string;
      readonly gives: readonly string[];
      /** Nothing has run since. */
      readonly restore: boolean;
      /** What its layer had is gone, whoever brought it there. */
      readonly clears: boolean;
      /** Of these layers nothing that was there is known any more. */
      readonly destroys: readonly Layer[];
    }
  | { readonly kind: 'step_failed'; readonly attempt: Id; readonly role: string }
  /** Somebody's work has begun there: the host is no longer fresh. */
  | { readonly kind: 'used'; readonly attempt: Id; readonly role: string }
  /** From this layer up nothing is as the stack says. */
  | { readonly kind: 'dirtied'; readonly attempt: Id; readonly role: string; readonly layer: Layer }
  | { readonly kind: 'looks'; readonly attempt: Id; readonly role: string; readonly fingerprint: unknown }
  /** The host was booted since it was left, and nothing that ran there might have done it. */
  | { readonly kind: 'unordered_boot'; readonly attempt: Id; readonly role: string; readonly found: string };

/** Applies one change; hosts under `local` carry nothing from one attempt to the next and are passed over. */
export async function changeStack(sql: Sql, change: StackChange): Promise<void> {
  const host = `(SELECT h.id FROM host_seat s JOIN host h ON h.id = s.host_id
    WHERE s.attempt_id = $1 AND s.role = $2 AND h.transport->>'kind' <> 'local')`;
  const bump = `version = nextval('host_version_seq')`;
  const at = [change.attempt, change.role];
  switch (change.kind) {
    case 'step_started':
      await sql.rows(`UPDATE host SET step_layer = $3, ${bump} WHERE id = ${host}`, [...at, change.layer]);
      return;
    case 'step_failed':
      await dropFrom(sql, host, at, null);
      return;
    case 'step_ok':
      if (change.restore) {
        await sql.rows(
          `WITH dropped AS (
             DELETE FROM host_stack WHERE host_id = ${host} AND layer_rank(layer) >= layer_rank($3)),
           forgotten AS (DELETE FROM host_probe WHERE host_id = ${host})
           UPDATE host SET dirty_from = CASE WHEN layer_rank(dirty_from) < layer_rank($3) THEN dirty_from END,
             used_since_stack = false, fingerprint = NULL, stack_attempt = $1 WHERE id = ${host}`,
          [...at, change.layer],
        );
      }
      if (change.clears) {
        await sql.rows(
          `WITH dropped AS (
             DELETE FROM host_stack WHERE host_id = ${host} AND layer_rank(layer) >= layer_rank($3) RETURNING gives),
           forgotten AS (DELETE FROM host_probe p USING dropped d
             WHERE p.host_id = ${host} AND ${PROBE_OF_GIVEN})
           UPDATE host SET dirty_from = CASE WHEN layer_rank(dirty_from) < layer_rank($3) THEN dirty_from END
           WHERE id = ${host}`,
          [...at, change.layer],
        );
      }
      await sql.rows(
        `WITH dropped AS (
           DELETE FROM host_stack WHERE host_id = ${host} AND (layer = ANY ($7::text[]) OR step = $4)
           RETURNING step, gives),
         forgotten AS (DELETE FROM host_probe p USING dropped d
           WHERE p.host_id = ${host} AND d.step <> $4 AND ${PROBE_OF_GIVEN}),
         added AS (
           INSERT INTO host_stack (host_id, position, layer, step, key, gives, attempt_id)
           SELECT h.id, coalesce((SELECT max(position) FROM host_stack WHERE host_id = h.id), 0) + 1, $3, $4, $5, $6, $1
           FROM host h WHERE h.id = ${host})
         UPDATE host SET step_layer = NULL, fingerprint = NULL, ${bump} WHERE id = ${host}`,
        [...at, change.layer, change.step, change.key, change.gives, change.destroys],
      );
      return;
    case 'used':
      await sql.rows(
        `UPDATE host SET used_since_stack = true, ${bump} WHERE id = ${host} AND NOT used_since_stack`,
        at,
      );
      return;
    case 'dirtied':
      await dropFrom(sql, host, at, change.layer);
      return;
    case 'unordered_boot':
      await sql.rows(
        `UPDATE place p SET unordered_boot = $3 FROM host_seat s
         WHERE s.attempt_id = $1 AND p.run_id = s.run_id AND p.attempt_id = s.attempt_id AND p.role = $2`,
        [...at, change.found],
      );
      return;
    case 'looks':
      await sql.rows(
        `UPDATE host SET fingerprint = $3, ${bump} WHERE id = ${host} AND fingerprint IS DISTINCT FROM $3::jsonb`,
        [...at, JSON.stringify(change.fingerprint)],
      );
  }
}

/**
 * Voids a stack from `layer` (or from the step under way) up, and forgets what its steps had given. What was dirty
 * before says nothing of what steps have put there since.
 */
async function dropFrom(sql: Sql, host: string, at: readonly unknown[], layer: Layer | null): Promise<void> {
  await sql.rows(
    `WITH hit AS (
       SELECT id, least_layer(step_layer, $3::text) AS gone,
         least_layer(dirty_from, least_layer(step_layer, $3::text)) AS layer FROM host WHERE id = ${host}),
     dropped AS (
       DELETE FROM host_stack k USING hit WHERE k.host_id = hit.id AND layer_rank(k.layer) >= layer_rank(hit.gone)
       RETURNING k.host_id, k.gives),
     forgotten AS (DELETE FROM host_probe p USING dropped d WHERE p.host_id = d.host_id AND ${PROBE_OF_GIVEN})
     UPDATE host h SET dirty_from = hit.layer, step_layer = NULL, used_since_stack = true,
       version = nextval('host_version_seq')
     FROM hit WHERE h.id = hit.id AND (h.dirty_from IS DISTINCT FROM hit.layer OR h.step_layer IS NOT NULL
       OR NOT h.used_since_stack OR EXISTS (SELECT FROM dropped))`,
    [...at, layer],
  );
}
