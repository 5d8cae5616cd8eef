import type { Logger } from 'pino';
import type { Inventory } from '../domain/inventory.js';
import type { LavaMapping } from '../domain/lava/mapping.js';
import type { Catalogue } from '../domain/tag.js';
import type { TestSpec } from '../domain/test.js';
import type { Blobs } from '../ports/blobs.js';
import type { Candidates } from '../ports/candidates.js';
import type { HookSignatures } from '../ports/hook-signatures.js';
import type { Source } from '../ports/source.js';
import type { GridLink } from '../protocol/grid-link.js';
import type { Claim, Claimed, Register, Registered } from '../protocol/messages.js';
import type { Store } from '../store/store.js';
import type { Wakeup } from '../store/wakeup.js';
import type { Mistake } from './problem.js';

/** The grid's side of the executors' protocol. */
export interface Desk extends GridLink {
  /** The first registration of a name binds it to the token. */
  register(request: Register, tokenId?: string): Promise<Registered>;
  /** Answers early, with nothing, where `gone` aborts. */
  claim(request: Claim, gone?: AbortSignal): Promise<Claimed>;
  /** A submission is being accepted: a hint for a scheduler in this process. */
  submissionComes(): void;
}

/** A test file, as it was sent or fetched. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Reads a test file against the catalogue. */
export type ReadTestFile = (
  file: NamedBytes,
  catalogue: Catalogue | undefined,
  mapping?: LavaMapping,
) =>
  | { readonly ok: true; readonly spec: TestSpec }
  | { readonly ok: false; readonly problems: readonly Omit<Mistake, 'where'>[] };

/** How inventories are written in files. */
export interface InventoryForm {
  /** Files by their path; all that is wrong with them is told at once. */
  readonly read: (
    files: ReadonlyMap<string, Uint8Array>,
  ) =>
    | { readonly ok: true; readonly inventory: Inventory; readonly warnings: readonly FileMistake[] }
    | { readonly ok: false; readonly problems: readonly FileMistake[] };
  /** Files that read back as this inventory. */
  readonly print: (inventory: Inventory) => ReadonlyMap<string, Uint8Array>;
}

type FileMistake = { readonly file: string } & Omit<Mistake, 'where'>;

/** Where the API listens; without `tls` only on a loopback address. */
export interface Listen {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

/** All that the API stands on. */
export interface ApiDeps {
  readonly store: Store;
  readonly wakeup: Wakeup;
  readonly link: Desk;
  readonly blobs: Blobs;
  readonly source: Source;
  readonly candidates: Candidates;
  readonly hookSignatures: HookSignatures;
  readonly listen: Listen;
  /** Testyard's own version. */
  readonly version: string;
  readonly log: Logger;
  /** How often finished output is made into blobs; unset: every 5 s. 0: never. */
  readonly upkeepEveryMs?: number;
  /** The longest that a person may have a host; unset: a day. */
  readonly reserveMostS?: number;
  /** What links in letters are sealed with; unset: none is taken. */
  readonly answerKey?: string;
  /** The largest upload; unset: 1 GiB. */
  readonly artefactLimitBytes?: number;
}

/** Names the injected things that are no classes. */
export const INJECT = {
  store: Symbol('store'),
  wakeup: Symbol('wakeup'),
  link: Symbol('link'),
  blobs: Symbol('blobs'),
  source: Symbol('source'),
  candidates: Symbol('candidates'),
  hookSignatures: Symbol('hookSignatures'),
  version: Symbol('version'),
  readTestFile: Symbol('readTestFile'),
  inventory: Symbol('inventory'),
  standing: Symbol('standing'),
  tokens: Symbol('tokens'),
  reserveMostS: Symbol('reserveMostS'),
  artefactLimitBytes: Symbol('artefactLimitBytes'),
  answerKey: Symbol('answerKey'),
  /** An AbortSignal: the server is about to close. */
  closing: Symbol('closing'),
} as const;
