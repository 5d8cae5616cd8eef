import type { Operator } from '../requirement.js';
import type { Instance, Sighting, Value } from '../tag.js';
import { compareValues, matches } from '../value.js';

/** One value that a tag has somewhere: its source text and on how many hosts. */
export interface SeenValue {
  readonly raw: string;
  readonly hosts: number;
}

/** Ranks `from`, up to but not with `to`. */
export interface Place {
  readonly from: number;
  readonly to: number;
}

interface Entry {
  readonly sighting: Sighting;
  hosts: number;
}

/** The number of what is known to be absent. */
export const ABSENT = 0;
/** The number of what nobody knows. */
export const UNKNOWN = 1;

/**
 * What is seen of a tag on any host, each distinct sighting with a number. Readable single values are kept in order
 * and have a rank, equal ones the same; everything else has a negative rank of its own.
 */
export class Dictionary {
  /** By number. */
  rankOf = new Int32Array(64);
  /** By -rank - 1: what has no place in the order. */
  readonly odd: Sighting[] = [];
  /** Another one whenever ranks have changed. */
  edition = 0;
  private readonly entries: Entry[] = [];
  private readonly byKey = new Map<string, number>();
  /** Numbers by rank. */
  private readonly order: number[][] = [];
  private ranksAreStale = false;
  private dead = 0;

  constructor(private readonly value: Value) {
    this.setOdd({ presence: 'absent' });
    this.setOdd({ presence: 'unknown' });
  }

  /** How many ranks there are. */
  get ranks(): number {
    return this.order.length;
  }

  /** True where most of it is what no host has any more. */
  get isMostlyDead(): boolean {
    return this.dead > 64 && this.dead > this.entries.length / 2;
  }

  /** What was seen under this number. */
  sighting(number: number): Sighting {
    return this.entry(number).sighting;
  }

  /** A host has it from now on; its number. */
  enter(sighting: Sighting): number {
    const number = this.numberOf(sighting);
    if (this.entry(number).hosts++ === 0 && number > UNKNOWN) this.dead--;
    return number;
  }

  /** A host has it no more. */
  leave(number: number): void {
    if (--this.entry(number).hosts === 0 && number > UNKNOWN) this.dead++;
  }

  /** The readable values that some host has, in order; of those that compare equal the first seen. */
  seen(): readonly SeenValue[] {
    return this.order.flatMap((group) => {
      const live = group.map((number) => this.entry(number)).filter((entry) => entry.hosts > 0);
      const [first] = live;
      if (first === undefined) return [];
      return [{ raw: rawOf(first.sighting), hosts: live.reduce((sum, { hosts }) => sum + hosts, 0) }];
    });
  }

  /** The ranks of what counts as the wanted value, empty where nothing does; undefined where it cannot be read. */
  placeOf(wanted: string): Place | undefined {
    this.freshen();
    return compareValues(this.value, wanted, wanted) === undefined ? undefined : this.findPlace(wanted);
  }

  /** Brings ranks up to date after new values came. */
  freshen(): void {
    if (!this.ranksAreStale) return;
    this.order.forEach((group, rank) => {
      for (const number of group) this.rankOf[number] = rank;
    });
    this.ranksAreStale = false;
  }

  /** Not by the order itself: a wanted value may say less than a seen one, and so count as equal to many of them. */
  private findPlace(wanted: string): Place {
    const most = this.order.length;
    if (this.value.kind === 'text') {
      const from = firstWhere(0, most, (rank) => this.rawAt(rank) >= wanted);
      return { from, to: from < most && this.rawAt(from) === wanted ? from + 1 : from };
    }
    const stands = (operator: Operator) => (rank: number) =>
      matches(this.value, operator, this.rawAt(rank), wanted) === 'yes';
    // Where the same text was seen it is the lowest of what counts as equal: others only say more.
    const same = this.byKey.get(keyOfOne(wanted));
    const rank = same === undefined ? -1 : (this.rankOf[same] as number);
    const from = rank >= 0 ? rank : firstWhere(0, most, stands('>='));
    return { from, to: firstNear(from, most, stands('>')) };
  }

  private numberOf(sighting: Sighting): number {
    if (sighting.presence === 'absent') return ABSENT;
    if (sighting.presence === 'unknown') return UNKNOWN;
    const key = keyOf(sighting.instances);
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const [only] = sighting.instances;
    const hasRank = sighting.instances.length === 1 && only !== undefined && this.isReadable(only.raw);
    const number = hasRank ? this.insert(sighting, only.raw) : this.setOdd(sighting);
    this.byKey.set(key, number);
    this.dead++;
    this.edition++;
    return number;
  }

  private isReadable(raw: string): boolean {
    return compareValues(this.value, raw, raw) === 0;
  }

  private insert(sighting: Sighting, raw: string): number {
    const number = this.append(sighting);
    const rank = firstWhere(0, this.order.length, (middle) => this.compare(this.rawAt(middle), raw) >= 0);
    const group = this.order[rank];
    if (group !== undefined && this.compare(this.rawAt(rank), raw) === 0) group.push(number);
    else this.order.splice(rank, 0, [number]);
    this.ranksAreStale = true;
    return number;
  }

  private setOdd(sighting: Sighting): number {
    const number = this.append(sighting);
    this.odd.push(sighting);
    this.rankOf[number] = -this.odd.length;
    return number;
  }

  private append(sighting: Sighting): number {
    const number = this.entries.length;
    this.entries.push({ sighting, hosts: 0 });
    if (number >= this.rankOf.length) {
      const wider = new Int32Array(number * 2);
      wider.set(this.rankOf);
      this.rankOf = wider;
    }
    return number;
  }

  private compare(a: string, b: string): number {
    // Texts are only ever asked to be equal: any order does.
    if (this.value.kind === 'text') return a < b ? -1 : a > b ? 1 : 0;
    return compareValues(this.value, a, b) ?? 0;
  }

  private rawAt(rank: number): string {
    return rawOf(this.entry(this.order[rank]?.[0] ?? ABSENT).sighting);
  }

  private entry(number: number): Entry {
    return this.entries[number] as Entry;
  }
}

/** The first number from `low` up to but not with `high` for which it is true, where it stays true; else `high`. */
function firstWhere(low: number, high: number, isTrue: (n: number) => boolean): number {
  let [from, to] = [low, high];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (isTrue(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** As `firstWhere`, by steps that double: good where it is near `low` (Bentley and Yao 1976). */
function firstNear(low: number, high: number, isTrue: (n: number) => boolean): number {
  let step = 1;
  while (low + step <= high && !isTrue(low + step - 1)) step *= 2;
  return firstWhere(low + (step >>> 1), Math.min(high, low + step - 1), isTrue);
}

function keyOf(instances: readonly Instance[]): string {
  const [only] = instances;
  if (instances.length === 1 && only !== undefined) return keyOfOne(only.raw);
  return JSON.stringify(instances.map((instance) => instance.raw).sort());
}

function keyOfOne(raw: string): string {
  return `1${raw}`;
}

function rawOf(sighting: Sighting): string {
  return sighting.presence === 'present' ? (sighting.instances[0]?.raw ?? '') : '';
}
