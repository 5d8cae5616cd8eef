import type { Id } from '../domain/id.js';
import { driftsOf, wasLookedFor } from '../domain/match/known.js';
import { driftText } from '../domain/recover/drift.js';
import { driftsOnRecord, type HostDrift, writeDrifts } from '../store/drifting.js';
import { decide } from '../store/leader.js';
import { type Store, wake } from '../store/store.js';
import type { KnownHost, World } from '../store/world.js';

/**
 * Tells the owners of hosts what is declared there and not seen so, once for each change; a host that nobody can
 * reach has no drifts but those it had. Keeps in mind what is on record, and which hosts it has compared.
 */
export class Drifts {
  private onRecord: Map<Id, readonly HostDrift[]> | undefined;
  private compared = new WeakSet<KnownHost>();

  /** What is in mind may be old: another scheduler has led. */
  forget(): void {
    this.onRecord = undefined;
    this.compared = new WeakSet();
  }

  /** Compares the hosts that have changed since the last time; gives how many there was something to say of. */
  async tell(store: Store, epoch: string, world: World): Promise<number> {
    const hosts = world.hosts.filter((host) => !this.compared.has(host));
    if (hosts.length === 0) return 0;
    this.onRecord ??= new Map(await driftsOnRecord(store));
    const { onRecord } = this;
    const found = hosts.flatMap((host) => {
      const before = inOrder(onRecord.get(host.id) ?? []);
      const now = driftsThere(host, before);
      return JSON.stringify(before) === JSON.stringify(now) ? [] : [{ host, before, now }];
    });
    if (found.length > 0)
      await decide(store, epoch, async (tx) => {
        for (const { host, before, now } of found) {
          const { id, name, owner = world.grid.admin } = host;
          await writeDrifts(tx, { id, name, owner }, before, now);
        }
        await wake(tx, 'testyard_history');
      });
    for (const { host, now } of found) onRecord.set(host.id, now);
    for (const host of hosts) this.compared.add(host);
    return found.length;
  }
}

function driftsThere({ record, catalogue }: KnownHost, before: readonly HostDrift[]): readonly HostDrift[] {
  const drifts = driftsOf(record, catalogue).map(
    (drift): HostDrift => ({
      name: drift.declared.tag,
      instance: drift.declared.place,
      detail: driftText(drift),
    }),
  );
  // A look that did not work says nothing of what was not there before.
  const unseen = before.filter(
    ({ name, instance }) =>
      !wasLookedFor(name, record.looked) &&
      record.tags.some((one) => one.source === 'declared' && one.tag === name && one.place === instance),
  );
  return inOrder([...drifts, ...unseen]);
}

function inOrder(drifts: readonly HostDrift[]): readonly HostDrift[] {
  const key = ({ name, instance }: HostDrift) => `${name}\0${instance}`;
  return [...drifts]
    .sort((a, b) => (key(a) < key(b) ? -1 : 1))
    .map(({ name, instance, detail }) => ({ name, instance, detail }));
}
