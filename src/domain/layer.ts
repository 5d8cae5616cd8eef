/** The layers of a host's state, lowest first; what changes one makes all above it unknown. */
export const LAYERS = ['firmware', 'image', 'packages', 'build', 'boot', 'use'] as const;

/** One layer of a host's state. */
export type Layer = (typeof LAYERS)[number];

/** What a test may change on its host: nothing, or a layer and those above. */
export type Dirties = 'nothing' | 'use' | 'boot' | 'packages' | 'image';

/** True where `a` lies at or below `b`, so that a change of `a` makes `b` unknown. */
export function reaches(a: Layer, b: Layer): boolean {
  return LAYERS.indexOf(a) <= LAYERS.indexOf(b);
}

/** The lower of two layers, undefined meaning none. */
export function lowest(a: Layer | undefined, b: Layer | undefined): Layer | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return reaches(a, b) ? a : b;
}
