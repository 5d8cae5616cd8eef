import { type Bits, hasBit, noBits, putBit } from '../match/bits.js';
import type { Sets } from '../match/column.js';
import { canonical, clausesOf, fromCanonical, type Requirement, tagsOf } from '../requirement.js';
import type { Catalogue } from '../tag.js';
import type { HostState, Question, Reach } from './question.js';

/** A clause with which hosts meet it. */
export interface AskedClause {
  readonly text: string;
  readonly requirement: Requirement;
  readonly sets: Sets;
  /** It speaks of a tag that some step gives. */
  readonly isGivable: boolean;
}

/** Whether a host takes work now. */
export type Availability = 'free' | 'busy' | 'down';

/** How one host stands to the requirement. */
export interface Standing {
  readonly host: number;
  readonly state: HostState;
  /** Clauses that it is known not to meet and that no step gives it. */
  readonly out: number;
  /** Clauses of which nobody knows. */
  readonly open: number;
  readonly available: Availability;
  /** Undefined: steps were not asked, because what is missing none of them gives. */
  readonly reach: Reach | undefined;
}

/** Hosts that steps are asked about at most: an answer must not take long. */
const MOST_ASKED = 2000;

/** The clauses of a requirement, each asked of all hosts. */
export function askClauses({ requirement, index, catalogue, givable }: Question): readonly AskedClause[] {
  return clausesOf(requirement).map((clause) => ({
    text: canonical(clause),
    requirement: clause,
    sets: index.match(index.compile(clause)),
    isGivable: tagsUnder(clause, catalogue).some((tag) => givable.has(tag)),
  }));
}

/** Every tag a formula rests on, derived ones seen through. */
export function tagsUnder(requirement: Requirement, catalogue: Catalogue): readonly string[] {
  const found = new Set<string>();
  const walk = (tag: string): void => {
    if (found.has(tag)) return;
    found.add(tag);
    const source = catalogue.find(tag)?.source;
    if (source?.by === 'formula') tagsOf(fromCanonical(source.is)).forEach(walk);
  };
  tagsOf(requirement).forEach(walk);
  return [...found];
}

/** Asks what steps can do, once for hosts that are alike and lack the same. */
export class StepsAsked {
  private readonly known = new Map<string, Reach>();
  /** True where not every host could be asked. */
  isCutOff = false;

  constructor(private readonly question: Question) {}

  /** Undefined: too many have been asked already. */
  reach(host: number, state: HostState, lacking: string, requirement: Requirement): Reach | undefined {
    const key = `${state.likeness}\n${lacking}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    if (this.known.size >= MOST_ASKED) {
      this.isCutOff = true;
      return undefined;
    }
    const reach = this.question.reachable(host, requirement);
    this.known.set(key, reach);
    return reach;
  }
}

/** How a host stands to all clauses; undefined where more than `most` are out of reach. */
export function standingOf(
  host: number,
  state: HostState,
  clauses: readonly AskedClause[],
  question: Question,
  steps: StepsAsked,
  most: number,
): Standing | undefined {
  let [out, open, soft] = [0, 0, 0];
  let mayGive = true;
  for (const { sets, isGivable } of clauses) {
    if (hasBit(sets.yes, host)) continue;
    if (hasBit(sets.maybe, host)) {
      open++;
      mayGive &&= isGivable;
    } else if (isGivable) soft++;
    else if (++out > most) return undefined;
  }
  const available = availabilityOf(state);
  const asksAlways = question.asksAlways === true;
  if (out + open + soft === 0 && !asksAlways)
    return { host, state, out, open, available, reach: NOTHING_TO_DO };
  // Where nobody knows, and no step could settle it, steps need not be asked.
  const isOpen = !mayGive && soft === 0 && !asksAlways;
  if (out > 0 || isOpen) return { host, state, out: out + soft, open, available, reach: undefined };
  const lacking = clauses.flatMap(({ sets }, n) =>
    hasBit(sets.yes, host) ? [] : [hasBit(sets.maybe, host) ? `${n}?` : `${n}`],
  );
  const reach = steps.reach(host, state, lacking.join(' '), question.requirement);
  return { host, state, out: outWith(reach, soft), open, available: availableBy(reach, state), reach };
}

/** Clauses that stay out of reach with what steps can do. */
function outWith(reach: Reach | undefined, soft: number): number {
  if (reach?.ok === true || (reach?.ok === false && reach.maybe)) return 0;
  // What could not be asked is not said to be impossible where nothing else is known against it.
  return reach === undefined ? soft : Math.max(1, soft);
}

function availableBy(reach: Reach | undefined, state: HostState): Availability {
  const available = availabilityOf(state);
  if (reach?.ok !== true || available === 'down') return available;
  if (reach.shut !== undefined) return 'down';
  return reach.wholeHost && state.taken > 0 ? 'busy' : available;
}

const NOTHING_TO_DO: Reach = { ok: true, costS: 0, steps: [] };

/** The hosts that meet a clause (or, `orMaybe`, might), or that steps can bring to it. */
export function reaching(clause: AskedClause, orMaybe: boolean, question: Question, steps: StepsAsked): Bits {
  const met = (orMaybe ? clause.sets.maybe : clause.sets.yes).slice();
  if (!clause.isGivable) return met;
  for (const [host, state] of question.hosts) {
    if (hasBit(met, host)) continue;
    const reach = steps.reach(host, state, clause.text, clause.requirement);
    // What could not be asked is not said to be impossible.
    if (reach === undefined || reach.ok || (orMaybe && reach.maybe)) putBit(met, host, true);
  }
  return met;
}

/** The hosts that the run may use. */
export function allowedHosts({ hosts, index }: Question): Bits {
  const allowed = noBits(index.hosts.length * 32);
  for (const [host, { barred }] of hosts)
    if (barred === undefined && hasBit(index.hosts, host)) putBit(allowed, host, true);
  return allowed;
}

function availabilityOf({ offline, health, shut, seats, taken }: HostState): Availability {
  if (offline || health !== 'good' || shut !== undefined) return 'down';
  return taken < seats ? 'free' : 'busy';
}
