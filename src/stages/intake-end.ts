import type { LeftBehind, LinkedChange } from '../domain/intake/line.js';
import { moveBaseline, setChangeState } from '../store/changing.js';
import { liftPin, partnerPins, passedPins } from '../store/holding-back.js';
import { changeIntake, type Intake, stillTried } from '../store/intakes.js';
import type { Transaction } from '../store/store.js';

/** What held goes into the baseline; what was held back at an earlier version of it may go on. */
export async function takeIn(
  tx: Transaction,
  intake: Intake,
  line: readonly LinkedChange[],
  behind: readonly LeftBehind[],
  why: string,
): Promise<void> {
  // Of several commits of one branch the last one is what is trusted.
  const moved = new Map(line.map((change) => [change.componentId, change]));
  await moveBaseline(
    tx,
    [...moved.values()].map(({ componentId, to, id }) => ({
      component: componentId,
      version: to,
      change: id,
    })),
    why,
  );
  await setChangeState(
    tx,
    line.map(({ id }) => id),
    'in_baseline',
    why,
  );
  const byId = new Map(line.map((change) => [change.id, change]));
  for (const { id, change } of await passedPins(tx, [...byId.keys()])) {
    const now = byId.get(change);
    await liftPin(tx, id, `${now?.component} ${now?.to} holds`);
  }
  for (const { id, held, change } of await partnerPins(tx, [...byId.keys()])) {
    const now = byId.get(change);
    const again = `it did harm only together with what ${now?.component} ${now?.to} has replaced: tried again`;
    await liftPin(tx, id, again);
    await setChangeState(tx, [held], 'new', again);
  }
  await letGo(tx, intake, behind);
  await changeIntake(tx, intake, { state: 'passed' }, why);
}

/** Nothing more is tried; what is not in the baseline waits for what comes next; `atLimit`: until more may be rolled back. */
export async function stop(tx: Transaction, intake: Intake, why: string, atLimit = false): Promise<void> {
  const out = new Set(intake.without);
  const left = intake.line.filter(({ id }) => !out.has(id)).map(({ id }) => ({ change: id, why }));
  await letGo(tx, intake, left);
  await changeIntake(tx, intake, { state: 'stopped', ...(atLimit && { atLimit }) }, why);
}

/** That of a watch no more is rolled back on that day. */
export function limitReached(watch: string, perDay: number): string {
  const made =
    perDay === 0
      ? `nothing of ${watch} is rolled back by itself`
      : `${perDay} ${perDay === 1 ? 'roll-back of' : 'roll-backs of'} ${watch} within a day`;
  return `${made} (rollbacks_per_day)`;
}

async function letGo(tx: Transaction, { without }: Intake, left: readonly LeftBehind[]): Promise<void> {
  for (const { change, why } of left) await setChangeState(tx, [change], 'new', why);
  // What a search left out without accusing anybody waits too.
  await setChangeState(tx, await stillTried(tx, without), 'new', 'left out of what was tried together');
}
