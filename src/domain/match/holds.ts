import {
  fromCanonical,
  type Operator,
  placeText,
  type Requirement,
  type Truth,
  tagsOf,
} from '../requirement.js';
import { givenBy } from '../step.js';
import type { Catalogue, Instance, Sighting, TagFacts, TagSpec, Value } from '../tag.js';
import { matches } from '../value.js';

type Device = Extract<Requirement, { kind: 'device' }>;

/**
 * Whether a formula holds, three-valued after Kleene: one 'no' of `all` decides, one 'yes' of `any`; else what is
 * unknown makes the whole unknown. That is weaker than to ask whether it comes out the same whatever the unknown
 * turns out to be: `x | not x` is unknown while x is. Where every tag is named once the two agree. It is never
 * wrong: a 'yes' or a 'no' stays whatever becomes known.
 */
export function holds(requirement: Requirement, facts: TagFacts, catalogue: Catalogue): Truth {
  return truthOf(requirement, facts, catalogue, NO_NAMES);
}

const NO_NAMES: readonly string[] = [];

/** `within`: the derived tags that are being computed; one that leads back to itself is unknown. */
function truthOf(
  requirement: Requirement,
  facts: TagFacts,
  catalogue: Catalogue,
  within: readonly string[],
): Truth {
  switch (requirement.kind) {
    case 'tag': {
      const { name } = requirement;
      const source = catalogue.find(name)?.source;
      if (source?.by !== 'formula') return presenceTruth(facts(name));
      if (within.includes(name)) return 'unknown';
      return truthOf(fromCanonical(source.is), facts, catalogue, [...within, name]);
    }
    case 'compare': {
      const { name, operator, value: wanted } = requirement;
      const value = ownValue(catalogue.find(name));
      return ofInstances(facts(name), (instances) => {
        const truths = instances.map(({ raw }) => valueTruth(value, operator, raw, wanted));
        return operator === '!=' ? all(truths) : any(truths);
      });
    }
    case 'device': {
      const spec = catalogue.find(requirement.name);
      // Any one will do: that is what presence says, whether or not somebody said of what kind it is.
      if (asksNothing(requirement)) return presenceTruth(facts(requirement.name));
      return ofInstances(facts(requirement.name), (instances) => {
        const truths = instances.map((instance) => instanceTruth(requirement, instance, spec));
        if (truths.filter((truth) => truth === 'yes').length >= requirement.count) return 'yes';
        return truths.filter((truth) => truth !== 'no').length >= requirement.count ? 'unknown' : 'no';
      });
    }
    case 'all':
      return all(requirement.of.map((part) => truthOf(part, facts, catalogue, within)));
    case 'any':
      return any(requirement.of.map((part) => truthOf(part, facts, catalogue, within)));
    case 'not':
      return not(truthOf(requirement.of, facts, catalogue, within));
  }
}

function asksNothing({ id, place, where, count }: Device): boolean {
  return id === undefined && place === undefined && where.length === 0 && count === 1;
}

function all(truths: readonly Truth[]): Truth {
  if (truths.includes('no')) return 'no';
  return truths.includes('unknown') ? 'unknown' : 'yes';
}

function any(truths: readonly Truth[]): Truth {
  if (truths.includes('yes')) return 'yes';
  return truths.includes('unknown') ? 'unknown' : 'no';
}

function not(truth: Truth): Truth {
  return truth === 'yes' ? 'no' : truth === 'no' ? 'yes' : 'unknown';
}

function presenceTruth({ presence }: Sighting): Truth {
  return presence === 'present' ? 'yes' : presence === 'absent' ? 'no' : 'unknown';
}

/** What is absent has no value at all; what is there without anybody having said of what kind may be anything. */
function ofInstances(sighting: Sighting, truth: (instances: readonly Instance[]) => Truth): Truth {
  if (sighting.presence !== 'present') return presenceTruth(sighting);
  return sighting.instances.length === 0 ? 'unknown' : truth(sighting.instances);
}

/** How a tag's own value is compared; undefined where it has none, or nobody knows the tag any more. */
function ownValue(spec: TagSpec | undefined): Value | undefined {
  return spec === undefined || spec.kind === 'flag' || spec.kind === 'device' ? undefined : spec;
}

function valueTruth(
  value: Value | undefined,
  operator: Operator,
  seen: string | undefined,
  wanted: string,
): Truth {
  if (value === undefined || seen === undefined || seen === '') return 'unknown';
  return matches(value, operator, seen, wanted);
}

/** Whether one device has the id, the place and the attributes all together. */
export function instanceTruth(
  { id, place, where }: Device,
  instance: Instance,
  spec: TagSpec | undefined,
): Truth {
  const truths = where.map(({ attribute, operator, value }) =>
    attribute === ''
      ? valueTruth(ownValue(spec), operator, instance.raw, value)
      : valueTruth(attributeOf(spec, attribute), operator, seenAttribute(instance, attribute), value),
  );
  if (id !== undefined) truths.push(idTruth(id, seenAttribute(instance, 'id')));
  if (place !== undefined) truths.push(placeTruth(place, instance.place));
  return all(truths);
}

function attributeOf(spec: TagSpec | undefined, attribute: string): Value | undefined {
  if (spec?.kind !== 'device' || !Object.hasOwn(spec.attributes, attribute)) return undefined;
  return spec.attributes[attribute];
}

function seenAttribute({ attributes }: Instance, attribute: string): string | undefined {
  return attributes !== undefined && Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined;
}

function idTruth(wanted: string, seen: string | undefined): Truth {
  if (seen === undefined || seen === '') return 'unknown';
  const [want, have] = [wanted.toLowerCase(), seen.toLowerCase()];
  const same = want.endsWith(':*') ? have.startsWith(want.slice(0, -1)) : have === want;
  return same ? 'yes' : 'no';
}

function placeTruth(wanted: string, seen: string): Truth {
  if (seen === '') return 'unknown';
  return placeText(seen) === placeText(wanted) ? 'yes' : 'no';
}

/** The facts as they are after a step gave these: each `tag`, or `tag = value`; a later value takes the place. */
export function factsWith(facts: TagFacts, gives: readonly string[]): TagFacts {
  if (gives.length === 0) return facts;
  const given = new Map<string, Sighting>();
  for (const item of gives) {
    const { tag, value = '' } = givenBy(item);
    given.set(tag, { presence: 'present', instances: [{ place: '', raw: value }] });
  }
  return (tag) => given.get(tag) ?? facts(tag);
}

/** The tags whose facts decide whether a formula holds: of derived ones those that they follow from. */
export function factTagsOf(requirement: Requirement, catalogue: Catalogue): readonly string[] {
  const found = new Set<string>();
  const walk = (tag: string): void => {
    if (found.has(tag)) return;
    found.add(tag);
    const source = catalogue.find(tag)?.source;
    if (source?.by === 'formula') tagsOf(fromCanonical(source.is)).forEach(walk);
  };
  tagsOf(requirement).forEach(walk);
  return [...found].filter((tag) => catalogue.find(tag)?.source.by !== 'formula');
}
