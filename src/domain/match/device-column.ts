import type { Requirement, Truth } from '../requirement.js';
import type { Catalogue, Instance, Sighting, TagFacts } from '../tag.js';
import { type Bits, hostsOf, noBits, putBit, widened } from './bits.js';
import { type Column, PresenceColumn, type Sets } from './column.js';
import { Facet } from './facet.js';
import { holds } from './holds.js';

/** A requirement of devices. */
export type DeviceRequirement = Extract<Requirement, { kind: 'device' }>;

interface Answer {
  readonly asked: DeviceRequirement;
  sets: Sets;
  /** Changes of this column that the sets know of. */
  upTo: number;
}

/** Requirements remembered per tag: a queue asks the same few again and again. */
const MOST_REMEMBERED = 256;

/**
 * A tag with devices over all hosts. What is asked of one device is first asked of each of its sides alone: the
 * hosts left are candidates, and `holds` says of each whether one device has it all. The answer is remembered and
 * asked again only of hosts that have changed since.
 */
export class DeviceColumn implements Column {
  private readonly presence: PresenceColumn;
  private readonly sightings: Sighting[] = [];
  private readonly facets = new Map<string, Facet>();
  private answers = new Map<string, Answer>();
  private changed: number[] = [];

  constructor(
    private readonly tag: string,
    private readonly catalogue: Catalogue,
    private hosts: number,
  ) {
    this.presence = new PresenceColumn(tag, hosts);
  }

  get there(): Sets {
    return this.presence.there;
  }

  widen(hosts: number): void {
    this.hosts = hosts;
    this.presence.widen(hosts);
    for (const answer of this.answers.values())
      answer.sets = { yes: widened(answer.sets.yes, hosts), maybe: widened(answer.sets.maybe, hosts) };
  }

  put(host: number, facts: TagFacts): void {
    const before = this.sightings[host];
    const after = facts(this.tag);
    if (before !== undefined && areAlike(before, after)) return;
    this.presence.mark(host, after.presence);
    this.sightings[host] = after;
    for (const facet of this.facets.values()) {
      facet.drop(host, instancesOf(before));
      facet.put(host, instancesOf(after));
    }
    if (this.answers.size === 0) return;
    this.changed.push(host);
    if (this.changed.length > this.hosts) this.forget();
  }

  /** The hosts whose devices are as asked. */
  answer(key: string, asked: DeviceRequirement): Sets {
    const known = this.answers.get(key);
    if (known !== undefined) return this.caughtUp(known);
    if (this.answers.size >= MOST_REMEMBERED) this.forget();
    const fresh: Answer = { asked, sets: this.search(asked), upTo: this.changed.length };
    this.answers.set(key, fresh);
    return fresh.sets;
  }

  private caughtUp(answer: Answer): Sets {
    for (; answer.upTo < this.changed.length; answer.upTo++) {
      const host = this.changed[answer.upTo] as number;
      write(answer.sets, host, this.truth(answer.asked, this.sightings[host] ?? { presence: 'unknown' }));
    }
    return answer.sets;
  }

  private search(asked: DeviceRequirement): Sets {
    const sets = { yes: noBits(this.hosts), maybe: noBits(this.hosts) };
    const tests = testsOf(asked);
    const decided = asked.count === 1 && tests.length === 1 ? tests[0] : undefined;
    if (decided !== undefined) this.mark(sets.yes, decided, (truth) => truth === 'yes', false);
    const candidates = this.candidates(asked, tests);
    const unseen = this.truth(asked, { presence: 'unknown' });
    const without = this.truth(asked, { presence: 'absent' });
    this.sightings.forEach((sighting, host) => {
      if (sighting.presence === 'unknown') write(sets, host, unseen);
      else if (sighting.presence === 'absent') write(sets, host, without);
      // It is there, and nobody said of what kind: no side of it can be asked.
      else if (sighting.instances.length === 0) write(sets, host, this.truth(asked, sighting));
    });
    for (const host of hostsOf(candidates)) {
      if (decided !== undefined) putBit(sets.maybe, host, true);
      else write(sets, host, this.truth(asked, this.sightings[host] as Sighting));
    }
    return sets;
  }

  /** Hosts with devices of which each test alone is not known to fail on all. */
  private candidates(asked: DeviceRequirement, tests: readonly Test[]): Bits {
    const left = this.presence.there.yes.slice();
    // What asks for no device at all is true of none as well.
    if (asked.count < 1) return left;
    for (const test of tests) {
      const open = noBits(this.hosts);
      this.mark(open, test, (truth) => truth !== 'no', true);
      for (let word = 0; word < left.length; word++)
        left[word] = (left[word] as number) & (open[word] as number);
    }
    return left;
  }

  private mark(into: Bits, test: Test, wanted: (truth: Truth) => boolean, orLacking: boolean): void {
    const one = { kind: 'device', name: this.tag, count: 1, ...test.alone } as const;
    const fits = (value: string): boolean => {
      return wanted(this.truth(one, { presence: 'present', instances: [test.like(value)] }));
    };
    this.facet(test).mark(into, fits, orLacking);
  }

  private facet(test: Test): Facet {
    const known = this.facets.get(test.side);
    if (known !== undefined) return known;
    const facet = new Facet(test.sideOf);
    this.sightings.forEach((sighting, host) => {
      facet.put(host, instancesOf(sighting));
    });
    this.facets.set(test.side, facet);
    return facet;
  }

  private truth(asked: DeviceRequirement, sighting: Sighting): Truth {
    return holds(asked, (tag) => (tag === this.tag ? sighting : { presence: 'unknown' }), this.catalogue);
  }

  private forget(): void {
    this.answers = new Map();
    this.changed = [];
  }
}

/** One thing asked of a device, by itself. */
interface Test {
  /** The side of the device that it looks at. */
  readonly side: string;
  readonly sideOf: (instance: Instance) => string | undefined;
  /** Requires this and nothing else. */
  readonly alone: Pick<DeviceRequirement, 'id' | 'place' | 'where'>;
  /** A device of which nothing but this side is known. */
  readonly like: (value: string) => Instance;
}

function testsOf({ id, place, where }: DeviceRequirement): readonly Test[] {
  const tests: Test[] = where.map((test) => ({
    side: `attribute ${test.attribute}`,
    // '' is what was seen itself.
    sideOf: (instance) => (test.attribute === '' ? instance.raw : instance.attributes?.[test.attribute]),
    alone: { where: [test] },
    like: (value) => ({ place: '', raw: value, attributes: { [test.attribute]: value } }),
  }));
  if (place !== undefined)
    tests.push({
      side: 'place',
      sideOf: (instance) => instance.place,
      alone: { place, where: [] },
      like: (value) => ({ place: value, raw: '', attributes: {} }),
    });
  if (id !== undefined)
    tests.push({
      side: 'attribute id',
      sideOf: (instance) => instance.attributes?.['id'],
      alone: { id, where: [] },
      like: (value) => ({ place: '', raw: '', attributes: { id: value } }),
    });
  return tests;
}

function write(sets: Sets, host: number, truth: Truth): void {
  putBit(sets.yes, host, truth === 'yes');
  putBit(sets.maybe, host, truth !== 'no');
}

function instancesOf(sighting: Sighting | undefined): readonly Instance[] {
  return sighting?.presence === 'present' ? sighting.instances : [];
}

function areAlike(a: Sighting, b: Sighting): boolean {
  if (a === b) return true;
  if (a.presence !== b.presence) return false;
  return JSON.stringify(instancesOf(a)) === JSON.stringify(instancesOf(b));
}
