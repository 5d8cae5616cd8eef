import type { BrokenRule } from './culprit/broken-rule.js';
import type { TapForm } from './judge/tap-in.js';
import type { LavaDefinition, TestTree } from './lava/definition.js';
import type { Dirties } from './layer.js';
import type { Matrix } from './submit/matrix.js';
import type { TestSource } from './submit/source.js';

/** What is to be run, as somebody wrote it, with every default filled in. */
export interface TestSpec {
  readonly name: string;
  /** Who is told when the test itself is broken; undefined means the admin. */
  readonly owner?: string;
  /** The requirement in canonical spelling; '' is: any host. */
  readonly requirement: string;
  /** Formulas that rank the hosts that would do and exclude none, the ones that count most first. */
  readonly prefer?: readonly string[];
  readonly labels: readonly string[];
  /** Shell text run on the host before the test, by the test's owner; its failure is no test failure. */
  readonly setup?: string;
  /** The test: a file's bytes in base64, executed as they are (any #! line). */
  readonly run: string;
  /** Shell text run after the test, whatever came of it. */
  readonly teardown?: string;
  readonly environment: Readonly<Record<string, string>>;
  /** It runs once in every variant of it, each a part of its environment. */
  readonly matrix?: Matrix;
  readonly timeoutMs: number;
  readonly setupTimeoutMs: number;
  readonly teardownTimeoutMs: number;
  /** Undefined: `packages` where the test runs as root, else `use`. */
  readonly dirties?: Dirties;
  /** Cases that the test promises to report; a pass without them has tested nothing. */
  readonly cases: readonly string[];
  /** Its standard output is read as this, and its test points are cases; undefined: it is only kept. */
  readonly output?: TapForm;
  /** Commands the test needs; a pass while one is missing has tested nothing. */
  readonly commands: readonly string[];
  /** Commands that the artefact under test brings; one missing makes exit 126 or 127 a failure. */
  readonly underTest: readonly string[];
  /** Under `local`: asks for the network (the host must allow it as well). */
  readonly network: boolean;
  /** It counts as broken only where more of its runs fail than this; undefined: by how often it failed before. */
  readonly broken?: BrokenRule;
  /** The repository and commit it was fetched from; undefined: it was sent, or is the inventory's. */
  readonly source?: TestSource;
  /** Handlers that it wants: by the names that the admin gives them, or as `./FILE` one that lies beside it. */
  readonly handlers?: readonly string[];
  /** The programs of those that lie beside it, in base64, by the name of the file. */
  readonly programs?: Readonly<Record<string, string>>;
  /** It is a LAVA definition: `run` holds its text, and the executor makes the scripts of it. */
  readonly lava?: LavaDefinition;
  /** What is put beside it on the host. */
  readonly tree?: TestTree;
}

/** Defaults of a test that says nothing, in milliseconds. */
export const TEST_DEFAULTS = {
  timeoutMs: 600_000,
  setupTimeoutMs: 600_000,
  teardownTimeoutMs: 120_000,
} as const;
