import { type Ground, type GroundHost, givableTags } from '../domain/explain/ground.js';
import type { Id } from '../domain/id.js';
import { HostIndex } from '../domain/match/host-index.js';
import { liveExecutors, seatsTaken } from '../store/assigning.js';
import type { Sql } from '../store/store.js';
import { type KnownHost, okAttempts, type World, WorldReader } from '../store/world.js';

/**
 * The grid as explanations need it, kept from question to question: only hosts that have changed are entered into
 * the index anew, and only a new catalogue makes a new index.
 */
export class StandingIndex {
  private readonly reader = new WorldReader();
  private index: HostIndex | undefined;
  private of: World['catalogue'] | undefined;
  private readonly numbers = new Map<Id, number>();
  private readonly hosts = new Map<number, KnownHost>();
  private unused: number[] = [];
  private last: Promise<unknown> = Promise.resolve();

  /** The grid as it is now. `records`: with the newest good attempt of each host, where hosts are to be avoided. */
  ground(sql: Sql, records = false): Promise<Ground> {
    // One after another: what is read later is entered later.
    const next = this.last.then(() => this.read(sql, records));
    this.last = next.catch(() => {});
    return next;
  }

  private async read(sql: Sql, records: boolean): Promise<Ground> {
    const [world, executors, taken, ok] = await Promise.all([
      this.reader.read(sql),
      liveExecutors(sql),
      seatsTaken(sql),
      records ? okAttempts(sql) : new Map<Id, Id>(),
    ]);
    const index = this.enter(world);
    const { catalogue, steps, incidents, grid } = world;
    return {
      catalogue,
      index,
      hosts: records ? withRecords(this.hosts, ok) : this.hosts,
      steps,
      incidents,
      givable: givableTags(steps, world.hosts),
      defaultRequirement: grid.defaultRequirement,
      ...(grid.state === 'online' ? {} : { stopped: `the grid is ${grid.state}: ${grid.why}` }),
      taken: ({ id }) => taken.get(id)?.size ?? 0,
      away: ({ executor }) => {
        const reaching = executors.filter(({ name }) => executor === undefined || executor === name);
        if (reaching.some(({ room }) => room > 0)) return undefined;
        if (reaching.length > 0) return 'full';
        return { why: executor === undefined ? 'no executor is alive' : `executor ${executor} is not alive` };
      },
    };
  }

  private enter({ catalogue, hosts, byId }: World): HostIndex {
    if (this.index === undefined || this.of !== catalogue) {
      this.index = new HostIndex(catalogue);
      this.of = catalogue;
      this.hosts.clear();
      this.numbers.clear();
      this.unused = [];
    }
    for (const [id, number] of this.numbers) {
      if (byId.has(id)) continue;
      this.index.remove(number);
      this.numbers.delete(id);
      this.hosts.delete(number);
      this.unused.push(number);
    }
    for (const host of hosts) {
      const number = this.numbers.get(host.id) ?? this.unused.pop() ?? this.numbers.size;
      if (this.hosts.get(number) === host) continue;
      this.numbers.set(host.id, number);
      this.hosts.set(number, host);
      this.index.add(number, host.facts);
    }
    return this.index;
  }
}

function withRecords(
  hosts: ReadonlyMap<number, KnownHost>,
  ok: ReadonlyMap<Id, Id>,
): ReadonlyMap<number, GroundHost> {
  return new Map(
    [...hosts].map(([number, host]) => [number, { ...host, okAttempt: ok.get(host.id) ?? '0' }]),
  );
}
