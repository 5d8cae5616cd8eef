import { makeCatalogue } from '../domain/catalogue.js';
import type { ImageSpec } from '../domain/image.js';
import { inOrder } from '../domain/inventory/declared.js';
import type { DeclaredTag, HostSpec, Inventory, PoolSpec } from '../domain/inventory.js';
import { STANDARD_TAGS } from '../domain/look/standard-tags.js';
import type { WatchSpec } from '../domain/watch.js';
import type { Sql } from './store.js';

type Maybe<Of> = { readonly [Name in keyof Of]: Of[Name] | null };
type HostRow = Maybe<HostSpec> & {
  readonly tags: readonly { readonly tag: string; readonly place: string; readonly raw: string }[];
};

/** The inventory that is applied, as it was declared; hosts that are on their way out are not in it. */
export async function readAppliedInventory(sql: Sql): Promise<Inventory> {
  const [grids, tags, aliases, pools, resources, images, types, hosts, steps, tests, watches] =
    await Promise.all([
      sql.rows<Required<Inventory['grid']>>(
        `SELECT name, admin, default_requirement AS "default", halt_policy AS halt, sources,
         lava_mapping AS lava, handlers, trusted_projects AS "trustedProjects", grid_steps AS "gridSteps", people, mail,
         web_hooks AS "webHooks", health_check AS "healthCheck" FROM grid`,
      ),
      specs<'tags'>(sql, `SELECT spec FROM tag WHERE removed_at IS NULL`),
      specs<'aliases'>(sql, `SELECT spec FROM alias`),
      sql.rows<Maybe<PoolSpec>>(
        `SELECT name, meaning, owner, projects, cap, health_check AS "healthCheck" FROM pool WHERE removed_at IS NULL`,
      ),
      specs<'resources'>(sql, `SELECT spec FROM resource WHERE removed_at IS NULL`),
      sql.rows<{ spec: ImageSpec }>(`SELECT spec FROM image`),
      specs<'types'>(sql, `SELECT spec FROM host_type`),
      sql.rows<HostRow>(
        `SELECT h.name, h.host_type AS type, p.name AS pool, h.owner, h.seats, h.expendable, h.executor, h.transport,
         h.restore,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('tag', t.name, 'place', t.instance, 'raw', t.raw)), '[]')
          FROM host_tag t WHERE t.host_id = h.id AND t.source = 'declared') AS tags,
         (SELECT coalesce(jsonb_agg(r.name ORDER BY r.name COLLATE "C"), '[]') FROM host_resource u
          JOIN resource r ON r.id = u.resource_id
          WHERE u.host_id = h.id AND NOT r.spec ? 'instrument') AS resources
       FROM host h JOIN pool p ON p.id = h.pool_id WHERE h.removed_at IS NULL AND NOT h.draining`,
      ),
      specs<'steps'>(sql, `SELECT spec FROM step WHERE removed_at IS NULL`),
      specs<'tests'>(
        sql,
        `SELECT t.spec FROM test t JOIN project p ON p.id = t.project_id WHERE t.listed AND p.name = 'default'`,
      ),
      sql.rows<{ spec: WatchSpec }>(`SELECT spec FROM watch WHERE removed_at IS NULL`),
    ]);
  const [row] = grids;
  if (row === undefined) throw new Error('there is one row of grid');
  const made = makeCatalogue([...STANDARD_TAGS, ...tags], []);
  const isDevice = (tag: string) => 'catalogue' in made && made.catalogue.find(tag)?.kind === 'device';
  return {
    grid: withoutEmpty(row),
    tags: byName(tags),
    aliases: byName(aliases),
    pools: byName(pools.map((pool) => said(pool))),
    resources: byName(resources),
    ...(images.length === 0 ? {} : { images: byName(images.map(({ spec }) => spec)) }),
    types: byName(types),
    hosts: byName(
      hosts.map(({ tags: declared, ...host }) => ({ ...said(host), tags: asDeclared(declared, isDevice) })),
    ),
    steps: byName(steps),
    tests: byName(tests),
    ...(watches.length === 0 ? {} : { watches: byName(watches.map(({ spec }) => spec)) }),
  };
}

async function specs<Key extends Exclude<keyof Inventory, 'grid' | 'images' | 'watches'>>(
  sql: Sql,
  query: string,
): Promise<Inventory[Key][number][]> {
  const rows = await sql.rows<{ spec: Inventory[Key][number] }>(query);
  return rows.map(({ spec }) => spec);
}

/** Without lists and maps in which nothing stands. */
function withoutEmpty({
  name,
  admin,
  default: common,
  ...more
}: Required<Inventory['grid']>): Inventory['grid'] {
  const filled = Object.entries(more).filter(([, value]) => value === true || Object.keys(value).length > 0);
  return { name, admin, default: common, ...Object.fromEntries(filled) };
}

/** Without what nobody said. */
function said<Of extends object>(row: Maybe<Of>): Of {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as Of;
}

/** Attributes of devices are kept as JSON. */
function asDeclared(rows: HostRow['tags'], isDevice: (tag: string) => boolean): readonly DeclaredTag[] {
  return inOrder(
    rows.map(({ tag, place, raw }): DeclaredTag => {
      if (!isDevice(tag)) return { tag, place, raw };
      const attributes = JSON.parse(raw) as Readonly<Record<string, string>>;
      return { tag, place, raw: attributes['id'] ?? '', attributes };
    }),
  );
}

function byName<Of extends { readonly name: string }>(things: readonly Of[]): readonly Of[] {
  return [...things].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
