import type { Answer, OwnersAnswer } from '../domain/answer/answer.js';
import {
  comesBefore,
  comesTooEarly,
  fixAsKept,
  fixProblem,
  isAmbiguous,
  shownVersion,
} from '../domain/answer/fix.js';
import { showId } from '../domain/id.js';
import {
  type Accusation,
  fixesIn,
  gridNow,
  holdLetters,
  noteAnswer,
  noteWaiting,
  pinsFor,
  placesOf,
} from '../store/answering.js';
import { type Change, setChangeState } from '../store/changing.js';
import { liftPin } from '../store/holding-back.js';
import type { Transaction } from '../store/store.js';
import { wake } from '../store/store.js';
import { decideNotTheirs, decideTheirs, waitingForAdmin } from './dispute.js';

/** Nobody is left in peace for longer at a time. */
const LONGEST_SNOOZE_MS = 90 * 86_400_000;

/**
 * Somebody answers to an accusation; undefined: it is done, else why it cannot be. *Not mine* withdraws it: its pin is
 * lifted, the change tried again, and everybody who was told is told that. Where it is found again an admin decides.
 */
export async function giveAnswer(
  tx: Transaction,
  accusation: Accusation,
  given: Answer,
  by: string,
  isAdmin = false,
): Promise<string | undefined> {
  const problem = await settle(tx, accusation, given, by, isAdmin);
  if (problem === undefined) await wake(tx, 'testyard_scheduler', 'testyard_history');
  return problem;
}

async function settle(
  tx: Transaction,
  accusation: Accusation,
  given: Answer,
  by: string,
  isAdmin: boolean,
): Promise<string | undefined> {
  if (given.kind === 'theirs')
    return isAdmin
      ? await decideTheirs(tx, accusation, given.why, by)
      : 'that it is this change after all takes a grid admin';
  if (given.kind === 'not_mine' && !isAdmin && accusation.upheldBy !== null)
    return `${accusation.upheldBy} decided that it is this change: an admin can take that back`;
  if (given.kind === 'not_mine' && isAdmin && accusation.withdrawnAt !== null)
    if (await decideNotTheirs(tx, accusation, given.why, by)) return undefined;
  return await answered(tx, accusation, given, by);
}

async function answered(
  tx: Transaction,
  accusation: Accusation,
  given: OwnersAnswer,
  by: string,
): Promise<string | undefined> {
  const { search, change, state } = accusation;
  const answer =
    given.kind === 'fixed_in' ? { ...given, version: fixAsKept(accusation.kind, given.version) } : given;
  if (answer.kind === 'fixed_in') {
    const problem =
      fixProblem(accusation, answer.version) ?? (await misplaced(tx, accusation, answer.version));
    if (problem !== undefined) return problem;
  }
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
  return undefined;
}

/** Why a digest that begins so is none of a later version, by what has arrived; undefined: it may be, or may come. */
async function misplaced(tx: Transaction, accusation: Accusation, fix: string): Promise<string | undefined> {
  const { kind, componentId, position } = accusation;
  if (kind === 'apt' || kind === 'dnf') return undefined;
  const [place, ...others] = await placesOf(tx, componentId, fix);
  if (others.length > 0) return isAmbiguous(accusation, fix);
  return place !== undefined && place < BigInt(position) ? comesTooEarly(accusation, fix) : undefined;
}

/**
 * Changes of a watch that wait: somebody said that only a later version mends what an earlier one broke, or an admin is to
 * decide whether it is they that break something. Each says so.
 */
export async function waitingForFix(
  tx: Transaction,
  watch: string,
  changes: readonly Change[],
): Promise<readonly { readonly change: Change; readonly why: string }[]> {
  const fixes = await fixesIn(tx, watch);
  const fixed = changes.flatMap((change) => {
    // A branch takes all that came before along with what mends it.
    const line = changes.filter(
      (one) => one === change || (one.kind === 'git' && one.component === change.component),
    );
    const fix = fixes.find((one) => line.every((each) => comesBefore(each, one)));
    if (fix === undefined) return [];
    const mends = `${shownVersion(change.kind, fix.version)} mends it`;
    return [
      { change, why: `its owner says in ${showId('search', fix.search)} that ${mends}: that is waited for` },
    ];
  });
  const waiting = [
    ...fixed,
    ...(await waitingForAdmin(tx, watch, changes)).filter((one) =>
      fixed.every(({ change }) => change !== one.change),
    ),
  ];
  for (const { change, why } of waiting) await noteWaiting(tx, change.id, why);
  return waiting;
}
