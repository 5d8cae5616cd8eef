import { makeCatalogue } from '../domain/catalogue.js';
import { digestOf } from '../domain/digest.js';
import { STANDARD_TAGS } from '../domain/look/standard-tags.js';
import type { Alias, Catalogue, TagSpec } from '../domain/tag.js';
import type { Sql } from './store.js';

/** The catalogue as it is applied, with the standard one. */
export interface KnownCatalogue {
  readonly catalogue: Catalogue;
  /** Tags and families that can be seen on a host without being asked for by name. */
  readonly visible: readonly string[];
  /** Equal catalogues have equal digests. */
  readonly digest: string;
}

/** Reads the catalogue; what is in the database was checked when it was applied. */
export async function readCatalogue(sql: Sql): Promise<KnownCatalogue> {
  const [tags, aliases] = await Promise.all([
    sql.rows<{ spec: TagSpec }>(`SELECT spec FROM tag WHERE removed_at IS NULL ORDER BY name`),
    sql.rows<{ spec: Alias }>(`SELECT spec FROM alias ORDER BY name`),
  ]);
  const specs = [...STANDARD_TAGS, ...tags.map((row) => row.spec)];
  const made = makeCatalogue(
    specs,
    aliases.map((row) => row.spec),
  );
  if ('problems' in made)
    throw new Error(`the catalogue does not hold together: ${made.problems[0]?.message ?? ''}`);
  const visible = specs.filter(isVisible).map((spec) => spec.name);
  return { catalogue: made.catalogue, visible, digest: digestOf([tags, aliases]) };
}

/** Programs are looked for by name only: nobody lists them all. */
function isVisible({ source }: TagSpec): boolean {
  return source.by === 'probe' || (source.by === 'look' && source.part !== 'cmd');
}
