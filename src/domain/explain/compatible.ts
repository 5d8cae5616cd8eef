import type { Demand, Target } from '../demand.js';
import { hasBit } from '../match/bits.js';
import { type Miss, misses } from '../match/misses.js';
import { joined } from '../submit/joined.js';
import { type Explanation, explain } from './explain.js';
import { type Ground, questionOf } from './ground.js';
import { askClauses, type Standing, StepsAsked, standingOf } from './standing.js';

/** A test as far as it matters where it can run. */
export interface PlacedTest {
  readonly name: string;
  readonly project: string;
  /** Canonical, without what the grid adds. */
  readonly requirement: string;
}

/** The demand of a test's runs on this grid, as a submission of it would make it. */
export function demandOf(
  { requirement, project }: Omit<PlacedTest, 'name'>,
  ground: Ground,
  target: Target = {},
): Demand {
  return {
    requirement: joined(requirement, ground.defaultRequirement, ground.catalogue),
    target,
    purpose: 'test',
    fresh: false,
    avoid: [],
    project,
  };
}

/** The part of the grid that is asked about: one host, the hosts of a type, or all. */
export function partOf(ground: Ground, { host, hostType }: Target): Ground {
  if (host === undefined && hostType === undefined) return ground;
  const hosts = [...ground.hosts].filter(
    ([, { name, type }]) =>
      (host === undefined || name === host) && (hostType === undefined || type === hostType),
  );
  return { ...ground, hosts: new Map(hosts) };
}

/** How one test stands to a part of the grid. */
export interface TestThere<Test extends PlacedTest> {
  readonly test: Test;
  readonly explanation: Explanation;
}

/** Every test as it stands there, one by one; equal demands are asked once. */
export function* testsThere<Test extends PlacedTest>(
  tests: Iterable<Test>,
  part: Ground,
): Generator<TestThere<Test>> {
  const known = new Map<string, Explanation>();
  for (const test of tests) {
    const demand = demandOf(test, part);
    const key = `${demand.project}\n${demand.requirement}`;
    const explanation = known.get(key) ?? explain({ ...questionOf(demand, part), most: 1 });
    known.set(key, explanation);
    yield { test, explanation };
  }
}

/** The hosts of one type as they stand to a demand; names in order. */
export interface TypeForTest {
  readonly type: string;
  /** They have all of it. */
  readonly yes: readonly string[];
  /** Steps bring them there; `steps` of the cheapest. */
  readonly bySteps: readonly string[];
  readonly steps?: readonly string[];
  /** Nothing is known against them. */
  readonly unknown: readonly string[];
  readonly no: readonly string[];
  /** Could serve, and the demand may not use them. */
  readonly barred: readonly string[];
  /** Of types that cannot serve: what the nearest host lacks. */
  readonly nearest?: { readonly host: string; readonly misses: readonly Miss[] };
}

/** Where a host stands, in the order of how good that is. */
const STANDS = ['yes', 'bySteps', 'unknown', 'barred', 'no'] as const;
type Stands = (typeof STANDS)[number];

interface Found extends Record<Stands, string[]> {
  cheapest?: { readonly steps: readonly string[]; readonly costS: number };
  nearest?: Standing;
}

/** Which hosts could serve a demand, type by type; types with hosts that could come first. */
export function hostsForTest(demand: Demand, ground: Ground): readonly TypeForTest[] {
  const question = questionOf(demand, ground);
  const clauses = askClauses(question);
  const steps = new StepsAsked(question);
  const types = new Map<string, Found>();
  for (const [number, state] of question.hosts) {
    if (!hasBit(question.index.hosts, number)) continue;
    const standing = standingOf(number, state, clauses, question, steps, Number.POSITIVE_INFINITY);
    if (standing === undefined) continue;
    const found = types.get(state.type) ?? { yes: [], bySteps: [], unknown: [], barred: [], no: [] };
    types.set(state.type, found);
    found[standsOf(standing)].push(state.name);
    const { reach } = standing;
    if (
      reach?.ok &&
      reach.steps.length > 0 &&
      reach.costS < (found.cheapest?.costS ?? Number.POSITIVE_INFINITY)
    )
      found.cheapest = reach;
    if (found.nearest === undefined || byNearness(standing, found.nearest) < 0) found.nearest = standing;
  }
  return [...types].map(([type, found]) => typeForTest(type, found, question, ground)).sort(byUse);
}

function standsOf({ state, reach, out }: Standing): Stands {
  if (reach?.ok === true) {
    if (state.barred !== undefined) return 'barred';
    return reach.steps.length === 0 ? 'yes' : 'bySteps';
  }
  return out === 0 && state.barred === undefined ? 'unknown' : 'no';
}

function typeForTest(
  type: string,
  { cheapest, nearest, ...names }: Found,
  { requirement }: ReturnType<typeof questionOf>,
  { index, catalogue }: Ground,
): TypeForTest {
  for (const stands of STANDS) names[stands].sort();
  const facts = nearest === undefined ? undefined : index.factsOf(nearest.host);
  const isServed = names.yes.length + names.bySteps.length + names.barred.length > 0;
  return {
    type,
    ...names,
    ...(cheapest === undefined ? {} : { steps: cheapest.steps }),
    ...(isServed || nearest === undefined || facts === undefined
      ? {}
      : { nearest: { host: nearest.state.name, misses: misses(requirement, facts, catalogue) } }),
  };
}

function byNearness(a: Standing, b: Standing): number {
  return a.out - b.out || a.open - b.open || (a.state.name < b.state.name ? -1 : 1);
}

function byUse(a: TypeForTest, b: TypeForTest): number {
  for (const stands of STANDS) {
    const more = b[stands].length - a[stands].length;
    if (more !== 0 && stands !== 'no') return more;
  }
  return a.type < b.type ? -1 : a.type > b.type ? 1 : 0;
}
