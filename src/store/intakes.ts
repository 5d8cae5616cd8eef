import { type Id, showId } from '../domain/id.js';
import type { LinkedChange } from '../domain/intake/line.js';
import type { SeenBad } from '../domain/intake/reading.js';
import type { WatchSpec } from '../domain/watch.js';
import { chronicle } from './chronicle.js';
import { pinsOfDay } from './holding-back.js';
import type { Sql } from './store.js';

/** Changes of one watch that came together. */
export interface Intake {
  readonly id: Id;
  readonly watch: string;
  readonly projectId: Id;
  readonly line: readonly LinkedChange[];
  readonly tests: readonly Id[];
  /** Tests of which it was found that they fail now and then in any state: they decide nothing here. */
  readonly flaky: readonly Id[];
  /** Changes that are left out by now. */
  readonly without: readonly Id[];
  readonly state: 'testing' | 'searching';
  /** The runs with all that is left; undefined: not asked for yet. */
  readonly submissionId: Id | null;
  /** How often runs without an answer were made again. */
  readonly tries: number;
  /** One run has shown that all that is left can be put in, and that its host lives. */
  readonly probed: boolean;
  /** How earlier runs with what is left were bad, where no test was asked: of it all the next try goes by. */
  readonly seen: readonly SeenBad[];
  /** Tests of which it was found that what is left holds by their own rule, though they fail now and then. */
  readonly held: readonly Id[];
}

/** The intakes that are not over. */
export function openIntakes(sql: Sql): Promise<readonly Intake[]> {
  return sql.rows<Intake>(
    `SELECT id, watch, project_id AS "projectId", line, tests, flaky, without, state, submission_id AS "submissionId", tries, probed, seen, held
     FROM intake WHERE closed_at IS NULL ORDER BY id`,
  );
}

/** Opens one; there is one open for each watch at most. */
export async function openIntake(
  sql: Sql,
  intake: Pick<Intake, 'watch' | 'projectId' | 'line' | 'tests'>,
  why: string,
): Promise<Id> {
  const { watch, projectId, line, tests } = intake;
  const [row] = await sql.rows<{ id: Id }>(
    `INSERT INTO intake (watch, project_id, line, tests, why) VALUES ($1, $2, $3, $4::bigint[], $5) RETURNING id`,
    [watch, projectId, JSON.stringify(line), tests, why],
  );
  const id = row?.id ?? '';
  const changes = line.map((change) => showId('change', change.id));
  await chronicle(sql, [
    {
      ...{ kind: 'intake.opened', subject: showId('intake', id), project: projectId },
      data: { watch, changes, tests: tests.length, why },
    },
  ]);
  return id;
}

/** What has become of an intake, and why. */
export async function changeIntake(
  sql: Sql,
  { id, projectId }: Pick<Intake, 'id' | 'projectId'>,
  change: {
    readonly state?: Intake['state'] | 'passed' | 'stopped';
    readonly submissionId?: Id | null;
    readonly without?: readonly Id[];
    readonly flaky?: readonly Id[];
    readonly tries?: number;
    readonly probed?: boolean;
    readonly seen?: readonly SeenBad[];
    readonly held?: readonly Id[];
    readonly atLimit?: boolean;
  },
  why: string,
): Promise<void> {
  await sql.rows(
    `UPDATE intake SET state = coalesce($2, state), why = $3,
       submission_id = CASE WHEN $4 THEN $5::bigint ELSE submission_id END,
       without = coalesce($6::bigint[], without), flaky = coalesce($7::bigint[], flaky), tries = coalesce($8, tries),
       probed = coalesce($9, probed AND $6 IS NULL), seen = coalesce($10::jsonb, CASE WHEN $6 IS NULL THEN seen ELSE '[]' END),
       held = coalesce($11::bigint[], CASE WHEN $6 IS NULL THEN held ELSE '{}' END),
       at_limit = at_limit OR $12,
       closed_at = CASE WHEN $2 IN ('passed', 'stopped') THEN grid_now() END
     WHERE id = $1 AND closed_at IS NULL`,
    [
      id,
      change.state ?? null,
      why,
      change.submissionId !== undefined,
      change.submissionId ?? null,
      change.without ?? null,
      change.flaky ?? null,
      change.tries ?? null,
      change.probed ?? null,
      change.seen === undefined ? null : JSON.stringify(change.seen),
      change.held ?? null,
      change.atLimit === true,
    ],
  );
  const { submissionId: submission, without, state } = change;
  await chronicle(sql, [
    {
      ...{ kind: `intake.${state ?? 'goes_on'}`, subject: showId('intake', id), project: projectId },
      data: {
        why,
        ...(submission && { submission: showId('submission', submission) }),
        ...(without && { without: without.map((one) => showId('change', one)) }),
      },
    },
  ]);
}

/** Watches of the inventory that have changes nobody has looked at, and no open intake. */
export async function watchesWithNews(
  sql: Sql,
): Promise<readonly (WatchSpec & { readonly projectId: Id })[]> {
  const rows = await sql.rows<{ spec: WatchSpec; projectId: Id }>(
    `SELECT w.spec, p.id AS "projectId" FROM watch w JOIN project p ON p.name = w.spec->>'project'
     WHERE w.removed_at IS NULL AND NOT EXISTS (SELECT FROM intake i WHERE i.watch = w.name AND i.closed_at IS NULL)
       AND EXISTS (SELECT FROM component k JOIN change c ON c.component_id = k.id AND c.state = 'new' WHERE k.watch = w.name)
     ORDER BY w.name`,
  );
  return rows.map(({ spec, projectId }) => ({ ...spec, projectId }));
}

/**
 * The last intake of a watch that was stopped since no more could be rolled back on that day, and whether that is so still:
 * a day has not passed, and not so many may be made now either.
 */
export async function stoppedAtLimit(
  sql: Sql,
  { name, rollbacksPerDay }: Pick<WatchSpec, 'name' | 'rollbacksPerDay'>,
): Promise<{ readonly intake: Id; readonly isStill: boolean } | undefined> {
  const [last] = await sql.rows<{ intake: Id; isToday: boolean }>(
    `SELECT id AS intake, closed_at > grid_now() - interval '1 day' AS "isToday" FROM intake
     WHERE watch = $1 AND at_limit ORDER BY id DESC LIMIT 1`,
    [name],
  );
  if (last === undefined) return undefined;
  const isStill = last.isToday && (await pinsOfDay(sql, name)) >= rollbacksPerDay;
  return { intake: last.intake, isStill };
}

/** A watch of the inventory, or one that was there. */
export async function watchOf(sql: Sql, name: string): Promise<WatchSpec | undefined> {
  const [row] = await sql.rows<{ spec: WatchSpec }>(`SELECT spec FROM watch WHERE name = $1`, [name]);
  return row?.spec;
}

/** Tests of a project by name or label, as the inventory has them; all where none are named. */
export function testsFor(
  sql: Sql,
  project: Id,
  named: readonly string[] | undefined,
): Promise<readonly { readonly id: Id; readonly name: string; readonly requirement: string }[]> {
  return sql.rows(
    `SELECT id, name, requirement FROM test WHERE project_id = $1 AND listed
       AND ($2::text[] IS NULL OR name = ANY ($2) OR coalesce(spec->'labels', '[]') ?| $2)
     ORDER BY name`,
    [project, named ?? null],
  );
}

/** Changes that are still being tried are looked at anew when something else has come. */
export async function stillTried(sql: Sql, changes: readonly Id[]): Promise<readonly Id[]> {
  const rows = await sql.rows<{ id: Id }>(
    `SELECT id FROM change WHERE id = ANY ($1::bigint[]) AND state = 'testing' ORDER BY position`,
    [changes],
  );
  return rows.map(({ id }) => id);
}

/** The versions that are trusted of the components of a watch, by the name of the package. */
export async function standingOf(sql: Sql, watch: string): Promise<ReadonlyMap<string, string>> {
  const rows = await sql.rows<{ name: string; baseline: string }>(
    `SELECT substr(name, length(watch) + 2) AS name, baseline FROM component
     WHERE watch = $1 AND kind <> 'git' AND baseline IS NOT NULL`,
    [watch],
  );
  return new Map(rows.map(({ name, baseline }) => [name, baseline]));
}
