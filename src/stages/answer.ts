import { type Answer, comesBefore } from '../domain/answer/answer.js';
import { type Accusation, fixesIn, gridNow, holdLetters, noteAnswer, pinsFor } from '../store/answering.js';
import { type Change, setChangeState } from '../store/changing.js';
import { liftPin } from '../store/holding-back.js';
import type { Sql, Transaction } from '../store/store.js';
import { wake } from '../store/store.js';

/** Nobody is left in peace for longer at a time. */
const LONGEST_SNOOZE_MS = 90 * 86_400_000;

/**
 * Somebody answers to an accusation; undefined: it is done, else why it cannot be. *Not mine* withdraws it: its pin is
 * lifted, the change tried again, and everybody who was told is told that.
 */
export async function giveAnswer(
  tx: Transaction,
  accusation: Accusation,
  answer: Answer,
  by: string,
): Promise<string | undefined> {
  const { component, version, search, change, state } = accusation;
  if (answer.kind === 'fixed_in' && answer.version === version)
    return `${component} ${version} is the very version that it is about: name the one that mends it`;
  if (answer.kind === 'snoozed') {
    const forMs = answer.until.getTime() - (await gridNow(tx)).getTime();
    if (forMs <= 0) return 'that moment is over: name one to come';
    if (forMs > LONGEST_SNOOZE_MS) return 'that is too long: 90 days at most';
  }
  if (!(await noteAnswer(tx, accusation, answer, by)))
    return 'it was withdrawn before: there is nothing to answer any more';
  if (answer.kind === 'snoozed') await holdLetters(tx, search, accusation.owner, answer.until);
  if (answer.kind === 'not_mine') {
    const why = `${by} says that it is not this change: withdrawn`;
    for (const pin of await pinsFor(tx, search, change)) await liftPin(tx, pin, why, by);
    if (state === 'blamed' || state === 'uninstallable') await setChangeState(tx, [change], 'new', why, by);
  }
  await wake(tx, 'testyard_scheduler', 'testyard_history');
  return undefined;
}

/** Changes of a watch of which somebody said that only a later version mends what an earlier one broke. */
export async function waitingForFix(
  sql: Sql,
  watch: string,
  changes: readonly Change[],
): Promise<readonly { readonly change: Change; readonly why: string }[]> {
  const fixes = await fixesIn(sql, watch);
  return changes.flatMap((change) => {
    const fix = fixes.find((one) => comesBefore(change, one));
    return fix === undefined
      ? []
      : [{ change, why: `its owner says that ${fix.version} mends it: that is waited for` }];
  });
}
