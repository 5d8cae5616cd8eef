import { type Choice, placed } from './line-next.js';
import { lineSpace } from './line-space.js';
import type { Leading } from './line-view.js';
import type { Cause, Conclusion, FreeHost, Guidance, Outcome, Question, Result, Trial } from './question.js';
import { capacity, confirmation, type Rates } from './rates.js';
import { setSpace } from './set-space.js';
import type { Space } from './space.js';
import { type Tally, tallyOf, withTally } from './tally.js';
import { fewestLeft, logRatio, ratesAfter, type Verification, verified } from './verification.js';

/**
 * A hunt for the change that broke a test. It is a value: what was asked, told and guided, in that order, makes the
 * same search again, and so does what JSON makes of it.
 */
export interface Search {
  /** As asked, with what people weighed since. */
  readonly question: Question;
  readonly phase: 'search' | 'verify' | 'done';
  /** What the trials of each state came to, rising by state. */
  readonly tallies: readonly Tally[];
  /** The sets of changes that were asked for, of a set; a state is a place in this list. */
  readonly sets: readonly (readonly number[])[];
  /** Trials that were asked for and not told. */
  readonly pending: readonly Trial[];
  readonly verification?: Verification;
  /** The state that each host carries, as far as the search knows. */
  readonly carried: Readonly<Record<string, number>>;
  /** Trials without an answer, by host. */
  readonly erred: Readonly<Record<string, number>>;
  /** Suppositions that the trials with and without did not bear out. */
  readonly rejections: number;
  readonly spent: Spent;
  /** The most trials that were under way at a time. */
  readonly width: number;
  /** The number of the next trial. */
  readonly next: number;
  readonly conclusion?: Conclusion;
}

/** What a search has cost so far. */
export interface Spent {
  /** Trials that told something. */
  readonly search: number;
  /** Of verification. */
  readonly verify: number;
  /** Trials that told nothing. */
  readonly nothing: number;
  /** Trials and the switches for them, in trials. */
  readonly cost: number;
}

/** How sure one must be of a change before it is verified. */
const SURE = 0.99;
/** What the causes that a search ends with hold together, where it cannot name one. */
const HOLDS = 0.9;
/** How sure to say that it is no change: nothing verifies that. */
const SURE_OF_NONE = 0.997;
/** Give up at so many times the trials that were to be expected. */
const PATIENCE = 4;
const MOST_REJECTIONS = 3;
/** Trials without an answer, for each that was to be expected, after which the search ends. */
const MOST_SILENT = 12;

/** A search in which nothing was tried yet. */
export function openSearch(question: Question): Search {
  return {
    question,
    phase: 'search',
    tallies: [],
    sets: [],
    pending: [],
    carried: {},
    erred: {},
    rejections: 0,
    spent: { search: 0, verify: 0, nothing: 0, cost: 0 },
    width: 1,
    next: 1,
  };
}

/** What the free hosts should try now. It changes nothing: what is begun is said with `asked`. */
export function nextTrials(search: Search, hosts: readonly FreeHost[]): readonly Trial[] {
  if (search.phase === 'done' || hosts.length === 0) return [];
  const known = hosts.map((host) => withPlace(search, host));
  const chosen = search.phase === 'verify' ? verifying(search, known) : searching(search, known);
  return chosen.map(({ host, ...what }, n) => ({
    id: search.next + n,
    host: host.name,
    ...what,
    switches: host.at !== what.state,
  }));
}

function withPlace({ carried }: Search, host: FreeHost): FreeHost {
  const at = host.at ?? carried[host.name];
  return at === undefined ? host : { ...host, at };
}

type Chosen = Choice & Pick<Trial, 'why'>;

function searching(search: Search, hosts: readonly FreeHost[]): readonly Chosen[] {
  const underWay = search.pending.filter(({ why }) => why === 'search').map(({ state }) => state);
  const space = spaceIn(search);
  const looks = isSure(space.leading) ? space.unlooked() : [];
  const states = looks.filter((state) => !underWay.includes(state)).slice(0, hosts.length);
  const choices =
    looks.length > 0
      ? placed(
          states.map((state) => ({ state })),
          hosts,
          search.tallies,
        )
      : space.choices(underWay, hosts);
  return choices.map((choice) => ({ ...choice, why: 'search' }));
}

/** Whether it must only be verified, or said. */
function isSure({ kind, probability }: Leading): boolean {
  return probability >= (kind === 'changes' ? SURE : SURE_OF_NONE);
}

function spaceIn({ question, tallies, sets }: Search): Space {
  return question.kind === 'line' ? lineSpace(question, tallies) : setSpace(question, tallies, sets);
}

/** With and without in turn, on hosts that had no part in the search where there are any. */
function verifying(search: Search, hosts: readonly FreeHost[]): readonly Chosen[] {
  const { verification, pending } = search;
  if (verification === undefined) return [];
  const fresh = hosts.filter(({ name }) => !verification.used.includes(name));
  const underWay = pending.filter(({ why }) => why !== 'search');
  const [withIt, withoutIt] = ['with', 'without'].map(
    (why) => underWay.filter((one) => one.why === why).length,
  );
  let ahead = {
    with: verification.badWith + verification.goodWith + (withIt as number),
    without: verification.badWithout + verification.goodWithout + (withoutIt as number),
  };
  const needed = fewestLeft(verification) - underWay.length;
  const stays = stayingFor(search.question);
  return (fresh.length > 0 ? fresh : hosts).slice(0, Math.max(0, needed)).map((host) => {
    const lead = ahead.with - ahead.without;
    const here = host.at === verification.with.state ? lead < stays : -lead < stays;
    const carried = host.at === verification.with.state ? 'with' : 'without';
    const isThere = host.at === verification.with.state || host.at === verification.without.state;
    const why = isThere && here ? carried : lead <= 0 ? 'with' : 'without';
    ahead = { ...ahead, [why]: ahead[why] + 1 };
    return { host, ...verification[why], why };
  });
}

/** Trials by which one side may be ahead, so that a host that is dear to switch is switched less often. */
function stayingFor({ switching = 0 }: Question): number {
  return Math.min(4, Math.floor(Math.sqrt(switching)));
}

/** Trials were begun. */
export function asked(search: Search, trials: readonly Trial[]): Search {
  return {
    ...search,
    sets: withSets(search.sets, trials),
    pending: [...search.pending, ...trials],
    width: Math.max(search.width, search.pending.length + trials.length),
    next: Math.max(search.next, ...trials.map(({ id }) => id + 1)),
  };
}

function withSets(sets: Search['sets'], trials: readonly Trial[]): Search['sets'] {
  const all = [...sets];
  for (const { state, of } of trials) if (of !== undefined && state >= all.length) all.push(of);
  return all.length === sets.length ? sets : all;
}

/** A trial came to something; what it belongs to must have been asked. */
export function told(search: Search, { trial: id, outcome }: Result): Search {
  const trial = search.pending.find((one) => one.id === id);
  if (trial === undefined) throw new Error(`trial ${id} was not asked for, or told before`);
  const pending = search.pending.filter((one) => one !== trial);
  if (outcome === 'withdrawn') return { ...search, pending };
  const seen = evidenceOf(search.question, outcome);
  const { [trial.host]: _, ...others } = search.carried;
  const after: Search = {
    ...search,
    pending,
    carried: outcome === 'lost' || outcome === 'error' ? others : { ...others, [trial.host]: trial.state },
    erred:
      seen === 'silent'
        ? { ...search.erred, [trial.host]: (search.erred[trial.host] ?? 0) + 1 }
        : search.erred,
    spent: spentWith(search, trial, seen),
  };
  const count = counted(after, trial, outcome, seen);
  // What cannot be installed cannot be verified with: another pair of states must be found.
  const { phase, verification } = count;
  return settled(
    outcome === 'refused' && phase === 'verify' && verification !== undefined
      ? unverified(count, verification)
      : count,
  );
}

type Evidence = 'good' | 'bad' | 'other' | 'silent';

/** What an outcome says of what is searched for. An infrastructure error says nothing. */
function evidenceOf({ predicate = 'fails' }: Question, outcome: Exclude<Outcome, 'withdrawn'>): Evidence {
  if (outcome === 'error' || outcome === 'refused') return 'silent';
  if (predicate === 'lost') return outcome === 'lost' ? 'bad' : 'good';
  return outcome === 'lost' ? 'silent' : outcome;
}

function spentWith({ spent, question }: Search, trial: Trial, seen: Evidence): Spent {
  const told = seen === 'good' || seen === 'bad';
  const cost = spent.cost + 1 + (trial.switches ? (question.switching ?? 0) : 0);
  if (!told) return { ...spent, nothing: spent.nothing + 1, cost };
  return trial.why === 'search'
    ? { ...spent, search: spent.search + 1, cost }
    : { ...spent, verify: spent.verify + 1, cost };
}

/** The trial counted where it belongs: with the verification that it was for, else with its state. */
function counted(search: Search, trial: Trial, outcome: Outcome, seen: Evidence): Search {
  const { verification } = search;
  const told = seen === 'good' || seen === 'bad';
  if (
    told &&
    trial.why !== 'search' &&
    verification !== undefined &&
    verification[trial.why].state === trial.state
  ) {
    const key = `${seen}${trial.why === 'with' ? 'With' : 'Without'}` as const;
    const onFreshHosts = verification.onFreshHosts && !verification.used.includes(trial.host);
    return { ...search, verification: { ...verification, onFreshHosts, [key]: verification[key] + 1 } };
  }
  const tally = tallyOf(search.tallies, trial.state);
  return {
    ...search,
    tallies: withTally(
      search.tallies,
      seen === 'silent'
        ? {
            ...tally,
            silent: [...tally.silent, trial.host],
            lost: outcome === 'lost' ? [...tally.lost, trial.host] : tally.lost,
            refused: tally.refused + (outcome === 'refused' ? 1 : 0),
          }
        : { ...tally, [seen]: tally[seen] + 1 },
    ),
  };
}

/** What follows from what was seen: more trials, trials with and without, or an end. */
function settled(search: Search): Search {
  if (search.phase === 'done') return search;
  if (search.phase === 'verify' && search.verification !== undefined)
    return borneOut(search, search.verification);
  const space = spaceIn(search);
  const { leading } = space;
  const isNone = leading.kind !== 'changes';
  // Where nothing more can be learnt, less must do; and of changes, with and without them decides.
  const isExhausted = search.pending.length === 0 && space.isExhausted();
  const isLate = isHopeless(search, space.rates());
  if (isSure(leading) && !isLate && space.unlooked().length > 0) return search;
  if (isNone && leading.probability >= (isExhausted ? SURE : SURE_OF_NONE))
    return done(search, none(leading, space.rates()));
  if (
    search.rejections < MOST_REJECTIONS &&
    leading.kind === 'changes' &&
    leading.probability >= (isExhausted ? HOLDS : SURE)
  ) {
    const verification = verificationOf(search, space);
    if (verification !== undefined) return { ...search, phase: 'verify', verification };
  }
  return isExhausted || isLate
    ? done(search, { kind: 'smallest set', causes: causesHolding(space, HOLDS) })
    : search;
}

function none({ kind, probability }: Leading, { a }: Rates): Conclusion {
  return kind === 'flaky' ? { kind, probability, rate: a } : { kind: 'environment', probability };
}

function verificationOf(search: Search, { leading, points, isBad }: Space): Verification | undefined {
  const { tallies, carried, erred } = search;
  if (leading.with === undefined || leading.without === undefined) return undefined;
  return {
    points: ratesAfter(points, tallies, isBad),
    changes: leading.changes,
    probability: leading.probability,
    with: leading.with,
    without: leading.without,
    used: [...new Set([...Object.keys(carried), ...Object.keys(erred)])],
    onFreshHosts: true,
    badWith: 0,
    goodWith: 0,
    badWithout: 0,
    goodWithout: 0,
  };
}

/** Whether the trials with and without bear the supposition out; where not, they are evidence like any other. */
function borneOut(search: Search, verification: Verification): Search {
  const how = verified(verification);
  if (how === 'open') return search;
  if (how === 'accepted') {
    const { changes, probability: before, onFreshHosts } = verification;
    const likelihoodRatio = Math.exp(logRatio(verification));
    const probability = 1 - (1 - before) / (1 - before + before * likelihoodRatio);
    const kind = changes.length > 1 ? 'several' : 'culprit';
    return done(search, { kind, changes, probability, likelihoodRatio, onFreshHosts });
  }
  return settled(unverified({ ...search, rejections: search.rejections + 1 }, verification));
}

/** The trials with and without counted with all others. */
function unverified(search: Search, verification: Verification): Search {
  const { verification: _, ...rest } = search;
  const tallies = [
    { ...verification.with, bad: verification.badWith, good: verification.goodWith },
    { ...verification.without, bad: verification.badWithout, good: verification.goodWithout },
  ].reduce((all, { state, bad, good }) => {
    const tally = tallyOf(all, state);
    return bad + good === 0
      ? all
      : withTally(all, { ...tally, bad: tally.bad + bad, good: tally.good + good });
  }, search.tallies);
  return { ...rest, phase: 'search', tallies };
}

function isHopeless({ question, spent, width }: Search, rates: Rates): boolean {
  const causes = causeCount(question);
  // Many hosts save time, not trials: they try what a single one would not.
  const together = width * OVER_BEST.together * (Math.log2(causes) / Math.log2(width + 1));
  const most = Math.max(expectedFor(question, causes, rates), together);
  return spent.search >= PATIENCE * most || spent.nothing >= MOST_SILENT * most;
}

/** How many causes there are, as far as it matters for how long a search may take: of a set, with all pairs. */
function causeCount({ kind, changes }: Question): number {
  return 2 + (kind === 'line' ? changes : (changes * (changes + 1)) / 2);
}

/** What searches need over what could be done at best, as simulated: with rates that are known, with others, by rounds. */
const OVER_BEST = { known: 1.2, unknown: 2, together: 2 };

/** Trials that a search among so many causes takes. */
function expectedFor(question: Question, causes: number, rates: Rates): number {
  const best = Math.log2(causes) / capacity(rates) + Math.log2(1 / (1 - SURE)) / confirmation(rates);
  return best * (question.rates === undefined ? OVER_BEST.unknown : OVER_BEST.known);
}

function causesHolding(space: Space, share: number): readonly Cause[] {
  const sorted = space
    .causes()
    .filter(({ probability }) => probability > 0)
    .sort((one, other) => other.probability - one.probability);
  let sum = 0;
  const held = sorted.findIndex(({ probability }) => {
    sum += probability;
    return sum >= share;
  });
  return sorted
    .slice(0, held === -1 ? sorted.length : held + 1)
    .map(({ kind, changes, probability }) => ({ kind, changes, probability }));
}

function done(search: Search, conclusion: Conclusion): Search {
  return { ...search, phase: 'done', conclusion };
}

/** A person says what they know, or that it is enough. */
export function guided(search: Search, guidance: Guidance): Search {
  if (search.phase === 'done') return search;
  if (guidance.kind === 'stop')
    return done(search, { kind: 'stopped', causes: causesHolding(spaceIn(search), HOLDS) });
  const { question } = search;
  const factor = guidance.kind === 'exclude' ? 0 : guidance.factor;
  const weights = Array.from({ length: question.changes }, (_, n) => {
    const weight = question.weights?.[n] ?? 1;
    return guidance.changes.includes(n + 1) ? weight * factor : weight;
  });
  return settled({ ...search, question: { ...question, weights } });
}

/** The causes from the likeliest down, until they hold this share. */
export function likeliest(search: Search, share: number): readonly Cause[] {
  return causesHolding(spaceIn(search), share);
}

/** How many more trials of the search are to be expected, verification apart. */
export function expectedTrials(search: Search): number {
  if (search.phase !== 'search') return 0;
  const space = spaceIn(search);
  const bits = space.causes().reduce((sum, { probability: p }) => (p <= 0 ? sum : sum - p * Math.log2(p)), 0);
  return expectedFor(search.question, 2 ** bits, space.rates());
}

/** A state in which hosts were lost, two or more, while others lived in its neighbours: a search of its own. */
export function killing(search: Search): readonly number[] {
  const { tallies } = search;
  const lived = tallies.some(({ good, bad }) => good + bad > 0);
  return lived ? tallies.filter(({ lost }) => new Set(lost).size >= 2).map(({ state }) => state) : [];
}
