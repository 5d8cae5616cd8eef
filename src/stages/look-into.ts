import type { Id } from '../domain/id.js';
import type { Tried } from '../domain/intake/reading.js';
import { mayRun } from '../domain/provision/chain.js';
import { isRestore } from '../domain/step.js';
import { openIncidents } from '../store/blaming.js';
import { keepRecords } from '../store/judging.js';
import type { Transaction } from '../store/store.js';
import { submitOwnWork } from '../store/unfolding.js';
import type { World } from '../store/world.js';
import { infrastructureFailed } from './blame.js';
import type { Settings } from './settings.js';

/** A run with changes broke off in its chain, and it is not the changes: whose failure it is, is looked for as of any run. */
export async function lookInto(
  tx: Transaction,
  run: Id,
  { host, attempt, step, message }: Tried,
  world: World,
  settings: Settings,
): Promise<void> {
  if (host === undefined || attempt === undefined || step === undefined) return;
  const work = `step:${step}`;
  await keepRecords(tx, [{ host, work, attempt, ok: false }]);
  await infrastructureFailed(tx, { host, work, step, message: message ?? '', run, attempt }, world, settings);
}

/** A host that was lost with changes on it is put back before a canary is asked whether it lives: nobody else may mend it. */
export async function putBack(tx: Transaction, { host: id }: Tried, world: World): Promise<void> {
  const host = id === undefined ? undefined : world.byId.get(id);
  const step =
    host === undefined ? undefined : world.steps.find((one) => isRestore(one) && mayRun(one, host));
  const incident = (await openIncidents(tx)).find(({ scope, hostId }) => scope === 'host' && hostId === id);
  if (host === undefined || step === undefined || incident === undefined) return;
  const why = `${host.name} was lost with changes on it`;
  await submitOwnWork(tx, {
    ...{ purpose: 'recovery', incident: incident.id, why },
    target: { host: host.name, step: step.name },
  });
}
