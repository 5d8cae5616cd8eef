import { nearestTo } from '../domain/explain/near-value.js';
import { HostIndex } from '../domain/match/host-index.js';
import { misses } from '../domain/match/misses.js';
import type { Promised } from '../domain/plan/promise.js';
import { canonical, clausesOf, fromCanonical, tagsOf } from '../domain/requirement.js';
import { doesGive } from '../domain/step.js';
import type { Catalogue, Sighting, TagFacts } from '../domain/tag.js';
import type { TagSeen } from '../protocol/messages.js';
import type { Knowledge } from './place.js';

/** A part of what a test needs that is not here. */
export interface Lack {
  /** In canonical spelling. */
  readonly clause: string;
  /** False where it could not be told. */
  readonly isSure: boolean;
  /** In words: 'kernel is 5.10.0, needs >= 6.1'. */
  readonly why: string;
  /** What comes nearest, or what would serve. */
  readonly hint?: string;
}

/** Every clause that does not hold, those that are known not to first, each with why and with what would help. */
export function lacksOf(
  requirement: string,
  facts: TagFacts,
  known: Knowledge,
  isLocal: boolean,
): readonly Lack[] {
  const { catalogue } = known;
  const formula = fromCanonical(requirement);
  const clauses = new Map(clausesOf(formula).map((clause) => [canonical(clause), clause]));
  const index = new HostIndex(catalogue);
  index.add(0, facts);
  return misses(formula, facts, catalogue).map(({ clause, truth, why }): Lack => {
    const asked = clauses.get(clause);
    const near = asked === undefined ? [] : nearestTo(asked, index, catalogue);
    const hints = [
      ...near.flatMap((one) => {
        if (one.kind === 'attribute') return [`the nearest has ${one.attribute} ${one.raw}`];
        return one.kind === 'without' ? [`without '${one.part}' it would do`] : [];
      }),
      ...tagsOf(fromCanonical(clause)).flatMap((tag) => whatServes(tag, facts, known, isLocal)),
    ];
    const isRoot = clause === 'root' && isLocal;
    return {
      clause,
      isSure: truth === 'no',
      why: isRoot ? 'tests never run as root on the machine itself' : why,
      ...(hints.length === 0 ? {} : { hint: hints.slice(0, 3).join('; ') }),
    };
  });
}

/** What is known of a machine once it was looked at. */
export function factsSeen(seen: readonly TagSeen[], promised: Promised): TagFacts {
  const sightings = new Map<string, Sighting>([
    ...promised.known.map(({ tag, ...sighting }): [string, Sighting] => [tag, sighting]),
    ...seen.map(({ tag, presence, instances }): [string, Sighting] => [
      tag,
      presence === 'present' ? { presence, instances: instances?.map(whole) ?? FLAG } : { presence },
    ]),
  ]);
  return (tag) => sightings.get(tag) ?? { presence: 'unknown' };
}

const FLAG = [{ place: '', raw: '' }] as const;

function whole({ attributes, ...one }: NonNullable<TagSeen['instances']>[number]) {
  return attributes === undefined ? one : { ...one, attributes };
}

/** The command or declaration that would bring a tag. */
function whatServes(tag: string, facts: TagFacts, known: Knowledge, isLocal: boolean): readonly string[] {
  const steps = known.steps.filter((step) => doesGive(step, tag)).map(({ name }) => name);
  if (steps.length > 0) return [`in a grid the step ${steps.slice(0, 3).join(' or ')} gives ${tag}`];
  const own = /^([a-z]+):(.+)$/.exec(tag);
  if (own?.[1] === 'cmd') return [`install the program '${own[2]}', in the search path of commands`];
  if (own?.[1] === 'module') return [`load it there as root: modprobe ${own[2]}`];
  if (tag === 'root')
    return [
      isLocal
        ? '--host root@HOST runs it on another one over ssh, and a grid has hosts'
        : 'log in as root@HOST',
    ];
  if (tag === 'kvm') return ['who runs the test must be able to read and write /dev/kvm'];
  if (tag === 'loop-device') return ['load it there as root: modprobe loop'];
  return wordServes(tag, facts, known.catalogue);
}

function wordServes(tag: string, facts: TagFacts, catalogue: Catalogue): readonly string[] {
  const spec = catalogue.find(tag);
  if (spec?.source.by !== 'word' || facts(tag).presence === 'present') return [];
  return [`nobody can look at ${tag}: a host declares it (--inventory DIR --host NAME)`];
}
