import { fitsGlob } from './glob.js';
import { MAIL_ADDRESS, type SecretPlace } from './tell/telling.js';

/** A place where new versions arrive, as an admin declares it. */
export interface WatchSpec {
  readonly name: string;
  readonly meaning?: string;
  readonly place: WatchedPlace;
  /** The project that its components belong to. */
  readonly project: string;
  /** When it is looked at, as a line of cron; undefined: only when its web hook says so. */
  readonly every?: string;
  /** What its web hook is signed with; undefined: it has none. */
  readonly hook?: SecretPlace;
  /** Mail addresses by glob of packages (of touched files, for a branch); they go before what the place itself says. */
  readonly owners?: Readonly<Record<string, string>>;
  /** Globs of what is watched there; undefined: all. */
  readonly packages?: readonly string[];
  /** Whose signature makes a pushed candidate acceptable; undefined: none is asked for. */
  readonly signers?: readonly Signer[];
  /** Names or labels of the tests that depend on it; undefined: all listed tests of the project. */
  readonly tests?: readonly string[];
  /** The share of the grid that its searches may have, above 0 up to 1. */
  readonly share: number;
  /** How many roll-backs may be made by themselves in a day. */
  readonly rollbacksPerDay: number;
  /** True: what would be done is said, and nothing is rolled back or told. */
  readonly dryRun?: boolean;
}

/** What is looked at for new versions. */
export type WatchedPlace =
  /** A repository for apt; `key` is armoured, undefined where it was said that it is not signed. */
  | {
      readonly kind: 'apt';
      readonly url: string;
      readonly suite: string;
      readonly component: string;
      /** Undefined: that of this machine where the repository has it, else its first. */
      readonly architecture?: string;
      readonly key?: string;
    }
  /** A repository for dnf; its packages are signed, its lists may be, by `key`. */
  | { readonly kind: 'dnf'; readonly url: string; readonly key?: string }
  /** A branch of a git repository. */
  | { readonly kind: 'git'; readonly url: string; readonly branch: string }
  /** The image catalogue of the inventory. */
  | { readonly kind: 'image' }
  /** The tests of a project. */
  | { readonly kind: 'test'; readonly project: string };

/** What a component is: a package of apt or dnf, a branch, an image, a test. */
export type ComponentKind = WatchedPlace['kind'];

/** Somebody whose signature is trusted for some of the packages of a watch. */
export interface Signer {
  readonly name: string;
  readonly by: SignerKey;
  /** Globs of packages; undefined: all of the watch. */
  readonly for?: readonly string[];
}

/** By what a signature is known. */
export type SignerKey =
  /** An OpenPGP key, armoured, with the fingerprint it must have. */
  | { readonly kind: 'openpgp'; readonly fingerprint: string; readonly key: string }
  /** A public key of SSH: `ssh-ed25519 AAAA...`. */
  | { readonly kind: 'ssh'; readonly key: string };

/** The name of the component that a package, image or test of a watch is, or its branch. */
export function componentName(watch: Pick<WatchSpec, 'name' | 'place'>, thing: string): string {
  return watch.place.kind === 'git' ? watch.name : `${watch.name}/${thing}`;
}

/** Whether a package, image or test is one that is watched. */
export function isWatched({ packages }: Pick<WatchSpec, 'packages'>, name: string): boolean {
  return packages === undefined || packages.some((glob) => fitsGlob(name, glob));
}

/**
 * Whom a change is told to: who is named for one of these packages or touched files, by the first pattern that fits,
 * else whom its place names.
 */
export function ownerOf(
  { owners = {} }: Pick<WatchSpec, 'owners'>,
  names: readonly string[],
  found: string | undefined,
): string | undefined {
  const fitting = Object.entries(owners).find(([glob]) => names.some((name) => fitsGlob(name, glob)));
  return fitting?.[1] ?? found;
}

/** The mail address in `Ann <ann@example.org>`, or the text itself where it is one. */
export function mailOf(person: string | undefined): string | undefined {
  const said = /<([^<>]+)>\s*$/.exec(person ?? '')?.[1] ?? person?.trim() ?? '';
  return MAIL_ADDRESS.test(said) ? said : undefined;
}
