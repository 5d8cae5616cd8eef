/**
 * SQL text: the watched version of the test in a row `t`, as a row of `test` named `at`; none where nobody watches it.
 * `versions` names a value with versions that count before the baseline.
 */
export function testAt(versions: string): string {
  return `LATERAL (SELECT o.* FROM component k JOIN watch w ON w.name = k.watch AND w.removed_at IS NULL
      JOIN project p ON p.name = w.spec->'place'->>'project' AND p.id = t.project_id
      JOIN test o ON o.project_id = t.project_id AND o.name = t.name
        AND o.digest = coalesce(${versions}->>k.name, k.baseline)
    WHERE k.kind = 'test' AND k.name = k.watch || '/' || t.name ORDER BY k.id LIMIT 1) at`;
}
