import { makeCatalogue } from '../domain/catalogue.js';
import type { Id } from '../domain/id.js';
import type { Inventory } from '../domain/inventory.js';
import { nearest } from '../domain/language/nearest.js';
import { STANDARD_TAGS } from '../domain/look/standard-tags.js';
import { fromCanonical, tagsOf } from '../domain/requirement.js';
import type { Catalogue } from '../domain/tag.js';
import type { Sql, Transaction } from './store.js';

/** Why an inventory cannot be applied now; `what` is the thing concerned: `host n1`. */
export interface InUse {
  readonly what: string;
  readonly message: string;
}

/** Hosts that are to go and still have work, locked until the transaction ends: no seat is taken there meanwhile. */
export async function hostsAtWork(
  tx: Transaction,
  names: readonly string[],
): Promise<ReadonlyMap<string, readonly Id[]>> {
  if (names.length === 0) return new Map();
  await tx.rows(`SELECT id FROM host WHERE name = ANY ($1::text[]) ORDER BY id FOR UPDATE`, [names]);
  const rows = await tx.rows<{ name: string; runs: Id[] }>(
    `SELECT h.name, array_agg(DISTINCT s.run_id::text) AS runs FROM host h JOIN host_seat s ON s.host_id = h.id
     WHERE h.name = ANY ($1::text[]) AND h.removed_at IS NULL GROUP BY h.name`,
    [names],
  );
  return new Map(rows.map(({ name, runs }) => [name, runs]));
}

/** Says of hosts at work who uses them. */
export function hostInUse(name: string, runs: readonly Id[]): InUse {
  const verb = runs.length === 1 ? 'runs' : 'run';
  return {
    what: `host ${name}`,
    message: `host '${name}' is in use: ${some(runs)} ${verb} there; wait, or have it drained (--drain)`,
  };
}

/** Tags that are no more, or of another kind, and that runs which are not done name. */
export async function tagsAskedFor(sql: Sql, before: Inventory, after: Inventory): Promise<readonly InUse[]> {
  const [old, now] = [catalogueOf(before), catalogueOf(after)];
  const rows = await sql.rows<{ requirement: string; runs: number; first: Id[] }>(
    `SELECT d.spec->>'requirement' AS requirement, count(*)::integer AS runs,
       (array_agg(q.run_id::text ORDER BY q.run_id))[1:5] AS first
     FROM queue q JOIN demand d ON d.key = q.demand WHERE q.state <> 'ending' GROUP BY 1`,
  );
  const asked = new Map<string, { runs: number; first: Id[] }>();
  for (const { requirement, runs, first } of rows)
    for (const tag of tagsOf(fromCanonical(requirement))) {
      const spec = old.find(tag);
      if (spec === undefined || now.find(tag)?.kind === spec.kind) continue;
      const known = asked.get(tag) ?? { runs: 0, first: [] };
      asked.set(tag, { runs: known.runs + runs, first: [...known.first, ...first] });
    }
  return [...asked].sort().map(([tag, { runs, first }]) => {
    const fate = now.find(tag) === undefined ? 'cannot go' : 'cannot become something else';
    return {
      what: `tag ${tag}`,
      message: `tag '${tag}' ${fate} while runs that are not done ask for it: ${some(first, runs)}; wait, or cancel them`,
    };
  });
}

/** Projects that pools and watches name and that are not there. */
export async function unknownProjects(
  sql: Sql,
  { pools, watches = [] }: Inventory,
): Promise<readonly InUse[]> {
  const named = [
    ...pools.flatMap(({ name, projects }) =>
      (projects ?? []).map((project) => ({ what: `pool ${name}`, of: `pool '${name}'`, project })),
    ),
    ...watches.flatMap(({ name, project, place }) =>
      [project, ...(place.kind === 'test' ? [place.project] : [])].map((project) => ({
        ...{ what: `watch ${name}`, of: `watch '${name}'`, project },
      })),
    ),
  ];
  if (named.length === 0) return [];
  const known = (await sql.rows<{ name: string }>(`SELECT name FROM project`)).map(({ name }) => name);
  return named
    .filter(({ project }) => !known.includes(project))
    .map(({ what, of, project }) => {
      const near = nearest(project, known);
      const hint = near === undefined ? 'make it first' : `did you mean '${near}'?`;
      return {
        what,
        message: `${of} is for project '${project}', which is not there: ${hint}`,
      };
    });
}

function some(ids: readonly Id[], count = ids.length): string {
  const first = [...ids].sort((a, b) => Number(BigInt(a) - BigInt(b))).slice(0, 5);
  const more = count - first.length;
  return `${first.map((id) => `r${id}`).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function catalogueOf({ tags, aliases }: Inventory): Catalogue {
  const made = makeCatalogue([...STANDARD_TAGS, ...tags], aliases);
  // What was applied by an earlier version of the program need not go together with the standard tags of this one.
  return 'catalogue' in made ? made.catalogue : { find: () => undefined, alias: () => undefined, names: [] };
}
