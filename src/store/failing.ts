import type { Id } from '../domain/id.js';
import type { RedTrace } from '../domain/judge/failure-signature.js';
import { type Visible, visibleIds } from './access.js';
import { chronicle } from './chronicle.js';
import { type Sql, type Store, type Transaction, wake } from './store.js';
import { shown } from './view.js';

/** As much of the end of an output as is looked at for an error. */
const TAIL_BYTES = 16_384;

/** What attempts left that made their runs red; by run. Asked before the verdict: until then output is in segments. */
export async function redTraces(
  sql: Sql,
  reds: readonly { readonly run: Id; readonly attempt: Id }[],
): Promise<ReadonlyMap<Id, Pick<RedTrace, 'cases' | 'tail'>>> {
  const rows = await sql.rows<{ run: Id; cases: RedTrace['cases']; tail: Buffer | null }>(
    `SELECT g.run, (SELECT string_agg(data, ''::bytea ORDER BY seq) FROM (
         SELECT seq, substring(data FROM greatest(1, octet_length(data) - ${TAIL_BYTES - 1})) AS data
         FROM output_segment WHERE run_id = g.run AND attempt_id = g.attempt AND role = 'main'
         ORDER BY seq DESC LIMIT 16) last) AS tail,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'result', result, 'message', message)
          ORDER BY seq), '[]') FROM case_result WHERE run_id = g.run AND attempt_id = g.attempt) AS cases
     FROM jsonb_to_recordset($1::jsonb) AS g(run bigint, attempt bigint)`,
    [JSON.stringify(reds)],
  );
  return new Map(
    rows.map(({ run, cases, tail }) => [
      run,
      { cases, tail: (tail ?? Buffer.alloc(0)).subarray(-TAIL_BYTES).toString('utf8') },
    ]),
  );
}

/** A failure that a person ties to an issue. */
export interface NewKnown {
  readonly projectId: Id;
  readonly test: string;
  readonly signature: string;
  readonly link: string;
  readonly why: string;
  readonly who: string;
}

/** Ties an issue to a failure of a test; one that was tied already gets the new link. Gives its id. */
export async function makeKnown(store: Store, known: NewKnown): Promise<Id> {
  return await store.transaction(async (tx) => {
    const [made] = await tx.rows<{ id: Id }>(
      `INSERT INTO known_failure (project_id, test_name, signature, link, why, who) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (project_id, test_name, signature) WHERE removed_at IS NULL
       DO UPDATE SET link = EXCLUDED.link, why = EXCLUDED.why, who = EXCLUDED.who, at = grid_now() RETURNING id`,
      [known.projectId, known.test, known.signature, known.link, known.why, known.who],
    );
    if (made === undefined) throw new Error('an insert gives its row');
    const { projectId: project, who: actor, ...data } = known;
    await tell(tx, { kind: 'failure.known', subject: `k${made.id}`, project, actor, data });
    return made.id;
  });
}

/** Unties an issue; undefined where it may not be seen or is gone already. */
export async function forgetKnown(store: Store, id: Id, actor: string): Promise<boolean> {
  return await store.transaction(async (tx) => {
    const [gone] = await tx.rows<{ project: Id; test: string; link: string }>(
      `UPDATE known_failure SET removed_at = grid_now(), removed_by = $2 WHERE id = $1 AND removed_at IS NULL
       RETURNING project_id AS project, test_name AS test, link`,
      [id, actor],
    );
    if (gone === undefined) return false;
    const { project, ...data } = gone;
    await tell(tx, { kind: 'failure.unknown', subject: `k${id}`, project, actor, data });
    return true;
  });
}

async function tell(tx: Transaction, entry: Parameters<typeof chronicle>[1][number]): Promise<void> {
  await chronicle(tx, [entry]);
  await wake(tx, 'testyard_history');
}

interface KnownRow {
  readonly id: string;
  readonly project: string;
  readonly test: string;
  readonly signature: string;
  readonly link: string;
  readonly why: string;
  readonly who: string;
  readonly at: Date;
}

const KNOWN = `SELECT 'k' || k.id AS id, p.name AS project, k.test_name AS test, k.signature, k.link, k.why, k.who, k.at
  FROM known_failure k JOIN project p ON p.id = k.project_id
  WHERE k.removed_at IS NULL AND ($1::bigint[] IS NULL OR k.project_id = ANY ($1))`;

/** Known failures that may be seen, of one test or of all, by test. */
export async function listKnown(sql: Sql, visible: Visible, test: string | undefined) {
  const rows = await sql.rows<KnownRow>(
    `${KNOWN} AND ($2::text IS NULL OR k.test_name = $2) ORDER BY p.name, k.test_name, k.id`,
    [visibleIds(visible), test ?? null],
  );
  return rows.map(shown);
}

/** One known failure and its project's id, if it may be seen. */
export async function findKnown(sql: Sql, visible: Visible, id: Id) {
  const [row] = await sql.rows<KnownRow & { readonly projectId: Id }>(
    KNOWN.replace('SELECT', 'SELECT k.project_id AS "projectId",').concat(' AND k.id = $2'),
    [visibleIds(visible), id],
  );
  if (row === undefined) return undefined;
  const { projectId, ...known } = shown(row);
  return { projectId, known };
}

/** How a run that may be seen failed: what is tied to an issue is tied by that. */
export async function failureOfRun(
  sql: Sql,
  visible: Visible,
  run: Id,
): Promise<{ readonly projectId: Id; readonly test: string; readonly signature: string | null } | undefined> {
  const [row] = await sql.rows<{ projectId: Id; test: string; signature: string | null }>(
    `SELECT project_id AS "projectId", test_name AS test, failure_signature AS signature FROM run
     WHERE id = $2 AND ($1::bigint[] IS NULL OR project_id = ANY ($1))`,
    [visibleIds(visible), run],
  );
  return row;
}
