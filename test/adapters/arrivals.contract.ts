import { afterAll, beforeAll, expect, it } from 'vitest';
import type { WatchedPlace, WatchSpec } from '../../src/domain/watch.js';
import type { Arrivals, KnownPlace, Look } from '../../src/ports/arrivals.js';

/** A real place where versions arrive, and what looks at it. */
export interface ArrivalsBench {
  readonly arrivals: Arrivals;
  readonly place: WatchedPlace;
  /** The component that gets another version with every `publish`; a pattern that fits it alone. */
  readonly component: string;
  readonly pattern: string;
  /** Puts the n-th version there, of two things where a place can have two; gives how it is called. */
  publish(n: number): Promise<string>;
  /** Nobody answers there any more, until `mend`. */
  spoil(): Promise<void>;
  mend(): Promise<void>;
  stop(): Promise<void>;
}

export const NOTHING: KnownPlace = { versions: new Map() };
const never = new AbortController().signal;

/** A watch of a place, with what else is said of it. */
export const watchOf = (place: WatchedPlace, more: Partial<WatchSpec> = {}): WatchSpec => ({
  ...{ name: 'w', place, project: 'default', share: 0.25, rollbacksPerDay: 5 },
  ...more,
});

/** What was read, or why it was not. */
export function read(look: Look) {
  if (look.kind !== 'read') throw new Error(`nothing was read: ${JSON.stringify(look)}`);
  return look;
}

/** What is known after a look. */
export const knownAfter = (look: Look, before: KnownPlace = NOTHING): KnownPlace => {
  const { arrivals, mark } = read(look);
  const versions = new Map([
    ...before.versions,
    ...arrivals.map((one) => [one.component, one.version] as const),
  ]);
  return { versions, ...(mark === undefined ? {} : { mark }) };
};

/** What holds of every place where new versions arrive. */
export function keepsTheContract(make: () => Promise<ArrivalsBench>): void {
  let bench: ArrivalsBench;
  const look = async (known: KnownPlace, more: Partial<WatchSpec> = {}) =>
    await bench.arrivals.look(watchOf(bench.place, more), known, never);
  const versionsOf = (seen: Look) =>
    read(seen).arrivals.flatMap((one) => (one.component === bench.component ? [one.version] : []));

  beforeAll(async () => {
    bench = await make();
  }, 120_000);
  afterAll(async () => {
    await bench?.stop();
  }, 60_000);

  it('tells what is there at the first look, with a title that can be shown', async () => {
    const version = await bench.publish(1);
    const first = await look(NOTHING);
    expect(versionsOf(first)).toEqual([version]);
    for (const { title, component } of read(first).arrivals) {
      expect(title).toMatch(/^[^\n]{1,300}$/);
      expect(component).toMatch(/^w(?:\/|$)/);
    }
  });

  it('tells nothing new where nothing has changed', async () => {
    const before = knownAfter(await look(NOTHING));
    expect(await look(before)).toEqual({ kind: 'as_before' });
  });

  it('tells what has come since', async () => {
    const before = knownAfter(await look(NOTHING));
    const version = await bench.publish(2);
    expect(versionsOf(await look(before)).at(-1)).toBe(version);
  });

  it('tells whose it is: who is named for it in the inventory before who is named there', async () => {
    const owner = async (more: Partial<WatchSpec>) =>
      read(await look(NOTHING, more)).arrivals.find((one) => one.component === bench.component)?.owner;
    const own = await owner({});
    expect(own).toMatch(/@/);
    expect(await owner({ owners: { [bench.pattern]: 'ann@example.org' } })).toBe('ann@example.org');
    expect(await owner({ owners: { 'nothing-of-this': 'ann@example.org' } })).toBe(own);
  });

  it('tells why it cannot be read, never a change, and goes on afterwards', async () => {
    const before = knownAfter(await look(NOTHING));
    await bench.spoil();
    expect(await look({ versions: before.versions })).toEqual({
      kind: 'unreadable',
      why: expect.stringMatching(/.{10}/),
    });
    await bench.mend();
    const version = await bench.publish(3);
    expect(versionsOf(await look(before)).at(-1)).toBe(version);
  });
}
