import type { Id } from '../id.js';
import { compareVersions } from '../version/compare.js';
import type { ComponentKind } from '../watch.js';

/** What somebody can say to being told that their change broke something. */
export type Answer =
  /** It is not this change: the accusation is withdrawn, and the change tried again. */
  | { readonly kind: 'not_mine'; readonly why: string }
  /** It is mended in this version: until that comes nothing of the component is tried. */
  | { readonly kind: 'fixed_in'; readonly version: string }
  /** Not now: no letter before this moment. */
  | { readonly kind: 'snoozed'; readonly until: Date };

/** A version that somebody says mends what an earlier one broke. */
export interface Fix {
  readonly componentId: Id;
  readonly version: string;
  /** Where in the line it stands; undefined: it has not arrived. */
  readonly position?: bigint;
}

/** Whether a change comes before the fix that was announced for its component, so that trying it would be in vain. */
export function comesBefore(
  change: {
    readonly componentId: Id;
    readonly kind: ComponentKind;
    readonly version: string;
    readonly position: string;
  },
  fix: Fix,
): boolean {
  if (change.componentId !== fix.componentId || change.version === fix.version) return false;
  if (change.kind === 'apt' || change.kind === 'dnf') {
    const order = compareVersions(change.kind === 'dnf' ? 'rpm' : 'deb', change.version, fix.version);
    if (order !== undefined) return order < 0;
  }
  // Commits and images have no order of their own but that of the line.
  return fix.position === undefined || BigInt(change.position) < fix.position;
}
