import { canonical, clausesOf, fromCanonical, normal, type Requirement, type Truth } from '../requirement.js';
import type { Catalogue, Sighting, TagFacts } from '../tag.js';
import { holds, instanceTruth } from './holds.js';

/** A clause that does not hold on a host, with what is known about it. */
export interface Miss {
  readonly clause: string;
  readonly truth: Exclude<Truth, 'yes'>;
  /** In words: 'kernel is 5.10.0, needs >= 6.1'. */
  readonly why: string;
}

/** The clauses that do not hold with what is known, those that are known not to first, each with why. */
export function misses(requirement: Requirement, facts: TagFacts, catalogue: Catalogue): readonly Miss[] {
  const found = clausesOf(requirement).flatMap((clause): readonly Miss[] => {
    const truth = holds(clause, facts, catalogue);
    if (truth === 'yes') return [];
    return [{ clause: canonical(clause), truth, why: whyNot(clause, facts, catalogue) }];
  });
  return [
    ...found.filter((miss) => miss.truth === 'no'),
    ...found.filter((miss) => miss.truth === 'unknown'),
  ];
}

/** Why a clause that does not hold does not, in the host's own values: 'kernel is 5.10.0, needs >= 6.1'. */
export function whyNot(clause: Requirement, facts: TagFacts, catalogue: Catalogue): string {
  return why(clause, facts, catalogue, []);
}

/** Parts of an answer that are said; of the rest only how many there are. */
const MOST_SAID = 3;

function why(clause: Requirement, facts: TagFacts, catalogue: Catalogue, within: readonly string[]): string {
  switch (clause.kind) {
    case 'tag':
      return whyNoTag(clause.name, facts, catalogue, within);
    case 'compare':
    case 'device':
      return `${whatIs(clause, facts, catalogue)}, needs ${wanted(clause)}`;
    case 'not':
      return whyStillThere(clause.of, facts, catalogue);
    case 'all':
    case 'any': {
      const missing = clause.of.filter((part) => holds(part, facts, catalogue) !== 'yes');
      const whys = missing.map((part) => why(part, facts, catalogue, within));
      if (whys.length === 0) return 'nothing can ever meet this';
      return clause.kind === 'all' ? listed(whys, ' and ') : `none of these: ${listed(whys, '; ')}`;
    }
  }
}

function whyNoTag(name: string, facts: TagFacts, catalogue: Catalogue, within: readonly string[]): string {
  const source = catalogue.find(name)?.source;
  if (source?.by !== 'formula' || within.includes(name)) return presence(name, facts(name));
  const formula = fromCanonical(source.is);
  const truth = holds(formula, facts, catalogue);
  const inner = why(normal(formula), facts, catalogue, [...within, name]);
  return `${presence(name, { presence: truth === 'no' ? 'absent' : 'unknown' })} (${inner})`;
}

function presence(name: string, sighting: { readonly presence: Sighting['presence'] }): string {
  return `${name} is ${sighting.presence === 'unknown' ? 'not known there' : 'not there'}`;
}

function whyStillThere(part: Requirement, facts: TagFacts, catalogue: Catalogue): string {
  if (part.kind === 'compare' || part.kind === 'device')
    return `${whatIs(part, facts, catalogue)}, and must not be ${wanted(part)}`;
  const isKnown = holds(part, facts, catalogue) !== 'unknown';
  return `${canonical(part)} is ${isKnown ? 'there' : 'not known there'}, and must not be`;
}

type Leaf = Extract<Requirement, { kind: 'compare' | 'device' }>;

/** What a host has of what a comparison or a device form asks about. */
function whatIs(leaf: Leaf, facts: TagFacts, catalogue: Catalogue): string {
  const { name } = leaf;
  const sighting = facts(name);
  if (sighting.presence !== 'present') return presence(name, sighting);
  const spec = catalogue.find(name);
  if (leaf.kind === 'compare' || spec?.kind !== 'device') {
    const values = sighting.instances.map((one) => one.raw).filter((raw) => raw !== '');
    return values.length === 0
      ? `${name} is there with a value that is not known`
      : `${name} is ${listed(values, ' and ')}`;
  }
  const good = sighting.instances.filter((one) => instanceTruth(leaf, one, spec) === 'yes').length;
  const open = sighting.instances.filter((one) => instanceTruth(leaf, one, spec) === 'unknown').length;
  const maybe = open === 0 ? '' : `, and perhaps ${open} more`;
  return `${good === 0 ? 'none' : good} of ${sighting.instances.length} ${name} there will do${maybe}`;
}

/** What is asked, without the name that is said already. */
function wanted(leaf: Leaf): string {
  const whole = canonical(leaf);
  return leaf.kind === 'compare' ? whole.slice(leaf.name.length + 1) : whole;
}

function listed(items: readonly string[], separator: string): string {
  const more = items.length - MOST_SAID;
  return items.slice(0, MOST_SAID).join(separator) + (more > 0 ? `${separator}${more} more` : '');
}
