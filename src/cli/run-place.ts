import type { HostTransport, Inventory } from '../domain/inventory.js';
import type { Catalogue, TagFacts } from '../domain/tag.js';
import { Failure } from './failure.js';

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

/** Finds out where tests are to be run; refuses what cannot be reached as it was said. */
export async function placeOf(options: PlaceOptions): Promise<RunPlace> {
  const { host, inventory: folder } = options;
  const login = Object.entries({
    '--key': options.key,
    '--known-hosts': options.knownHosts,
    '--host-key': options.hostKey,
  }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (login.length > 0 && host === undefined)
    throw new Failure(`${login[0]} says how a host is reached: name it with --host USER@HOST`);
  if (login.length > 0 && folder !== undefined)
    throw new Failure(`the inventory says how '${host}' is reached: leave ${login.join(' and ')} out`);
  if (folder !== undefined) return (await import('./run-inventory.js')).placeInInventory(folder, host);
  const knowledge = remembered(async (): Promise<Knowledge> => {
    const { catalogueHere, factsHere } = await import('./local-tags.js');
    const catalogue = await catalogueHere();
    return { catalogue, facts: factsHere(catalogue, host === undefined), steps: [], common: '' };
  });
  // Whoever types this is the admin of this machine, so the test's own word on the network counts.
  if (host === undefined) return { name: 'local', transport: { kind: 'local', network: true }, knowledge };
  const { sshTransport } = await import('./run-ssh.js');
  return { name: host, transport: await sshTransport(host, options), knowledge };
}

/** The same promise for everybody who asks. */
export function remembered<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
