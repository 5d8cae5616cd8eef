/**
 * What was observed of a test that did its own set-up: on the host, by asking the host itself, never by what a text
 * looks like. `at` is where in the output the test was by then, in bytes from its beginning; undefined: not known.
 */
export type Fact = { readonly at?: number } & (
  | Lack
  /** Both sides of a comparison were empty. */
  | { readonly kind: 'empty_comparison'; readonly text: string }
  /** A command that the test calls does nothing at all: `why` says by what that was seen. */
  | { readonly kind: 'does_nothing'; readonly command: string; readonly why: string }
  /** Commands under test that are there, of which none was executed from the beginning of the test to its end. */
  | { readonly kind: 'never_executed'; readonly commands: readonly string[] }
  /** A shell told of a line number in a message; a measurement equal to it is none. */
  | { readonly kind: 'line_number'; readonly number: number }
  /** A script of the test that reports cases, by its text. */
  | { readonly kind: 'promises_cases'; readonly script: string }
);

/** Something that the test asked for and that the host was seen not to have, then and at the end. */
export type Lack =
  /**
   * Called, and not on the host. `sole`: nothing ran in that test but what every host has. `decides`: a condition of the
   * test's text calls it, so that what follows may pass because it is missing.
   */
  | { readonly kind: 'command'; readonly name: string; readonly sole?: boolean; readonly decides?: boolean }
  /** A package manager was asked for them, and they are not installed; `why` as `PackageTrouble`. */
  | {
      readonly kind: 'package';
      readonly names: readonly string[];
      readonly manager: string;
      readonly why: PackageTrouble;
    }
  /** Asked to be loaded, and neither loaded nor built in. */
  | { readonly kind: 'module'; readonly name: string }
  /** A device node, or a path below /sys or /proc by which the kernel offers something. */
  | { readonly kind: 'device'; readonly path: string }
  | { readonly kind: 'kernel_feature'; readonly name: string }
  /** Fetched from elsewhere and not had. `why`: 'no network', 'no such name', 'HTTP 404'. */
  | { readonly kind: 'download'; readonly from: string; readonly why: string }
  /** The file system at `path` was full. */
  | { readonly kind: 'space'; readonly path: string }
  /** Something only root may do, by a test that was not root. */
  | { readonly kind: 'permission'; readonly what: string }
  /** A call that only makes sense between several hosts. */
  | { readonly kind: 'places'; readonly call: string };

/** Why packages could not be had. */
export type PackageTrouble =
  /** No repository of the host has it. */
  | 'unknown'
  /** The repositories could not be reached. */
  | 'unreachable'
  /** Only root may install. */
  | 'not_root'
  /** There was no room. */
  | 'space'
  /** It was found and could not be installed. */
  | 'failed'
  /** It was being installed when the time of the test was over. */
  | 'unfinished';
