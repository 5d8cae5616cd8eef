import { withClient } from '../database.js';

/** Each thing of a database by its kind and name, with all that is said of it. */
export type Facts = ReadonlyMap<string, string>;

/** Everything but the partitions themselves, which their parents speak for, and TypeORM's list of migrations. */
const TABLES = `SELECT c.oid, c.relname AS name, c.relkind AS kind FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname <> 'migrations'`;

const FACTS = `WITH tables AS (${TABLES})
  SELECT 'table ' || name AS what,
    CASE kind WHEN 'p' THEN 'partitioned by ' || pg_get_partkeydef(oid) ELSE 'plain' END AS said FROM tables
  UNION ALL
  SELECT 'column ' || t.name || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attnotnull THEN 'not null' END, 'default ' || regexp_replace(pg_get_expr(d.adbin, d.adrelid), '^''(\\d+)''::bigint$', '\\1'),
    CASE a.attidentity WHEN 'a' THEN 'identity' WHEN 'd' THEN 'identity by default' END)
  FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
  UNION ALL
  SELECT 'constraint ' || t.name || '.' || k.conname, pg_get_constraintdef(k.oid)
  FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid WHERE k.contype IN ('p', 'u', 'f', 'c', 'x')
  UNION ALL
  SELECT 'index ' || i.relname, replace(replace(pg_get_indexdef(i.oid), ' ON ONLY ', ' ON '), 'public.', '')
  FROM tables t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
  WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x'))
  UNION ALL
  SELECT 'sequence ' || c.relname, 'bigint' FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S' AND c.relname <> 'migrations_id_seq'`;

/** What the catalogue of a database says. */
export async function factsOf(url: string): Promise<Facts> {
  const facts = new Map<string, string>();
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ what: string; said: string }>(FACTS);
    for (const { what, said } of rows) facts.set(what, said);
  });
  return facts;
}
