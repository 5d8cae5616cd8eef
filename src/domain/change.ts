/** How far a change has come. */
export const CHANGE_STATES = [
  /** It has arrived. */
  'new',
  /** Runs with it are under way. */
  'testing',
  /** It held. */
  'in_baseline',
  /** It was found to have broken something. */
  'blamed',
  /** It cannot be put in. */
  'uninstallable',
  /** A newer one of its component has arrived before anybody looked at it. */
  'superseded',
  /** Whoever made it took it back. */
  'withdrawn',
  /** A person decided against it. */
  'refused',
] as const;

/** See `CHANGE_STATES`. */
export type ChangeState = (typeof CHANGE_STATES)[number];

/** One package that another needs; a version without an operator is exact. */
export interface Dependency {
  readonly package: string;
  readonly operator?: '<' | '<=' | '=' | '>=' | '>';
  readonly version?: string;
  /** Others that would do in its place. */
  readonly or?: readonly Omit<Dependency, 'or'>[];
}

/** What a search goes by. */
export interface ChangeFacts {
  /** Its package, image or test, as its place calls it. */
  readonly name?: string;
  readonly depends?: readonly Dependency[];
  readonly conflicts?: readonly Dependency[];
  /** Names that it answers to beside its own. */
  readonly provides?: readonly string[];
  /** The source package; what has the same moves together. */
  readonly source?: string;
  readonly section?: string;
  readonly architecture?: string;
  /** The file within its repository. */
  readonly file?: string;
  /** Files that a commit touched. */
  readonly files?: readonly string[];
}

/** A version that is at a watched place. */
export interface Arrival {
  /** The component's name: `WATCH/PACKAGE`, or `WATCH` of a branch. */
  readonly component: string;
  readonly version: string;
  readonly author?: string;
  /** The mail address that is told of it. */
  readonly owner?: string;
  readonly title: string;
  readonly link?: string;
  readonly madeAt?: Date;
  readonly facts: ChangeFacts;
}

/**
 * Arrivals as a line, in which each comes after all that it depends on where nothing speaks against it: by the time at which
 * they were made, where all are known; else, and of what was made at one time, by dependencies (depth first, names deciding), cycles as they come.
 */
export function inLine(arrivals: readonly Arrival[]): readonly Arrival[] {
  const line = byDependencies(arrivals);
  if (line.some(({ madeAt }) => madeAt === undefined)) return line;
  const time = ({ madeAt }: Arrival) => madeAt?.getTime() ?? 0;
  return [...line].sort((a, b) => time(a) - time(b));
}

function byDependencies(arrivals: readonly Arrival[]): readonly Arrival[] {
  const givers = new Map<string, Arrival[]>();
  for (const arrival of arrivals)
    for (const name of [packageOf(arrival), ...(arrival.facts.provides ?? [])])
      givers.set(name, [...(givers.get(name) ?? []), arrival]);
  const begun = new Set<Arrival>();
  // A set keeps the order in which things came into it.
  const line = new Set<Arrival>();
  // A stack of our own: chains of dependencies can be longer than that of calls. Last in, first out.
  const open = [...arrivals].sort((a, b) => (a.component < b.component ? 1 : -1));
  for (let arrival = open.at(-1); arrival !== undefined; arrival = open.at(-1)) {
    const before = begun.has(arrival) ? [] : neededBy(arrival, givers).filter((one) => !begun.has(one));
    begun.add(arrival);
    if (before.length > 0) open.push(...before.reverse());
    else line.add(open.pop() as Arrival);
  }
  return [...line];
}

function neededBy({ facts }: Arrival, givers: ReadonlyMap<string, readonly Arrival[]>): Arrival[] {
  const names = (facts.depends ?? []).flatMap((one) => [
    one.package,
    ...(one.or ?? []).map((or) => or.package),
  ]);
  return [...new Set(names)].flatMap((name) => givers.get(name) ?? []);
}

function packageOf({ component, facts }: Arrival): string {
  return facts.name ?? component;
}
