import type { Id } from '../domain/id.js';
import type { ImageSpec } from '../domain/image.js';
import type { WatchSpec } from '../domain/watch.js';
import { setChangeState } from './changing.js';
import { chronicle } from './chronicle.js';
import type { Sql } from './store.js';

/**
 * Makes the watches what the inventory says; one that looks elsewhere now is read anew, and of one that was on trial what it
 * would have held back is tried again.
 */
export async function applyWatches(tx: Sql, watches: readonly WatchSpec[]): Promise<void> {
  const serious = watches.filter(({ dryRun }) => dryRun !== true).map(({ name }) => name);
  const onTrial = await tx.rows<{ id: Id }>(
    `SELECT c.id FROM watch w JOIN component k ON k.watch = w.name
     JOIN change c ON c.component_id = k.id AND c.state IN ('blamed', 'uninstallable')
     WHERE w.name = ANY ($1::text[]) AND (w.spec->>'dryRun')::boolean
       AND NOT EXISTS (SELECT FROM accusation a WHERE a.change_id = c.id) ORDER BY c.position`,
    [serious],
  );
  await tx.rows(
    `WITH given AS (SELECT spec->>'name' AS name, spec FROM jsonb_array_elements($1::jsonb) AS spec),
     put AS (INSERT INTO watch AS w (name, spec) SELECT name, spec FROM given
       ON CONFLICT (name) DO UPDATE SET spec = EXCLUDED.spec, removed_at = NULL,
         mark = CASE WHEN w.spec = EXCLUDED.spec THEN w.mark END,
         tried_at = CASE WHEN w.spec = EXCLUDED.spec AND w.removed_at IS NULL THEN w.tried_at END)
     UPDATE watch SET removed_at = grid_now() WHERE removed_at IS NULL AND name NOT IN (SELECT name FROM given)`,
    [JSON.stringify(watches)],
  );
  await setChangeState(
    tx,
    onTrial.map(({ id }) => id),
    'new',
    'its watch is on trial no more',
  );
  await tx.rows(
    `UPDATE component k SET project_id = p.id FROM watch w JOIN project p ON p.name = w.spec->>'project'
     WHERE w.name = k.watch AND w.removed_at IS NULL AND k.project_id <> p.id`,
  );
}

/** A watch that is to be looked at. */
export interface DueWatch {
  readonly spec: WatchSpec;
  /** How its place looked when it was read last. */
  readonly mark: string | null;
  /** The look before this one, and the moment at which this one begins: as the database writes them, to the microsecond. */
  readonly triedAt: string | null;
  readonly now: string;
}

/** Seconds until a place that could not be read is tried again, whatever its line of cron says. */
const AGAIN_S = 300;

/** What was asked for since it was last looked at, was never looked at, or could not be read a while ago. */
export async function dueWatches(sql: Sql): Promise<readonly DueWatch[]> {
  return await sql.rows<DueWatch>(
    `SELECT spec, mark, tried_at::text AS "triedAt", grid_now()::text AS now FROM watch WHERE removed_at IS NULL AND (tried_at IS NULL
       OR asked_at > tried_at OR (trouble IS NOT NULL AND tried_at < grid_now() - make_interval(secs => $1)))
     ORDER BY tried_at NULLS FIRST, name`,
    [AGAIN_S],
  );
}

/** Lines of cron of watches, up to when each was looked at; held, so that two never see the same moment. */
export async function watchLines(sql: Sql) {
  await sql.rows(`SELECT pg_advisory_xact_lock(7470023)`);
  const lines = await sql.rows<{ line: string; lookedAt: Date | null }>(
    `SELECT DISTINCT w.spec->>'every' AS line, c.looked_at AS "lookedAt" FROM watch w
     LEFT JOIN schedule c ON c.name = 'watch ' || (w.spec->>'every')
     WHERE w.removed_at IS NULL AND w.spec ? 'every' ORDER BY line`,
  );
  const [row] = await sql.rows<{ now: Date }>(`SELECT grid_now() AS now`);
  return { lines, now: row?.now ?? new Date(0) };
}

/** Asks for a look at all watches of a line of cron, where it falls, and notes up to when the line was looked at. */
export async function askByLine(tx: Sql, line: string, until: Date, falls: boolean): Promise<void> {
  if (falls)
    await tx.rows(`UPDATE watch SET asked_at = grid_now() WHERE removed_at IS NULL AND spec->>'every' = $1`, [
      line,
    ]);
  await tx.rows(
    `INSERT INTO schedule (name, looked_at) VALUES ('watch ' || $1::text, $2)
     ON CONFLICT (name) DO UPDATE SET looked_at = EXCLUDED.looked_at`,
    [line, until],
  );
}

/** Asks for a look at one watch; false where there is none of that name. */
export async function askForLook(sql: Sql, name: string): Promise<boolean> {
  const rows = await sql.rows(
    `UPDATE watch SET asked_at = grid_now() WHERE name = $1 AND removed_at IS NULL RETURNING name`,
    [name],
  );
  return rows.length > 0;
}

/** A watch as it is declared; undefined: there is none of that name. */
export async function findWatch(sql: Sql, name: string): Promise<WatchSpec | undefined> {
  const [row] = await sql.rows<{ spec: WatchSpec }>(
    `SELECT spec FROM watch WHERE name = $1 AND removed_at IS NULL`,
    [name],
  );
  return row?.spec;
}

/** The versions that are known at a watch, of each component the last in its line that was seen, or else the baseline. */
export async function knownVersions(sql: Sql, watch: string): Promise<ReadonlyMap<string, string>> {
  const rows = await sql.rows<{ name: string; version: string }>(
    `SELECT k.name, coalesce((SELECT c.version FROM change c WHERE c.component_id = k.id AND c.source = 'seen'
       AND c.state <> 'withdrawn' ORDER BY c.position DESC LIMIT 1), k.baseline) AS version
     FROM component k WHERE k.watch = $1 AND k.baseline IS NOT NULL`,
    [watch],
  );
  return new Map(rows.map(({ name, version }) => [name, version]));
}

/** Notes that a place was read, and how it looked; false: somebody else has looked meanwhile, and knows better. */
export async function wasRead(tx: Sql, due: DueWatch, mark: string | undefined): Promise<boolean> {
  const rows = await tx.rows<{ trouble: string | null }>(
    `UPDATE watch w SET tried_at = $2, read_at = $2, mark = coalesce($3, w.mark), trouble = NULL, trouble_since = NULL
     FROM (SELECT name, trouble FROM watch WHERE name = $1 FOR UPDATE) o
     WHERE o.name = w.name AND w.tried_at IS NOT DISTINCT FROM $4::timestamptz RETURNING o.trouble`,
    [due.spec.name, due.now, mark ?? null, due.triedAt],
  );
  if (rows[0]?.trouble) await chronicle(tx, [{ kind: 'watch.readable', subject: `watch:${due.spec.name}` }]);
  return rows.length > 0;
}

/** Notes why a place could not be read: in history once, however often it is tried. */
export async function wasNotRead(tx: Sql, due: DueWatch, why: string): Promise<void> {
  const [row] = await tx.rows<{ trouble: string | null }>(
    `UPDATE watch w SET tried_at = $2, trouble = $3, trouble_since = coalesce(w.trouble_since, $2)
     FROM (SELECT name, trouble FROM watch WHERE name = $1 FOR UPDATE) o
     WHERE o.name = w.name AND w.tried_at IS NOT DISTINCT FROM $4::timestamptz RETURNING o.trouble`,
    [due.spec.name, due.now, why.slice(0, 1000), due.triedAt],
  );
  if (row !== undefined && row.trouble === null)
    await chronicle(tx, [{ kind: 'watch.unreadable', subject: `watch:${due.spec.name}`, data: { why } }]);
}

/** The images of the catalogue. */
export async function imagesNow(sql: Sql): Promise<readonly ImageSpec[]> {
  const rows = await sql.rows<{ spec: ImageSpec }>(`SELECT spec FROM image ORDER BY name`);
  return rows.map(({ spec }) => spec);
}

/** The tests of a project, each in the version that counts: the inventory's, else the newest. */
export async function testsNow(sql: Sql, project: string) {
  const rows = await sql.rows<{ name: string; digest: string; owner: string | null; madeAt: Date }>(
    `SELECT DISTINCT ON (t.name) t.name, t.digest, t.owner, t.created_at AS "madeAt"
     FROM test t JOIN project p ON p.id = t.project_id WHERE p.name = $1 ORDER BY t.name, t.listed DESC, t.id DESC`,
    [project],
  );
  return rows.map(({ owner, ...test }) => ({ ...test, ...(owner === null ? {} : { owner }) }));
}
