import { type Id, showId } from '../domain/id.js';
import { type LeftBehind, type LinkedChange, versionBefore } from '../domain/intake/line.js';
import { moveBaseline, readChanges, setChangeState, trustedChanges } from '../store/changing.js';
import { chronicle } from '../store/chronicle.js';
import { pinComponent } from '../store/holding-back.js';
import type { Hunt } from '../store/hunts.js';
import type { Transaction } from '../store/store.js';

/**
 * The line along which something in the baseline goes back: that of its own component, and all else that is trusted by
 * now. What needs it may have come while it was searched for.
 */
export async function lineNow(
  tx: Transaction,
  { projectId, line }: Hunt,
  held: readonly LinkedChange[],
): Promise<readonly LinkedChange[]> {
  const own = new Set(held.map(({ componentId }) => componentId));
  const others = await trustedChanges(tx, projectId);
  return [
    ...line.filter(({ componentId }) => own.has(componentId)),
    ...others.filter(({ componentId }) => !own.has(componentId)),
  ];
}

/** Of what was found, that which the baseline has gone past while it was searched for: nothing goes back for it. */
export async function goneOn(
  tx: Transaction,
  { id: search, projectId, line }: Hunt,
  held: readonly LinkedChange[],
): Promise<ReadonlySet<Id>> {
  const now = await readChanges(
    tx,
    held.map(({ id }) => id),
  );
  const past = now.filter(({ id, componentId, baseline }) => {
    const from = line.slice(line.findIndex((one) => one.id === id));
    return !from.some((one) => one.componentId === componentId && one.to === baseline);
  });
  await chronicle(
    tx,
    past.map(({ component, version, baseline }) => ({
      ...{ kind: 'decision.not_acted', subject: showId('search', search), project: projectId },
      data: {
        what: `hold ${component} back`,
        found: `${component} ${version}`,
        why: `${component} is at ${baseline ?? 'nothing'} by now`,
      },
    })),
  );
  return new Set(past.map(({ id }) => id));
}

/** What is in the baseline already goes back to what it was, and so does what cannot be put in without it. */
export async function rollBack(
  tx: Transaction,
  line: readonly LinkedChange[],
  held: readonly LinkedChange[],
  behind: readonly LeftBehind[],
  why: string,
): Promise<void> {
  const back = line.filter((one) => held.includes(one) || behind.some(({ change }) => change === one.id));
  // Of several versions of one component the first takes all later ones back with it.
  const first = back.filter(({ component }, n) => back.findIndex((one) => one.component === component) === n);
  await moveBaseline(
    tx,
    first.flatMap((change) => {
      const version = versionBefore(line, change);
      return version === undefined ? [] : [{ component: change.componentId, version }];
    }),
    why,
  );
  // What goes back with it is tried again when something comes that it can be put in with.
  await setChangeState(
    tx,
    behind.map(({ change }) => change),
    'new',
    why,
  );
}

/** Holds what was found at the version before it, with what cannot be there without it. */
export async function pinAll(
  tx: Transaction,
  { id: searchId, projectId, line }: Hunt,
  held: readonly LinkedChange[],
  behind: readonly LeftBehind[],
  why: string,
): Promise<void> {
  for (const change of held) {
    const { componentId, component, id: changeId } = change;
    const version = versionBefore(line, change);
    const pin = { componentId, changeId, searchId, component, projectId };
    if (version !== undefined) await pinComponent(tx, { ...pin, version }, behind, why);
  }
}
