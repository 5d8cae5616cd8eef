import { canonical, fromCanonical, type Requirement } from '../requirement.js';
import type { Catalogue, TagFacts } from '../tag.js';
import { type Bits, noBits, putBit, widened } from './bits.js';
import { type Column, PresenceColumn, type Sets } from './column.js';
import { DeviceColumn } from './device-column.js';
import type { SeenValue } from './dictionary.js';
import { Matcher } from './matcher.js';
import { allOf, type Program } from './program.js';
import { ValueColumn } from './value-column.js';

const NOTHING_KNOWN: TagFacts = () => ({ presence: 'unknown' });

/**
 * Which hosts meet a requirement, as an inverted index: by tag, sets of host numbers. It says what `holds` says of
 * each host, three-valued. A tag's column is made when a requirement first names it, so that tags which nobody
 * asks for cost nothing; afterwards the cost of a change follows what changed. Host numbers are given by the caller,
 * small and dense: room is kept up to the largest.
 */
export class HostIndex {
  private readonly columns = new Map<string, Column>();
  private readonly formulas = new Map<string, Requirement>();
  private facts: (TagFacts | undefined)[] = [];
  private all: Bits = noBits(64);
  private readonly matcher: Matcher;

  constructor(private readonly catalogue: Catalogue) {
    this.matcher = new Matcher((host) => this.facts[host] ?? NOTHING_KNOWN, catalogue);
  }

  /** The hosts that are in the index. Not to be changed. */
  get hosts(): Bits {
    return this.all;
  }

  /** What is known of a host; undefined: there is none of this number. */
  factsOf(host: number): TagFacts | undefined {
    return this.facts[host];
  }

  /** Takes in a host, or what is known of it now. */
  add(host: number, facts: TagFacts): void {
    if (host >= this.room) this.widen(host + 1);
    this.facts[host] = facts;
    putBit(this.all, host, true);
    this.matcher.used = Math.max(this.matcher.used, ((host >>> 7) + 1) << 2);
    for (const column of this.columns.values()) column.put(host, facts);
  }

  /** What is known of a host now; where `changed` is said only those tags are read (never derived ones). */
  update(host: number, facts: TagFacts, changed?: Iterable<string>): void {
    if (changed === undefined || this.facts[host] === undefined) this.add(host, facts);
    else {
      this.facts[host] = facts;
      for (const tag of changed) this.columns.get(tag)?.put(host, facts);
    }
  }

  /** Forgets a host; its number may be given again. */
  remove(host: number): void {
    if (this.facts[host] === undefined) return;
    this.facts[host] = undefined;
    putBit(this.all, host, false);
    for (const column of this.columns.values()) column.put(host, NOTHING_KNOWN);
  }

  /** A requirement with its names looked up; good for as long as the index. */
  compile(requirement: Requirement): Program {
    return this.compiled(requirement, []);
  }

  /** The hosts that meet it, and those not known to fail it; written into `into` where that is given. */
  match(program: Program, into: Sets = this.empty()): Sets {
    this.matcher.match(program, this.all, into.yes, into.maybe);
    return into;
  }

  /** Sets with room for every host, for `match` to write into; too small once the index has grown. */
  empty(): Sets {
    return { yes: noBits(this.room), maybe: noBits(this.room) };
  }

  /** The values that a version, quantity or text tag has somewhere, in order; empty for other tags. */
  valuesOf(tag: string): readonly SeenValue[] {
    const column = this.column(tag);
    return column instanceof ValueColumn ? column.seen() : [];
  }

  private compiled(requirement: Requirement, within: readonly string[]): Program {
    switch (requirement.kind) {
      case 'tag': {
        const known = this.columns.get(requirement.name);
        if (known !== undefined) return { kind: 'there', column: known };
        const formula = this.formula(requirement.name);
        if (formula !== undefined) {
          // A formula that leads back to itself says nothing there.
          if (within.includes(requirement.name)) return { kind: 'unknown' };
          return this.compiled(formula, [...within, requirement.name]);
        }
        const column = this.column(requirement.name);
        return column === undefined ? { kind: 'each', asked: requirement } : { kind: 'there', column };
      }
      case 'compare':
      case 'device': {
        const column = this.column(requirement.name);
        if (column instanceof DeviceColumn && requirement.kind === 'device')
          return { kind: 'device', column, key: canonical(requirement), asked: requirement };
        const tests = testsOfOneValue(requirement);
        if (!(column instanceof ValueColumn) || tests === undefined)
          return { kind: 'each', asked: requirement };
        const parts = [{ asked: requirement, tests }];
        const range = column.range(parts);
        return range === undefined
          ? { kind: 'each', asked: requirement }
          : { kind: 'range', column, parts, range };
      }
      case 'all':
        return allOf(requirement.of.map((part) => this.compiled(part, within)));
      case 'any':
        return { kind: 'any', of: requirement.of.map((part) => this.compiled(part, within)) };
      case 'not':
        return { kind: 'not', of: this.compiled(requirement.of, within) };
    }
  }

  private formula(tag: string): Requirement | undefined {
    const known = this.formulas.get(tag);
    if (known !== undefined) return known;
    const source = this.catalogue.find(tag)?.source;
    if (source?.by !== 'formula') return undefined;
    const formula = fromCanonical(source.is);
    this.formulas.set(tag, formula);
    return formula;
  }

  /** A tag's column, made from all hosts where nobody asked for the tag before; undefined for derived ones. */
  private column(tag: string): Column | undefined {
    const known = this.columns.get(tag);
    if (known !== undefined) return known;
    const column = this.newColumn(tag);
    if (column === undefined) return undefined;
    this.columns.set(tag, column);
    this.facts.forEach((facts, host) => {
      if (facts !== undefined) column.put(host, facts);
    });
    return column;
  }

  private newColumn(tag: string): Column | undefined {
    const spec = this.catalogue.find(tag);
    if (spec === undefined || spec.source.by === 'formula') return undefined;
    switch (spec.kind) {
      case 'flag':
        return new PresenceColumn(tag, this.room);
      case 'device':
        return new DeviceColumn(tag, this.catalogue, this.room);
      default:
        return new ValueColumn(tag, spec, this.catalogue, this.room);
    }
  }

  private get room(): number {
    return this.all.length * 32;
  }

  private widen(hosts: number): void {
    const room = Math.max(hosts, this.room * 2);
    this.all = widened(this.all, room);
    for (const column of this.columns.values()) column.widen(this.room);
  }
}

/** What one value of a tag must meet; undefined where more is asked than that. */
function testsOfOneValue(requirement: Extract<Requirement, { kind: 'compare' | 'device' }>) {
  if (requirement.kind === 'compare') return [requirement];
  const { id, place, count, where } = requirement;
  const isOfValue = where.every((test) => test.attribute === '');
  return isOfValue && where.length > 0 && count === 1 && id === undefined && place === undefined
    ? where
    : undefined;
}
