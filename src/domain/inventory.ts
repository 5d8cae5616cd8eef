import type { Layer } from './layer.js';
import type { StepSpec } from './step.js';
import type { TagSpec } from './tag.js';
import type { TestSpec } from './test.js';

/** The lab as its admins wrote it down; plain values, checked against each other. */
export interface Inventory {
  readonly grid: GridSpec;
  readonly tags: readonly TagSpec[];
  readonly hosts: readonly HostSpec[];
  readonly steps: readonly StepSpec[];
  readonly tests: readonly TestSpec[];
}

/** What is said of the grid as a whole. */
export interface GridSpec {
  readonly name: string;
  /** Who is told wherever no owner is declared. */
  readonly admin: string;
  /** The common set-up: a requirement in canonical spelling, added to every run that does not contradict it. */
  readonly default: string;
}

/** A host, as an admin declares it. */
export interface HostSpec {
  readonly name: string;
  readonly type: string;
  readonly pool: string;
  readonly owner?: string;
  /** Attempts at a time. */
  readonly seats: number;
  /** Layers that may be changed there, lowest first; none unless said. */
  readonly expendable: readonly Layer[];
  /** Declared tags; a probe, where the catalogue has one, has the last word. */
  readonly tags: readonly string[];
  /** The name of the one executor that reaches it; undefined: any. */
  readonly executor?: string;
  readonly transport: HostTransport;
  /** How its root file system is put back, by a command on the executor's machine. */
  readonly restore?: { readonly kind: 'command'; readonly command: readonly string[] };
}

/** How a host is reached. */
export type HostTransport =
  /** Over ssh; key_file is a path on the executor's machine, the host's public keys are pinned. */
  | {
      readonly kind: 'ssh';
      readonly address: string;
      readonly port: number;
      readonly user: string;
      readonly keyFile: string;
      readonly hostKeys: readonly string[];
    }
  /** The executor's own machine, in throw-away namespaces. */
  | { readonly kind: 'local'; readonly network: boolean };
