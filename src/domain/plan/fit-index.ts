import type { Demand } from '../demand.js';
import type { Id } from '../id.js';
import { hasBit } from '../match/bits.js';
import type { Sets } from '../match/column.js';
import { HostIndex } from '../match/host-index.js';
import type { Program } from '../match/program.js';
import { factsAfter } from '../provision/after.js';
import { type Chain, planChain } from '../provision/chain.js';
import { carriesVersions } from '../provision/outdated.js';
import { clausesOf, fromCanonical, type Requirement, tagsOf } from '../requirement.js';
import { givenBy, type StepSpec } from '../step.js';
import type { Catalogue } from '../tag.js';
import type { Candidate, OpenIncident } from './candidate.js';
import { type Answer, byCost, type Fit, fitOf, wishOf } from './fit.js';

/** All that answers are made from. Hosts are immutable: one that has changed is another object. */
export interface Ground {
  /** Always in the same order. */
  readonly hosts: readonly Candidate[];
  readonly steps: readonly StepSpec[];
  readonly incidents: readonly OpenIncident[];
  readonly catalogue: Catalogue;
}

type Yes = Extract<Fit, { kind: 'yes' }>;
type Later = Extract<Fit, { kind: 'later' }>;
type Never = Extract<Fit, { kind: 'never' }>;

/** One demand with what is known of every host. */
interface Known {
  readonly demand: Demand;
  /** The clauses that no step and no stack has a say in; the others. */
  readonly fixed: Program;
  readonly open: Program;
  /** By the host's number; of hosts that never fit nothing is kept. */
  readonly yes: Map<number, Yes>;
  readonly later: Map<number, Later>;
  sorted: readonly Yes[];
}

/**
 * Who can serve which demand, as `fitsOf` says it, kept from beat to beat: a demand is asked again only of hosts that
 * have changed, or whose incidents have. An inverted index settles most hosts without a search for a chain: where the
 * requirement holds nothing need be done, and where a clause fails that no step has a say in nothing helps.
 */
export class FitIndex {
  private ground: Ground | undefined;
  private index: HostIndex | undefined;
  /** Tags that some step gives, or some host's stack. */
  private givable = new Set<string>();
  /** Those that are about more than one host, as text. */
  private wideIncidents = '';
  private readonly numberOf = new Map<Id, number>();
  private hosts: (Candidate | undefined)[] = [];
  /** Incidents on hosts, by host, as text. */
  private incidentsOf = new Map<Id, string>();
  private known = new Map<string, Known>();

  /**
   * The answers to these demands, by key; others are forgotten. `okOf`: of hosts that a demand avoids, the newest
   * attempt after which they did work well. An answer is good until the next ones are asked for.
   */
  answers(
    demands: ReadonlyMap<string, Demand>,
    ground: Ground,
    okOf: ReadonlyMap<Id, Id> = new Map(),
  ): ReadonlyMap<string, Answer> {
    const changed = this.follow(ground);
    const before = this.known;
    this.known = new Map();
    const answers = new Map<string, Answer>();
    for (const [key, demand] of demands) {
      const old = before.get(key);
      const known = old ?? this.newDemand(demand);
      this.ask(known, old === undefined ? undefined : changed);
      this.askAvoided(known, okOf);
      this.known.set(key, known);
      answers.set(key, this.answer(known));
    }
    return answers;
  }

  /** Takes in what has changed; the numbers of the hosts concerned. */
  private follow(ground: Ground): readonly number[] {
    if (this.ground === ground) return [];
    if (this.ground?.catalogue !== ground.catalogue || !this.isInOrder(ground.hosts)) this.forget();
    const wideIncidents = JSON.stringify(ground.incidents.filter((i) => i.hostId === undefined));
    if (this.wideIncidents !== wideIncidents) this.known.clear();
    this.wideIncidents = wideIncidents;
    if (this.ground?.steps !== ground.steps) {
      this.known.clear();
      this.addGivable(ground.steps);
    }
    this.ground = ground;
    return this.takeIn(ground);
  }

  private takeIn({ hosts, incidents, catalogue }: Ground): readonly number[] {
    const index = this.index ?? new HostIndex(catalogue);
    this.index = index;
    const incidentsOf = byHost(incidents);
    const changed: number[] = [];
    const there = new Set<number>();
    const givables = this.givable.size;
    for (const host of hosts) {
      const number = this.number(host.id);
      there.add(number);
      const isSame = this.hosts[number] === host;
      if (isSame && this.incidentsOf.get(host.id) === incidentsOf.get(host.id)) continue;
      changed.push(number);
      if (isSame) continue;
      this.hosts[number] = host;
      this.addGivable(host.stack);
      index.add(number, factsAfter(host, []));
    }
    if (there.size < this.hosts.length) {
      this.hosts.forEach((host, number) => {
        if (host === undefined || there.has(number)) return;
        this.hosts[number] = undefined;
        index.remove(number);
        changed.push(number);
      });
    }
    this.incidentsOf = incidentsOf;
    // What no step has a say in is less than it was.
    if (this.givable.size !== givables) this.known.clear();
    return changed;
  }

  /** Numbers are given in the order of the hosts, which is that of answers too. */
  private isInOrder(hosts: readonly Candidate[]): boolean {
    let last = -1;
    let most = this.numberOf.size;
    for (const { id } of hosts) {
      const number = this.numberOf.get(id) ?? most++;
      if (number <= last) return false;
      last = number;
    }
    return true;
  }

  private number(id: Id): number {
    const known = this.numberOf.get(id);
    if (known !== undefined) return known;
    const number = this.numberOf.size;
    this.numberOf.set(id, number);
    return number;
  }

  private forget(): void {
    this.index = undefined;
    this.numberOf.clear();
    this.hosts = [];
    this.incidentsOf = new Map();
    this.known.clear();
  }

  /** Only ever more: a tag too many costs time, and no answer. */
  private addGivable(givers: readonly { readonly gives: readonly string[] }[]): void {
    for (const { gives } of givers) for (const item of gives) this.givable.add(givenBy(item).tag);
  }

  private newDemand(demand: Demand): Known {
    const { index, catalogue } = this.means();
    const fixed: Requirement[] = [];
    const open: Requirement[] = [];
    for (const clause of clausesOf(fromCanonical(demand.requirement)))
      (tagsUnder(clause, catalogue).some((tag) => this.givable.has(tag)) ? open : fixed).push(clause);
    return {
      demand,
      fixed: index.compile({ kind: 'all', of: fixed }),
      open: index.compile({ kind: 'all', of: open }),
      yes: new Map(),
      later: new Map(),
      sorted: [],
    };
  }

  /** Asks these hosts; undefined: all. */
  private ask(known: Known, numbers: readonly number[] | undefined): void {
    if (numbers?.length === 0) return;
    const { index } = this.means();
    const found: Found = { fixed: index.match(known.fixed), open: index.match(known.open) };
    const asked = numbers ?? this.hosts.keys();
    const fresh: Yes[] = [];
    const gone = new Set<Yes>();
    for (const number of asked) {
      const old = known.yes.get(number);
      if (old !== undefined) gone.add(old);
      const fit = this.fit(known.demand, number, found);
      put(known, number, fit);
      if (fit?.kind === 'yes') fresh.push(fit);
    }
    sort(known, gone, fresh);
  }

  private fit(demand: Demand, number: number, found: Found): Fit | undefined {
    const host = this.hosts[number];
    if (host === undefined || !hasBit(found.fixed.maybe, number)) return undefined;
    const { steps, incidents } = this.means();
    return fitOf(demand, host, steps, incidents, settled(demand, host, number, found, steps));
  }

  /** Whether hosts are still avoided changes with what runs there, and so without them. */
  private askAvoided(known: Known, okOf: ReadonlyMap<Id, Id>): void {
    const { avoid } = known.demand;
    if (avoid.length === 0) return;
    const { steps, incidents } = this.means();
    const fresh: Yes[] = [];
    const gone = new Set<Yes>();
    for (const { host: id } of avoid) {
      const number = this.numberOf.get(id);
      const host = number === undefined ? undefined : this.hosts[number];
      if (number === undefined || host === undefined) continue;
      const old = known.yes.get(number);
      if (old !== undefined) gone.add(old);
      const fit = fitOf(known.demand, { ...host, okAttempt: okOf.get(id) ?? '0' }, steps, incidents);
      put(known, number, fit);
      if (fit.kind === 'yes') fresh.push(fit);
    }
    sort(known, gone, fresh);
  }

  private answer(known: Known): Answer {
    const { demand, yes, later, sorted } = known;
    const { steps, incidents } = this.means();
    const hosts = this.hosts;
    let nevers: readonly Never[] | undefined;
    return {
      fits: sorted,
      laters: [...later].sort(([a], [b]) => a - b).map(([, fit]) => fit),
      get nevers() {
        nevers ??= hosts.flatMap((host, number) =>
          host === undefined || yes.has(number) || later.has(number)
            ? []
            : [aNever(host, () => fitOf(demand, host, steps, incidents))],
        );
        return nevers;
      },
    };
  }

  private means() {
    const { index, ground } = this;
    if (index === undefined || ground === undefined)
      throw new Error('hosts are taken in before they are asked');
    return { index, ...ground };
  }
}

interface Found {
  readonly fixed: Sets;
  readonly open: Sets;
}

/** What `planChain` says, where the index knows that; undefined: it must be asked. */
function settled(
  demand: Demand,
  host: Candidate,
  number: number,
  { fixed, open }: Found,
  steps: readonly StepSpec[],
): Chain | undefined {
  const isUsed = host.used || host.dirtyFrom !== undefined;
  const mustAct = demand.target.step !== undefined || (demand.fresh && isUsed && !host.isolated);
  if (mustAct || !hasBit(open.yes, number) || carriesVersions(host, steps)) return undefined;
  if (hasBit(fixed.yes, number)) return { ok: true, steps: [], costS: 0, fresh: host.isolated || !isUsed };
  // All that does not hold is not known, and no step makes it so.
  return unknownFor(() => planChain(wishOf(demand), host, steps));
}

/** That what is missing is not known, said in words when somebody asks. */
function unknownFor(plan: () => Chain): Chain {
  let chain: Chain | undefined;
  const said = () => {
    chain ??= plan();
    return chain.ok ? { tag: '', why: 'it is not known whether it could serve' } : chain;
  };
  return {
    ok: false,
    presence: 'unknown',
    get tag() {
      return said().tag;
    },
    get why() {
      return said().why;
    },
  };
}

/** A host that can never serve, which says why when somebody asks. */
function aNever(host: Candidate, ask: () => Fit): Never {
  let why: string | undefined;
  return {
    kind: 'never',
    host,
    get why() {
      if (why !== undefined) return why;
      const fit = ask();
      why = fit.kind === 'yes' ? 'no step gives what it lacks' : fit.why;
      return why;
    },
  };
}

function put({ yes, later }: Known, number: number, fit: Fit | undefined): void {
  if (fit?.kind === 'yes') yes.set(number, fit);
  else yes.delete(number);
  if (fit?.kind === 'later') later.set(number, fit);
  else later.delete(number);
}

/** Takes fits out of the order and puts others in; the many that stay are in order already. */
function sort(known: Known, gone: ReadonlySet<Yes>, fresh: Yes[]): void {
  if (gone.size === 0 && fresh.length === 0) return;
  fresh.sort(byCost);
  const sorted: Yes[] = [];
  let next = 0;
  for (const fit of known.sorted) {
    if (gone.has(fit)) continue;
    for (let one = fresh[next]; one !== undefined && byCost(one, fit) < 0; one = fresh[++next])
      sorted.push(one);
    sorted.push(fit);
  }
  known.sorted = [...sorted, ...fresh.slice(next)];
}

/** The incidents on each host, as text: equal texts, equal incidents. */
function byHost(incidents: readonly OpenIncident[]): Map<Id, string> {
  const found = new Map<Id, string>();
  incidents.forEach((incident) => {
    if (incident.hostId === undefined || incident.scope === 'step') return;
    found.set(incident.hostId, (found.get(incident.hostId) ?? '') + JSON.stringify(incident));
  });
  return found;
}

/** Every tag a formula rests on, derived ones and what they follow from. */
function tagsUnder(requirement: Requirement, catalogue: Catalogue): readonly string[] {
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
