import { makeCatalogue } from '../catalogue.js';
import type { HostSpec, Inventory } from '../inventory.js';
import { STANDARD_TAGS } from '../look/standard-tags.js';
import { HostIndex } from '../match/host-index.js';
import type { TagRecord } from '../match/known.js';
import type { Catalogue, Instance, Sighting, TagFacts } from '../tag.js';
import { type Ground, type GroundHost, givableTags } from './ground.js';

const ABSENT: Sighting = { presence: 'absent' };
const UNKNOWN: Sighting = { presence: 'unknown' };

/**
 * A lab as its files say it is, every host idle and well. What is declared is believed; what the grid would look for
 * and nobody declares is not known; what nobody can look for and nobody declares is not there.
 */
export function declaredGround(inventory: Inventory): Ground {
  const catalogue = catalogueOf(inventory);
  const pools = new Map(inventory.pools.map((pool) => [pool.name, pool]));
  const index = new HostIndex(catalogue);
  const hosts = new Map<number, GroundHost>();
  for (const [number, spec] of inventory.hosts.entries()) {
    const host = declaredHost(spec, String(number + 1), pools.get(spec.pool)?.projects, catalogue);
    index.add(number, host.facts);
    hosts.set(number, host);
  }
  return {
    catalogue,
    index,
    hosts,
    steps: inventory.steps,
    incidents: [],
    givable: givableTags(inventory.steps, []),
    defaultRequirement: inventory.grid.default,
    taken: () => 0,
    away: () => undefined,
  };
}

/** The catalogue of an inventory, with the standard one. */
export function catalogueOf({ tags, aliases }: Pick<Inventory, 'tags' | 'aliases'>): Catalogue {
  const made = makeCatalogue([...STANDARD_TAGS, ...tags], aliases);
  if ('problems' in made) throw new Error(made.problems[0]?.message);
  return made.catalogue;
}

function declaredHost(
  spec: HostSpec,
  id: string,
  poolProjects: readonly string[] | undefined,
  catalogue: Catalogue,
): GroundHost {
  const { name, type, pool, seats, expendable, tags, transport, restore } = spec;
  const isolated = transport.kind === 'local';
  const record: TagRecord = {
    tags: tags.map((tag) => ({ ...tag, source: 'declared' })),
    looked: new Map(),
    gives: [],
    used: false,
  };
  return {
    id,
    name,
    type,
    pool,
    ...(poolProjects === undefined ? {} : { poolProjects }),
    seats,
    expendable,
    canRestore: restore !== undefined,
    offline: false,
    health: 'good',
    healthWhy: '',
    isolated,
    stack: [],
    used: false,
    facts: asDeclared(record, catalogue, isolated),
    catalogue,
    okAttempt: '0',
    record,
  };
}

function asDeclared({ tags }: TagRecord, catalogue: Catalogue, isolated: boolean): TagFacts {
  const declared = new Map<string, Instance[]>();
  for (const { tag, place, raw, attributes } of tags) {
    const instance = { place, raw, ...(attributes === undefined ? {} : { attributes }) };
    declared.set(tag, [...(declared.get(tag) ?? []), instance]);
  }
  return (tag) => {
    // Tests are never root on the executor's own machine, whoever says so.
    if (isolated && tag === 'root') return ABSENT;
    const instances = declared.get(tag);
    if (instances !== undefined) return { presence: 'present', instances };
    return catalogue.find(tag)?.source.by === 'word' ? ABSENT : UNKNOWN;
  };
}
