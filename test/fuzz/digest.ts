import type { Store } from '../../src/store/store.js';

/** Tables that say nothing of what was accepted: who leads, and which clock goes. */
const ASIDE = ['leadership', 'grid_clock'];

/** One digest of all that is in the database. */
export async function digestWith(store: Store): Promise<() => Promise<string>> {
  const tables = await store.rows<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL($1) ORDER BY 1`,
    [ASIDE],
  );
  if (tables.length < 20) throw new Error('where are the tables?');
  const each = tables.map(
    ({ name }) =>
      `(SELECT '${name} ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') FROM "${name}" t)`,
  );
  const sql = `SELECT concat_ws(E'\\n', ${each.join(', ')}) AS digest`;
  return async () => (await store.rows<{ digest: string }>(sql))[0]?.digest ?? '';
}
