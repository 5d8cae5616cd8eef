import { excludeEachOther } from '../language/range.js';
import { type AttributeTest, canonical, fromCanonical, normal, type Requirement } from '../requirement.js';
import type { Catalogue } from '../tag.js';

type Leaf = Extract<Requirement, { kind: 'tag' | 'compare' | 'device' }>;

/** Formulas behind formulas deeper than this are taken as they are: in doubt two things can be had together. */
const DEEPEST = 10;

/**
 * Whether two requirements are known to exclude each other on every host: one says the opposite of the other, or both
 * ask one tag for values that exclude each other; whatever stands behind derived tags, and in every way in which
 * alternatives could be met. False where it is not known.
 */
export function contradicts(a: Requirement, b: Requirement, catalogue: Catalogue, depth = 0): boolean {
  const [one, other] = [unfolded(a, catalogue, depth), unfolded(b, catalogue, depth)];
  const asks = (x: Requirement, y: Requirement) => contradicts(x, y, catalogue, depth + 1);
  for (const [this_, that] of [
    [one, other],
    [other, one],
  ] as const) {
    if (this_.kind === 'any') return this_.of.length > 0 && this_.of.every((part) => asks(part, that));
    if (this_.kind === 'all') return this_.of.some((part) => asks(part, that));
  }
  if (one.kind === 'not' && other.kind !== 'not') return denies(one.of, other);
  if (other.kind === 'not' && one.kind !== 'not') return denies(other.of, one);
  return isLeaf(one) && isLeaf(other) && one.name === other.name && areApart(one, other, catalogue);
}

/** A derived tag is what its formula says, and so is the opposite of one. */
function unfolded(requirement: Requirement, catalogue: Catalogue, depth: number): Requirement {
  const negated = requirement.kind === 'not';
  const inner = negated ? requirement.of : requirement;
  const source = inner.kind === 'tag' ? catalogue.find(inner.name)?.source : undefined;
  if (source?.by !== 'formula' || depth >= DEEPEST) return requirement;
  const formula = fromCanonical(source.is);
  return normal(negated ? { kind: 'not', of: formula } : formula);
}

/** Whether what is said not to be is what is asked: the same, or the tag itself whose value is asked for. */
function denies(denied: Requirement, asked: Requirement): boolean {
  if (canonical(denied) === canonical(asked)) return true;
  return denied.kind === 'tag' && isLeaf(asked) && asked.name === denied.name;
}

function areApart(a: Leaf, b: Leaf, catalogue: Catalogue): boolean {
  const spec = catalogue.find(a.name);
  if (spec === undefined || spec.kind === 'flag' || spec.kind === 'device') return false;
  return testsOf(a).some((one) => testsOf(b).some((other) => excludeEachOther(spec, one, other)));
}

/** What is asked of a tag's one value. */
function testsOf(leaf: Leaf): readonly Pick<AttributeTest, 'operator' | 'value'>[] {
  if (leaf.kind === 'compare') return [leaf];
  return leaf.kind === 'device' ? leaf.where.filter(({ attribute }) => attribute === '') : [];
}

function isLeaf(requirement: Requirement): requirement is Leaf {
  return requirement.kind === 'tag' || requirement.kind === 'compare' || requirement.kind === 'device';
}
