import { digestOf } from '../digest.js';
import type { HostFacts } from '../host.js';
import { LAYERS, type Layer, reaches } from '../layer.js';
import { fromCanonical, type Presence, type Requirement, tagsOf } from '../requirement.js';
import type { StepSpec } from '../step.js';

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
  /** No chain: `tag` is what nothing here can give, with what is known of it and why. */
  | { readonly ok: false; readonly tag: string; readonly presence: Presence; readonly why: string };

/** What is asked of a chain. */
export interface Wish {
  readonly requirement: Requirement;
  /** Only a host on which nothing has run since will do. */
  readonly fresh: boolean;
  /** A step that must be carried out, whatever is there already. */
  readonly mustRun?: string;
}

/**
 * The chain for one host: what is there is kept, every missing tag is given by the cheapest step that may
 * run there (with what it needs itself), and a layer that is no longer what the stack says is put back from
 * below where the host allows it. Steps of layers that are not expendable are never planned (rule 11).
 */
export function planChain(wish: Wish, host: HostFacts, steps: readonly StepSpec[]): Chain {
  const allowed = steps.filter((step) => mayRun(step, host));
  const chosen = new Map<string, StepSpec>();
  const producedHere = new Set(host.stack.flatMap((entry) => entry.gives));

  const restore = cheapest(allowed.filter((step) => step.action.kind === 'restore' && step.needs === ''));
  const needsFresh = wish.fresh && !host.isolated && (host.used || host.dirtyFrom !== undefined);
  if (needsFresh) {
    if (restore === undefined) {
      return { ok: false, tag: 'fresh', presence: 'absent', why: `${host.name} cannot be restored` };
    }
    chosen.set(restore.name, restore);
  }
  const restored = () => [...chosen.values()].some((step) => step.action.kind === 'restore');
  const presenceNow = (tag: string): Presence =>
    restored() && producedHere.has(tag) ? 'absent' : host.presenceOf(tag);

  const provide = (tag: string, below: readonly string[]): Chain | undefined => {
    if (presenceNow(tag) === 'present') return undefined;
    if ([...chosen.values()].some((step) => step.gives.includes(tag))) return undefined;
    const step = cheapest(allowed.filter((s) => s.gives.includes(tag) && !below.includes(s.name)));
    if (step === undefined) return missing(tag, presenceNow(tag), host, steps);
    return take(step, [...below, step.name]);
  };
  const take = (step: StepSpec, below: readonly string[]): Chain | undefined => {
    for (const needed of tagsOf(fromCanonical(step.needs))) {
      const failed = provide(needed, below);
      if (failed !== undefined) return failed;
    }
    chosen.set(step.name, step);
    // A step stands on its layer: where that is no longer what the stack says it is put back first.
    const standsOnDirt =
      host.dirtyFrom !== undefined && host.dirtyFrom !== 'use' && reaches(host.dirtyFrom, step.layer);
    if (standsOnDirt && restore !== undefined && !restored() && reaches(restore.layer, step.layer)) {
      chosen.set(restore.name, restore);
    }
    return undefined;
  };

  if (wish.mustRun !== undefined) {
    const step = allowed.find((s) => s.name === wish.mustRun);
    if (step === undefined) {
      return {
        ok: false,
        tag: wish.mustRun,
        presence: 'absent',
        why: `${wish.mustRun} may not run on ${host.name}`,
      };
    }
    const failed = take(step, [step.name]);
    if (failed !== undefined) return failed;
  }
  // Twice: a restore that came in late takes away what earlier steps had given.
  for (let round = 0; round < 2; round++) {
    for (const tag of tagsOf(wish.requirement)) {
      const failed = provide(tag, []);
      if (failed !== undefined) return failed;
    }
  }

  const ordered = [...chosen.values()].sort(
    (a, b) =>
      LAYERS.indexOf(a.layer) - LAYERS.indexOf(b.layer) || dependsOn(a, b) || (a.name < b.name ? -1 : 1),
  );
  return {
    ok: true,
    steps: withKeys(ordered, host),
    costS: ordered.reduce((sum, step) => sum + step.costS, 0),
    fresh: host.isolated || restored() || (!host.used && host.dirtyFrom === undefined),
  };
}

/** Whether rule 11 and the host's means allow a step there. */
export function mayRun(
  step: StepSpec,
  host: Pick<HostFacts, 'expendable' | 'canRestore' | 'isolated'>,
): boolean {
  if (step.action.kind === 'restore' && (!host.canRestore || host.isolated)) return false;
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

function missing(tag: string, presence: Presence, host: HostFacts, steps: readonly StepSpec[]): Chain {
  const givers = steps.filter((step) => step.gives.includes(tag));
  const giver = givers[0];
  const known = presence === 'unknown' ? 'is not known there' : 'is not there';
  const why =
    giver === undefined
      ? `${tag} ${known} and no step gives it`
      : `${tag} ${known}, and step ${giver.name} (layer ${giver.layer}) may not run on ${host.name}`;
  return { ok: false, tag, presence, why };
}

function cheapest(steps: readonly StepSpec[]): StepSpec | undefined {
  return [...steps].sort((a, b) => a.costS - b.costS || (a.name < b.name ? -1 : 1))[0];
}

function dependsOn(a: StepSpec, b: StepSpec): number {
  const needsOf = (step: StepSpec) => tagsOf(fromCanonical(step.needs));
  if (needsOf(a).some((tag) => b.gives.includes(tag))) return 1;
  if (needsOf(b).some((tag) => a.gives.includes(tag))) return -1;
  return 0;
}

/** A key is the digest of the step and of what it stands on: lower layers, and of its own what it needs. */
function withKeys(steps: readonly StepSpec[], host: HostFacts): PlannedStep[] {
  const restored = steps.some((step) => step.action.kind === 'restore');
  const standing = restored ? [] : host.stack.map(({ layer, key, gives }) => ({ layer, key, gives }));
  return steps.map((step) => {
    const needs = tagsOf(fromCanonical(step.needs));
    const under = standing
      .filter(
        (e) =>
          (e.layer !== step.layer && reaches(e.layer, step.layer)) || e.gives.some((g) => needs.includes(g)),
      )
      .map((entry) => entry.key);
    const key = digestOf({ step, under });
    standing.push({ layer: step.layer, key, gives: step.gives });
    return { ...step, key };
  });
}
