import { Failure } from './failure.js';
import type { Knowledge, PlaceOptions, RunPlace } from './place.js';

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
function remembered<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
