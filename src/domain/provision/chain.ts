import { canonicalJson, digestOfText } from '../digest.js';
import type { HostFacts, StackEntry } from '../host.js';
import { type Layer, reaches } from '../layer.js';
import { factTagsOf, holds } from '../match/holds.js';
import { canonical, clausesOf, type Requirement } from '../requirement.js';
import { clearsItsLayer, disagree, doesGive, isRestore, needsOf, type StepSpec } from '../step.js';
import type { Catalogue, Presence, TagFacts } from '../tag.js';
import { factsAfter } from './after.js';
import { stepsToward } from './givers.js';
import { whatIsMissing } from './missing.js';
import { inOrder, type Ordered } from './order.js';

/** A step of a chain with the key that its stack entry will have. */
export interface PlannedStep extends StepSpec {
  readonly key: string;
}

/** The steps from what a host is to what is needed there. */
export type Chain =
  | {
      readonly ok: true;
      readonly steps: readonly PlannedStep[];
      readonly costS: number;
      /** True where nothing will have run since the stack was put in place. */
      readonly fresh: boolean;
    }
  /** No chain: `tag` is the clause that nothing here can meet, with what is known of it and why. */
  | { readonly ok: false; readonly tag: string; readonly presence: Presence; readonly why: string };

/** What is asked of a chain. */
export interface Wish {
  readonly requirement: Requirement;
  /** Only a host on which nothing has run since will do. */
  readonly fresh: boolean;
  /** A step that must be carried out, whatever is there already. */
  readonly mustRun?: string;
}

/** Sets of steps looked at for one host at most; past it the cheapest chain found so far is taken. */
const MOST_NODES = 2000;

/**
 * The cheapest chain for one host. What is there is kept, unless a step of the chain voids it: a step voids what
 * the stack has in the layers above its own, a restore its own layer as well. A step runs only after what it
 * needs is there, lower layers first; what it needs of the stack must survive all others of its layer and below.
 * Where a step would stand on a layer that is no longer what the stack says, that is put right first, by a restore or
 * another step that clears that layer or one below, if the host allows it. Steps of layers that are not expendable are never planned (rule 11). Depth first with a bound: for every
 * clause that is not met each step is tried that could meet it, cheap ones first. Steps give; only a restore takes
 * away, and only what the stack gave: `not x` is met by no other.
 */
export function planChain(wish: Wish, host: HostFacts, steps: readonly StepSpec[]): Chain {
  const allowed = steps.filter((step) => mayRun(step, host));
  const must = allowed.find((step) => step.name === wish.mustRun);
  if (wish.mustRun !== undefined && must === undefined) {
    const why = `${wish.mustRun} may not run on ${host.name}`;
    return { ok: false, tag: wish.mustRun, presence: 'absent', why };
  }
  const first = must === undefined ? [] : [must];
  const needsFresh = wish.fresh && !host.isolated && (host.used || host.dirtyFrom !== undefined);
  if (needsFresh && !allowed.some(isRestore)) {
    return { ok: false, tag: 'fresh', presence: 'absent', why: `${host.name} cannot be restored` };
  }
  const wanted = clausesOf(wish.requirement);
  // What cannot be put back is used as it is: whether that did any harm is what a fresh host is for.
  const chosen =
    cheapest({ wanted, first, needsFresh, clean: true, host, allowed }) ??
    cheapest({ wanted, first, needsFresh, clean: false, host, allowed });
  if (chosen !== undefined) {
    return {
      ok: true,
      steps: withKeys(chosen, host),
      costS: costOf(chosen, host),
      fresh: host.isolated || chosen.some(isRestore) || (!host.used && host.dirtyFrom === undefined),
    };
  }
  const needs = first.flatMap((step) => clausesOf(needsOf(step)));
  const missing = whatIsMissing([...wanted, ...needs], host, allowed, steps);
  if (missing !== undefined) return { ok: false, ...missing };
  // Each clause could be met, but not all of them together: on a bare host perhaps.
  const bare = { ...host, stack: [], used: false, facts: withoutStack(host) };
  const ever = cheapest({ wanted, first, needsFresh: false, clean: false, host: bare, allowed });
  const tags = wanted.map(canonical);
  const why = `no order of the steps gives ${tags.join(', ') || wish.mustRun} on ${host.name}`;
  return { ok: false, tag: tags[0] ?? '', presence: ever === undefined ? 'absent' : 'unknown', why };
}

interface Search {
  readonly wanted: readonly Requirement[];
  readonly first: readonly StepSpec[];
  readonly needsFresh: boolean;
  /** A step may not stand on a dirty layer that can be put back. */
  readonly clean: boolean;
  readonly host: HostFacts;
  readonly allowed: readonly StepSpec[];
}

/** The cheapest set of steps that meets everything, in the order to run them. */
function cheapest(search: Search): readonly StepSpec[] | undefined {
  let best: { readonly steps: readonly StepSpec[]; readonly costS: number } | undefined;
  let nodes = 0;
  const seen = new Set<string>();
  const byCost = (a: StepSpec, b: StepSpec) =>
    costOn(a, search.host) - costOn(b, search.host) || (a.name < b.name ? -1 : 1);
  const explore = (chosen: readonly StepSpec[]): void => {
    const costS = costOf(chosen, search.host);
    if (++nodes > MOST_NODES || (best !== undefined && costS >= best.costS)) return;
    const ordered = inOrder(chosen, search.host);
    const answers = answersTo(search, chosen, ordered);
    if (answers === undefined) {
      best = { steps: ordered.order, costS };
      return;
    }
    const more = [...new Set(answers)].filter(
      (step) => !chosen.includes(step) && !chosen.some((other) => takesAway(step, other)),
    );
    for (const step of more.sort(byCost)) explore([...chosen, step]);
    // One that is there but was overruled by another of its layer may have the last word instead.
    for (const step of new Set(answers)) {
      const rest = chosen.filter((other) => other !== step);
      if (rest.length === chosen.length || !rest.some((other) => disagree(step, other))) continue;
      const turned = [...rest, step];
      const key = turned.map(({ name }) => name).join();
      if (seen.has(key)) continue;
      seen.add(key);
      explore(turned);
    }
  };
  explore(search.first);
  return best?.steps;
}

/** Steps of which one at least must join for the first thing that is unmet; undefined: all is met. */
function answersTo(
  { wanted, needsFresh, clean, host, allowed }: Search,
  chosen: readonly StepSpec[],
  { stuck, all }: Ordered,
): readonly StepSpec[] | undefined {
  const restores = allowed.filter(isRestore);
  if (needsFresh && !chosen.some(isRestore)) return restores;
  const after = factsAfter(host, all);
  const unmet = wanted.find((clause) => holds(clause, after, host.catalogue) !== 'yes');
  if (unmet !== undefined) return stepsToward(unmet, after, host, allowed);
  if (stuck.length > 0) {
    return stuck.flatMap(({ step, needs, facts }) => {
      const below = allowed.filter((giver) => reaches(giver.layer, step.layer));
      return needs.flatMap((need) => stepsToward(need, facts, host, below));
    });
  }
  const { dirtyFrom } = host;
  if (!clean || dirtyFrom === undefined || dirtyFrom === 'use') return undefined;
  const putsRight = (step: StepSpec) => clearsItsLayer(step) && reaches(step.layer, dirtyFrom);
  if (chosen.some(putsRight) || !chosen.some((step) => reaches(dirtyFrom, step.layer))) return undefined;
  const ways = allowed.filter(putsRight);
  return ways.length > 0 ? ways : undefined;
}

/** Of two restores, or two that clear one layer, the second would take away what the first one gave. */
function takesAway(step: StepSpec, other: StepSpec): boolean {
  if (isRestore(step) && isRestore(other)) return true;
  return clearsItsLayer(step) && clearsItsLayer(other) && step.layer === other.layer;
}

/** Whether rule 11 and the host's means allow a step there. */
export function mayRun(
  step: StepSpec,
  host: Pick<HostFacts, 'expendable' | 'canRestore' | 'isolated'>,
): boolean {
  // A restore puts the image back, whatever layer it is declared for.
  if (isRestore(step) && (!host.canRestore || host.isolated || !host.expendable.includes('image')))
    return false;
  if (step.layer === 'use') return true;
  return !host.isolated && host.expendable.includes(step.layer);
}

/** What a stack is from `layer` upwards is unknown: the entries that are left. */
export function voidFrom<Entry extends { readonly layer: Layer }>(
  stack: readonly Entry[],
  layer: Layer,
): Entry[] {
  return stack.filter((entry) => !reaches(layer, entry.layer));
}

function withoutStack(host: HostFacts): TagFacts {
  return (tag) =>
    host.stack.some((entry) => doesGive(entry, tag)) ? { presence: 'absent' } : host.facts(tag);
}

/** What a step is expected to cost on a host, in seconds: as it did on its type before, else as declared. */
export function costOn(step: StepSpec, { expectedS }: HostFacts): number {
  return expectedS?.get(step.name) ?? step.costS;
}

function costOf(steps: readonly StepSpec[], host: HostFacts): number {
  return steps.reduce((sum, step) => sum + costOn(step, host), 0);
}

/** What a key is made from, of an entry that stands already. */
type Standing = Pick<StackEntry, 'layer' | 'key' | 'gives'>;

/** The key of a step's entry is the digest of the step and of what it stands on: lower layers, and of its own what it needs. */
export function keyOf(step: StepSpec, standing: readonly Standing[], catalogue: Catalogue): string {
  const needs = factTagsOf(needsOf(step), catalogue);
  const under = standing
    .filter(
      (e) =>
        (e.layer !== step.layer && reaches(e.layer, step.layer)) || needs.some((tag) => doesGive(e, tag)),
    )
    .map((entry) => entry.key);
  return digestOfText(`{"step":${textOf(step)},"under":${canonicalJson(under)}}`);
}

/** The canonical JSON of steps: a chain is looked for on every host, and steps are the same for all. */
const texts = new WeakMap<StepSpec, string>();

function textOf(step: StepSpec): string {
  const known = texts.get(step);
  if (known !== undefined) return known;
  const text = canonicalJson(step);
  texts.set(step, text);
  return text;
}

function withKeys(steps: readonly StepSpec[], host: HostFacts): PlannedStep[] {
  let standing: readonly Standing[] = host.stack;
  return steps.map((step) => {
    if (isRestore(step)) standing = voidFrom(standing, step.layer);
    const key = keyOf(step, standing, host.catalogue);
    standing = [...standing, { layer: step.layer, key, gives: step.gives }];
    return { ...step, key };
  });
}
