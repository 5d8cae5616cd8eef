import type { Id } from '../id.js';
import { compareVersions, versionProblem } from '../version/compare.js';
import { quoted } from '../version/order.js';
import type { ComponentKind } from '../watch.js';

/** A version that somebody says mends what an earlier one broke. */
export interface Fix {
  readonly componentId: Id;
  /** Of what is known by a digest the first digits will do. */
  readonly version: string;
  /** Where in the line it stands; undefined: it has not arrived. */
  readonly position?: bigint;
  /** The search to whose letter that was said. */
  readonly search: Id;
}

/** What a fix is said of. */
export interface Broken {
  readonly kind: ComponentKind;
  readonly component: string;
  readonly version: string;
}

/** A commit is shown by so many of its digits, and cannot be named by fewer than 7. */
const SHOWN_DIGITS = 12;
const DIGITS = /^[0-9a-f]{7,64}$/;

/** A version that somebody typed, as it is kept. */
export function fixAsKept(kind: ComponentKind, text: string): string {
  return schemeOf(kind) === undefined ? text.toLowerCase() : text;
}

/** Why a version, as it is kept, cannot be what mends a broken one; undefined: nothing speaks against it. */
export function fixProblem(broken: Broken, fix: string): string | undefined {
  const { kind, component, version } = broken;
  if (isNamed(kind, version, fix))
    return `${component} ${shownVersion(kind, version)} is the very version that it is about: name the one that mends it`;
  const scheme = schemeOf(kind);
  if (scheme !== undefined) {
    const problem = versionProblem(scheme, fix);
    if (problem !== undefined) return problem;
    return (compareVersions(scheme, fix, version) ?? 1) > 0 ? undefined : comesTooEarly(broken, fix);
  }
  const [what, digest] =
    kind === 'git'
      ? ['commit', 'its SHA']
      : [`version of ${kind === 'image' ? 'an image' : 'a test'}`, 'its digest'];
  if (DIGITS.test(fix)) return undefined;
  return `${quoted(fix)} is no ${what}: say at least 7 of the digits of ${digest}, as in 0123456789ab`;
}

/** That a fix has come before what it is to mend. */
export function comesTooEarly({ kind, component, version }: Broken, fix: string): string {
  const [early, late] = [fix, version].map((one) => shownVersion(kind, one));
  return `${component} ${early} comes before ${late}, which it is about: name a later one`;
}

/** That a fix stands for more than one version. */
export function isAmbiguous({ kind, component }: Broken, fix: string): string {
  const what = kind === 'git' ? 'commits' : 'versions';
  return `${fix} is how several ${what} of ${component} begin: say more digits of it`;
}

/** A version as people know it. */
export function shownVersion(kind: ComponentKind, version: string): string {
  return schemeOf(kind) === undefined ? version.slice(0, SHOWN_DIGITS) : version;
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
  const { componentId, kind, version, position } = change;
  if (componentId !== fix.componentId || isNamed(kind, version, fix.version)) return false;
  const scheme = schemeOf(kind);
  const order = scheme === undefined ? undefined : compareVersions(scheme, version, fix.version);
  if (order !== undefined) return order < 0;
  // Commits and images have no order of their own but that of the line.
  return fix.position === undefined || BigInt(position) < fix.position;
}

function isNamed(kind: ComponentKind, version: string, fix: string): boolean {
  return schemeOf(kind) === undefined ? DIGITS.test(fix) && version.startsWith(fix) : version === fix;
}

/** By what the versions of packages are ordered; undefined: they are digests. */
function schemeOf(kind: ComponentKind): 'deb' | 'rpm' | undefined {
  if (kind === 'apt') return 'deb';
  return kind === 'dnf' ? 'rpm' : undefined;
}
