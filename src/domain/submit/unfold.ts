import type { Versions } from '../baseline.js';
import { type AskedTarget, type Demand, demandKey, type Target } from '../demand.js';
import { canonicalJson } from '../digest.js';
import type { Id } from '../id.js';
import { ownParams, withParams } from '../lava/params.js';
import type { Answer } from '../plan/fit.js';
import { type Matrix, unfoldMatrix, type Variant, whereInMatrix } from './matrix.js';

/** What a submission asks for; its tests are of whatever shape its caller has. */
export interface Asked<Test extends AskedTest> {
  readonly tests: readonly Test[];
  readonly variants: readonly Variant[];
  /** Values for parameters, in the variants of those tests alone that have them. */
  readonly params?: Variant;
  readonly targets: readonly AskedTarget[];
  readonly purpose: Demand['purpose'];
  /** What components are to be at, instead of what the baseline says of them. */
  readonly versions?: Versions;
  /** Its project's name; unset for work that the grid gives itself, which every pool takes. */
  readonly project?: string;
  /** What nothing can serve waits until something can. */
  readonly wait: boolean;
  /** The variants are those of a run that is made again: no test adds its own to them. */
  readonly again: boolean;
  /** Runs that are made again, in place of tests x variants x targets. */
  readonly repeats?: readonly Repeat<Test>[];
}

/** A run that is made again as it was. */
export interface Repeat<Test> {
  readonly run: Id;
  readonly test: Test;
  readonly variant: Variant;
  readonly target: AskedTarget;
}

/** What must be known of a test. */
export interface AskedTest {
  readonly name: string;
  /** Canonical. */
  readonly requirement: string;
  readonly matrix?: Matrix;
  /** Of a LAVA definition. */
  readonly params?: Readonly<Record<string, string>>;
  /** Canonical requirements that rank hosts and exclude none. */
  readonly prefer?: readonly string[];
}

/** Who could serve a demand and, where nothing ever could, why not. */
export type Ask = (demand: Demand) => { readonly answer: Answer; readonly never?: string };

/** The runs of one test on one target, which differ in nothing but their variants. */
export interface Portion<Test> {
  readonly test: Test;
  readonly target: AskedTarget;
  readonly demand: Demand;
  readonly demandKey: string;
  readonly variants: readonly Variant[];
  /** Why nothing could ever serve it. */
  readonly never?: string;
  /** It waits all the same. */
  readonly waits?: true;
  /** The run that it makes again. */
  readonly retryOf?: Id;
}

/** Hosts or host types that `each` asked for and that could never serve, by the reason. */
export interface LeftOut {
  readonly each: 'host' | 'host_type';
  readonly reason: string;
  /** The first 20 of them. */
  readonly names: readonly string[];
  readonly count: number;
  /** The first 20 tests that would have run there. */
  readonly tests: readonly string[];
  readonly testCount: number;
}

/** What a submission comes to. */
export interface Unfolded<Test> {
  readonly portions: readonly Portion<Test>[];
  readonly leftOut: readonly LeftOut[];
}

/** More of what was left out is told by its number only. */
const SHOWN = { names: 20, entries: 200 } as const;

/**
 * Every test in every variant on every target, or what is to be repeated. Tests with equal requirements share the
 * question who could serve them; `requirementOf` adds what the grid asks of every run.
 */
export function unfold<Test extends AskedTest>(
  asked: Asked<Test>,
  requirementOf: (requirement: string) => string,
  ask: Ask,
): Unfolded<Test> {
  const requirements = new Map<string, string>();
  const known = new Map<string, Choices>();
  const leftOut = new Map<string, LeftOut>();
  const portions = piecesOf(asked).flatMap(({ test, target, own, retryOf }) => {
    const requirement = requirements.get(test.requirement) ?? requirementOf(test.requirement);
    requirements.set(test.requirement, requirement);
    const key = canonicalJson([requirement, test.prefer ?? [], target]);
    const { choices, left } = known.get(key) ?? choicesOf(target, requirement, test.prefer, asked, ask);
    known.set(key, { choices, left });
    for (const one of left) tell(leftOut, one, test.name);
    return choices.map(
      (choice): Portion<Test> => ({
        test,
        ...choice,
        variants: own.variants,
        ...(own.never === undefined ? {} : { never: own.never }),
        ...(asked.wait && choice.never !== undefined && own.never === undefined ? { waits: true } : {}),
        ...(retryOf === undefined ? {} : { retryOf }),
      }),
    );
  });
  return { portions, leftOut: [...leftOut.values()].slice(0, SHOWN.entries) };
}

/**
 * How many runs that is on one target, `each` not counted; the count ends once it is past `limit`. Runs that would be
 * equal, since the submission's variants give a variable of the test's matrix a value, are counted one by one.
 */
export function runsAtMost(
  { tests, variants }: Pick<Asked<AskedTest>, 'tests' | 'variants'>,
  limit: number,
): number {
  let runs = 0;
  for (const { matrix } of tests) {
    const own = matrix === undefined ? undefined : unfoldMatrix(matrix);
    runs += variants.length * (own !== undefined && 'variants' in own ? own.variants.length : 1);
    if (runs > limit) break;
  }
  return runs;
}

/** Each of `inner` in each of `outer`, none twice; where both give a variable a value, that of `outer` counts. */
export function within(outer: readonly Variant[], inner: readonly Variant[]): readonly Variant[] {
  return outer.flatMap((variant) => distinct(inner.map((one) => ({ ...one, ...variant }))));
}

/** How many runs that is. */
export function countRuns(portions: readonly Portion<unknown>[]): number {
  return portions.reduce((sum, { variants }) => sum + variants.length, 0);
}

interface Piece<Test> {
  readonly test: Test;
  readonly target: AskedTarget;
  readonly own: OwnVariants;
  readonly retryOf?: Id;
}

function piecesOf<Test extends AskedTest>(asked: Asked<Test>): readonly Piece<Test>[] {
  const { tests, targets, repeats } = asked;
  if (repeats !== undefined)
    return repeats.map(({ run, test, variant, target }) => ({
      test,
      target,
      own: { variants: [variant] },
      retryOf: run,
    }));
  return tests.flatMap((test) => {
    const own = variantsOf(test, asked);
    return targets.map((target) => ({ test, target, own }));
  });
}

type Choice = Omit<Portion<never>, 'test' | 'variants' | 'retryOf'>;
type Left = Omit<LeftOut, 'tests' | 'testCount'>;

interface Choices {
  readonly choices: readonly Choice[];
  readonly left: readonly Left[];
}

/** Where the runs of one requirement and target go. */
function choicesOf(
  asked: AskedTarget,
  requirement: string,
  prefer: readonly string[] | undefined,
  { purpose, project, wait, versions }: Asked<AskedTest>,
  ask: Ask,
): Choices {
  const { each, ...given } = asked;
  const demandFor = (target: Target): Demand => ({
    requirement,
    target: Object.fromEntries(Object.entries(target).filter(([, value]) => value !== undefined)),
    purpose,
    fresh: false,
    avoid: [],
    ...(project === undefined ? {} : { project }),
    ...(versions === undefined ? {} : { versions }),
    ...(wait ? { wait } : {}),
    ...(prefer === undefined || prefer.length === 0 ? {} : { prefer }),
  });
  const choice = (target: AskedTarget, demand: Demand, never?: string): Choice => ({
    target,
    demand,
    demandKey: demandKey(demand),
    ...(never === undefined ? {} : { never }),
  });
  const whole = demandFor(given);
  const { answer, never } = ask(whole);
  if (each === undefined) return { choices: [choice(given, whole, never)], left: [] };
  const { able, left } = each === 'host' ? hostsOf(answer, given) : typesOf(answer);
  if (able.length > 0) return { choices: able.map((target) => choice(target, demandFor(target))), left };
  // One run says why. Made again it asks for each anew; one that waits takes the first host that comes.
  return { choices: [choice(wait ? given : asked, whole, never)], left };
}

function hostsOf({ fits, laters, nevers }: Answer, given: Target) {
  const able = [...fits, ...laters].map(({ host }) => host).sort((a, b) => byText(a.name, b.name));
  // Who asks for each host of a type does not ask for the others.
  const asked = nevers.filter(({ host }) => given.hostType === undefined || host.type === given.hostType);
  return {
    able: able.map(({ name }): Target => ({ host: name })),
    left: byReason(
      'host',
      asked.map(({ host, why }) => [host.name, why]),
    ),
  };
}

function typesOf({ fits, laters, nevers }: Answer) {
  const able = new Set([...fits, ...laters].map(({ host }) => host.type));
  const whys = new Map<string, Set<string>>();
  for (const { host, why } of nevers.filter(({ host }) => !able.has(host.type)))
    whys.set(host.type, (whys.get(host.type) ?? new Set()).add(why));
  return {
    able: [...able].sort(byText).map((hostType): Target => ({ hostType })),
    left: byReason(
      'host_type',
      [...whys].map(([type, reasons]) => [type, [...reasons].slice(0, 3).join('; ')]),
    ),
  };
}

function byReason(each: LeftOut['each'], left: readonly (readonly [name: string, why: string])[]): Left[] {
  const names = new Map<string, string[]>();
  for (const [name, why] of left) names.set(why, [...(names.get(why) ?? []), name]);
  return [...names].map(([reason, all]) => ({
    each,
    reason,
    names: all.sort(byText).slice(0, SHOWN.names),
    count: all.length,
  }));
}

function tell(leftOut: Map<string, LeftOut>, left: Left, test: string): void {
  const key = canonicalJson(left);
  const { tests, testCount }: Pick<LeftOut, 'tests' | 'testCount'> = leftOut.get(key) ?? {
    tests: [],
    testCount: 0,
  };
  leftOut.set(key, {
    ...left,
    tests: tests.includes(test) ? tests : [...tests, test].slice(0, SHOWN.names),
    testCount: testCount + 1,
  });
}

interface OwnVariants {
  readonly variants: readonly Variant[];
  /** Why there are none. */
  readonly never?: string;
}

/** A test's own variants with the submission's; where both give a variable a value, the submission's counts. */
function variantsOf(test: AskedTest, asked: Asked<AskedTest>): OwnVariants {
  if (asked.again) return { variants: asked.variants };
  const params = ownParams(asked.params, test.params);
  const variants = params === undefined ? asked.variants : withParams(asked.variants, params);
  const { matrix } = test;
  if (matrix === undefined) return { variants };
  const own = unfoldMatrix(matrix);
  if ('problems' in own) {
    const [first] = own.problems;
    return { variants: [{}], never: `${whereInMatrix(first?.path ?? [])}: ${first?.message}` };
  }
  return { variants: within(variants, own.variants) };
}

function distinct(variants: readonly Variant[]): readonly Variant[] {
  return [...new Map(variants.map((variant) => [canonicalJson(variant), variant])).values()];
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
