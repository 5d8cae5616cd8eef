import type { Id } from '../domain/id.js';
import type { Tried } from '../domain/intake/reading.js';
import { keepRecords } from '../store/judging.js';
import type { Transaction } from '../store/store.js';
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
