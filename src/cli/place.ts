import type { HostTransport, Inventory } from '../domain/inventory.js';
import type { Catalogue, TagFacts } from '../domain/tag.js';

/** What says where tests are run. */
export interface PlaceOptions {
  readonly host?: string;
  readonly key?: string;
  readonly knownHosts?: string;
  readonly hostKey?: string;
  readonly inventory?: string;
}

/** What is known before anything was looked at. */
export interface Knowledge {
  readonly catalogue: Catalogue;
  readonly facts: TagFacts;
  /** The steps of an inventory by name, with what each gives. */
  readonly steps: readonly { readonly name: string; readonly gives: readonly string[] }[];
  /** The common set-up that is asked of every run; '' where there is none. */
  readonly common: string;
}

/** Where tests are run: this machine, or one host over ssh. */
export interface RunPlace {
  readonly name: string;
  readonly transport: HostTransport;
  /** The lab's description, where one was named. */
  readonly inventory?: Inventory;
  /** Read when a test first needs it: most need nothing. */
  readonly knowledge: () => Promise<Knowledge>;
}
