import { hasBit } from '../match/bits.js';
import { holds } from '../match/holds.js';
import type { HostIndex } from '../match/host-index.js';
import { type Miss, misses } from '../match/misses.js';
import type { Requirement, Truth } from '../requirement.js';
import type { Catalogue, TagFacts } from '../tag.js';

/** How a test stands to one host as it is. */
export interface TestOnHost {
  readonly test: string;
  readonly truth: Truth;
  /** The clauses that do not hold there; none where the test can run. */
  readonly misses: readonly Miss[];
}

/** Every test as it stands to a host: those that can run there first, then the nearest, by name where equal. */
export function testsForHost(
  tests: readonly { readonly name: string; readonly requirement: Requirement }[],
  facts: TagFacts,
  catalogue: Catalogue,
): readonly TestOnHost[] {
  return tests
    .map(({ name, requirement }) => ({
      test: name,
      truth: holds(requirement, facts, catalogue),
      misses: misses(requirement, facts, catalogue),
    }))
    .sort((a, b) => byTruth(a.truth, b.truth) || a.misses.length - b.misses.length || byName(a.test, b.test));
}

/** The hosts of one type as they stand to a requirement, by name. */
export interface TypeForTest {
  readonly type: string;
  readonly yes: readonly string[];
  /** Nothing is known against them. */
  readonly unknown: readonly string[];
  readonly no: readonly string[];
  /** Of hosts that do not meet it: what the nearest lacks. */
  readonly nearest?: { readonly host: string; readonly misses: readonly Miss[] };
}

/** Misses are looked for on so many hosts of a type at most: the first by name. */
const MOST_LOOKED_AT = 20;

/** Which hosts meet a requirement as they are, type by type; types with hosts that do come first. */
export function hostsForTest(
  requirement: Requirement,
  hosts: ReadonlyMap<number, { readonly name: string; readonly type: string }>,
  index: HostIndex,
  catalogue: Catalogue,
): readonly TypeForTest[] {
  const { yes, maybe } = index.match(index.compile(requirement));
  const numberOf = new Map([...hosts].map(([host, { name }]) => [name, host]));
  const types = new Map<string, Record<Truth, string[]>>();
  for (const [host, { name, type }] of hosts) {
    const truth: Truth = hasBit(yes, host) ? 'yes' : hasBit(maybe, host) ? 'unknown' : 'no';
    const found = types.get(type) ?? { yes: [], unknown: [], no: [] };
    found[truth].push(name);
    types.set(type, found);
  }
  return [...types]
    .map(([type, { yes: met, unknown, no }]): TypeForTest => {
      for (const names of [met, unknown, no]) names.sort(byName);
      const nearest = met.length > 0 ? undefined : nearestOf(unknown.length > 0 ? unknown : no);
      return { type, yes: met, unknown, no, ...(nearest === undefined ? {} : { nearest }) };
    })
    .sort(
      (a, b) => b.yes.length - a.yes.length || b.unknown.length - a.unknown.length || byName(a.type, b.type),
    );

  function nearestOf(names: readonly string[]): TypeForTest['nearest'] {
    const missed = names.slice(0, MOST_LOOKED_AT).flatMap((host) => {
      const facts = index.factsOf(numberOf.get(host) ?? -1);
      return facts === undefined ? [] : [{ host, misses: misses(requirement, facts, catalogue) }];
    });
    return missed.sort((a, b) => a.misses.length - b.misses.length)[0];
  }
}

function byTruth(a: Truth, b: Truth): number {
  return TRUTHS.indexOf(a) - TRUTHS.indexOf(b);
}

const TRUTHS: readonly Truth[] = ['yes', 'unknown', 'no'];

function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
