import { showId } from '../domain/id.js';
import { type Accusation, noteWaiting } from '../store/answering.js';
import { type Change, setChangeState } from '../store/changing.js';
import {
  type Dispute,
  disputesAbout,
  disputesIn,
  lastPin,
  uphold,
  withdrawAgain,
} from '../store/disputes.js';
import { pinComponent } from '../store/holding-back.js';
import type { Transaction } from '../store/store.js';

/** What an admin types who decides that it is the change, or that it is not. */
export function decisions({ search, change }: Pick<Dispute, 'search' | 'change'>): readonly [string, string] {
  const [q, c] = [showId('search', search), showId('change', change)];
  return [`testyard answer ${q} theirs --change ${c}`, `testyard answer ${q} not-mine --change ${c}`];
}

/** Changes of a watch that are not tried until an admin has decided; of a branch all that comes after one as well. */
export async function waitingForAdmin(
  tx: Transaction,
  watch: string,
  changes: readonly Change[],
): Promise<readonly { readonly change: Change; readonly why: string }[]> {
  const disputes = await disputesIn(tx, watch);
  return changes.flatMap((change) => {
    const own = disputes.find((one) => one.change === change.id);
    if (own !== undefined) {
      const { search, by, again } = own;
      const both = `${by} says in ${showId('search', search)} that it is not this change, ${showId('search', again)} found again that it is`;
      return [{ change, why: `${both}: an admin decides (${decisions(own)[0]}, or not-mine)` }];
    }
    const before = disputes.find(
      ({ componentId, position }) =>
        change.kind === 'git' &&
        componentId === change.componentId &&
        BigInt(position) < BigInt(change.position),
    );
    if (before === undefined) return [];
    return [
      { change, why: `it comes after ${showId('change', before.change)}, about which an admin decides` },
    ];
  });
}

/** An admin decides that it is the change after all: it is held back as it was, and its owner told; else why it cannot be. */
export async function decideTheirs(
  tx: Transaction,
  accusation: Accusation,
  why: string,
  by: string,
): Promise<string | undefined> {
  const { change, componentId, component, version, search, projectId, state, predicate } = accusation;
  if (accusation.withdrawnAt === null)
    return `nobody has said that it is not ${component} ${version}: there is nothing to decide`;
  const pin = await lastPin(tx, search, change);
  if (pin !== undefined && state !== 'new')
    return TOO_LATE[state] ?? `${component} ${version} is ${state} by now`;
  await uphold(tx, accusation, why, by);
  if (pin === undefined) return undefined;
  const said = `${component} ${version} did it after all, decided ${by}`;
  await pinComponent(
    tx,
    { componentId, version: pin.version, changeId: change, searchId: search, component, projectId },
    pin.behind,
    said,
  );
  await setChangeState(tx, [change], predicate === 'refused' ? 'uninstallable' : 'blamed', said, by);
  return undefined;
}

const TOO_LATE: Partial<Record<Accusation['state'], string>> = {
  testing: 'the change is being tried: wait for what that comes to',
  in_baseline:
    'the change is in the baseline: testyard search start TEST --good RUN --bad RUN --consequences takes it out',
  superseded: 'a newer version has taken its place: there is nothing to hold back',
};

/** An admin decides that it is not the change, which is tried once more; false where it was not found again. */
export async function decideNotTheirs(
  tx: Transaction,
  accusation: Accusation,
  why: string,
  by: string,
): Promise<boolean> {
  const disputes = await disputesAbout(tx, [accusation.change]);
  if (!disputes.some(({ search }) => search === accusation.search)) return false;
  await withdrawAgain(tx, accusation, why, by);
  await noteWaiting(tx, accusation.change, `${by} decided that it is not this change: tried again`);
  return true;
}
