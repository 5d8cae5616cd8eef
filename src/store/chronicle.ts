import type { Id } from '../domain/id.js';
import type { Sql } from './store.js';
import { tellOf } from './telling.js';

/** Something that happened, for history; said in the transaction that made it so. */
export interface Entry {
  /** `run.done`, `incident.opened`, `host.suspect` ... */
  readonly kind: string;
  /** Typed id of what it is about: `r12`, `h3`. */
  readonly subject: string;
  readonly project?: Id;
  readonly run?: Id;
  readonly actor?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/**
 * Appends entries to history, in one statement, and puts what people are to be told of them into the outbox. The grid
 * itself is the actor where none is named.
 */
export async function chronicle(sql: Sql, entries: readonly Entry[]): Promise<void> {
  if (entries.length === 0) return;
  await append(sql, [...entries, ...(await tellOf(sql, entries))]);
}

async function append(sql: Sql, entries: readonly Entry[]): Promise<void> {
  await sql.rows(
    `INSERT INTO history (project_id, run_id, kind, subject, actor, data)
     SELECT project, run, kind, subject, actor, data
     FROM jsonb_to_recordset($1::jsonb)
       AS e(project bigint, run bigint, kind text, subject text, actor text, data jsonb)`,
    [JSON.stringify(entries.map((e) => ({ actor: 'testyard', data: {}, ...e })))],
  );
}
