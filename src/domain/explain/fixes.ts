import type { Explanation, NearHost } from './explain.js';

/** Something that somebody can do so that the run starts. */
export type Fix =
  /** A host that could serve it is not up. */
  | { readonly kind: 'bring back'; readonly host: string }
  /** Steps do it by themselves once the host is free. */
  | {
      readonly kind: 'steps';
      readonly host: string;
      readonly steps: readonly string[];
      readonly costS: number;
    }
  /** Nothing is known against the host: what it lacks may be there. */
  | { readonly kind: 'look'; readonly host: string; readonly clauses: readonly string[] }
  /** The inventory says that it is there, the host does not: one of them is to be mended. */
  | { readonly kind: 'mend'; readonly host: string; readonly tag: string }
  /** Somebody must let the run onto hosts that could serve it. */
  | { readonly kind: 'allow'; readonly why: string }
  /** No host has it and no step gives it. */
  | { readonly kind: 'loosen'; readonly clauses: readonly string[] };

/** What would let the run start, what is least trouble first; nothing where it starts or only waits its turn. */
export function fixesOf({ status, nearest, core, counts }: Explanation): readonly Fix[] {
  if (status === 'ready' || status === 'busy' || status === 'stopped') return [];
  if (status === 'barred') return [{ kind: 'allow', why: counts.barredWhy }];
  const fixes = nearest.flatMap(fixesOn);
  if (fixes.length > 0 || core.length === 0) return fixes;
  return [{ kind: 'loosen', clauses: core.map(({ clause }) => clause) }];
}

function fixesOn({ name, available, lacks, reach, state }: NearHost): readonly Fix[] {
  if (state.barred !== undefined) return [];
  const isHeld = reach?.ok === true && reach.shut !== undefined;
  // Where an incident keeps the steps from being carried out, they go on by themselves when it is over.
  if (isHeld) return [];
  const back: readonly Fix[] = available === 'down' ? [{ kind: 'bring back', host: name }] : [];
  if (reach?.ok === true) {
    if (reach.steps.length === 0) return back;
    return [...back, { kind: 'steps', host: name, steps: reach.steps, costS: reach.costS }];
  }
  if (lacks.length === 0) return [];
  const drifted = lacks.flatMap(({ notes }) => notes.filter(({ note }) => note.kind === 'drift'));
  const mends = drifted.map(({ tag }): Fix => ({ kind: 'mend', host: name, tag }));
  const isOpen = reach?.ok === false && reach.maybe;
  if (!isOpen && lacks.some(({ truth }) => truth === 'no')) return mends.length === lacks.length ? mends : [];
  return [{ kind: 'look', host: name, clauses: lacks.map(({ clause }) => clause) }];
}
