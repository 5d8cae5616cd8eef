import { linePrior } from './line-belief.js';
import { type Choice, lineChoices } from './line-next.js';
import { causesOf, type Leading, lineView, meanRates } from './line-view.js';
import type { Cause, Conclusion, FreeHost, Guidance, Outcome, Question, Result, Trial } from './question.js';
import { capacity, confirmation, type Rates } from './rates.js';
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
    pending: [],
    carried: {},
    erred: {},
    rejections: 0,
    spent: { search: 0, verify: 0, nothing: 0, cost: 0 },
    next: 1,
  };
}

/** What the free hosts should try now. It changes nothing: what is begun is said with `asked`. */
export function nextTrials(search: Search, hosts: readonly FreeHost[]): readonly Trial[] {
  if (search.phase === 'done' || hosts.length === 0) return [];
  const known = hosts.map((host) => withPlace(search, host));
  const chosen = search.phase === 'verify' ? verifying(search, known) : searching(search, known);
  return chosen.map(({ host, state, why }, n) => ({
    id: search.next + n,
    host: host.name,
    state,
    why,
    switches: host.at !== state,
  }));
}

function withPlace({ carried }: Search, host: FreeHost): FreeHost {
  const at = host.at ?? carried[host.name];
  return at === undefined ? host : { ...host, at };
}

type Chosen = Choice & Pick<Trial, 'why'>;

function searching({ question, tallies, pending }: Search, hosts: readonly FreeHost[]): readonly Chosen[] {
  const view = lineView(question, tallies);
  const underWay = pending.filter(({ why }) => why === 'search').map(({ state }) => state);
  return lineChoices(question, view, tallies, underWay, hosts).map((choice) => ({
    ...choice,
    why: 'search',
  }));
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
  return (fresh.length > 0 ? fresh : hosts).slice(0, Math.max(0, needed)).map((host) => {
    const why = ahead.with <= ahead.without ? 'with' : 'without';
    ahead = { ...ahead, [why]: ahead[why] + 1 };
    return { host, state: verification[why], why };
  });
}

/** Trials were begun. */
export function asked(search: Search, trials: readonly Trial[]): Search {
  return {
    ...search,
    pending: [...search.pending, ...trials],
    next: Math.max(search.next, ...trials.map(({ id }) => id + 1)),
  };
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
  return settled(counted(after, trial, outcome, seen));
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
    verification[trial.why] === trial.state
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
  const view = lineView(search.question, search.tallies);
  const { leading } = view;
  if (leading.kind !== 'changes' && leading.probability >= SURE_OF_NONE)
    return done(search, { ...none(leading, meanRates(view)) });
  if (search.rejections < MOST_REJECTIONS && leading.kind === 'changes' && leading.probability >= SURE) {
    const verification = verificationOf(search, leading);
    if (verification !== undefined) return { ...search, phase: 'verify', verification };
  }
  return isHopeless(search, meanRates(view)) ? done(search, smallest(search)) : search;
}

function none({ kind, probability }: Leading, { a }: Rates): Conclusion {
  return kind === 'flaky' ? { kind, probability, rate: a } : { kind: 'environment', probability };
}

function verificationOf(search: Search, leading: Leading): Verification | undefined {
  const { question, tallies, carried, erred } = search;
  const first = leading.with;
  if (first === undefined || leading.without === undefined) return undefined;
  return {
    points: ratesAfter(linePrior(question).points, tallies, (state) => state >= first),
    changes: leading.changes,
    probability: leading.probability,
    with: first,
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
  const { verification: _, ...rest } = search;
  const tallies = [
    { state: verification.with, bad: verification.badWith, good: verification.goodWith },
    { state: verification.without, bad: verification.badWithout, good: verification.goodWithout },
  ].reduce((all, { state, bad, good }) => {
    const tally = tallyOf(all, state);
    return withTally(all, { ...tally, bad: tally.bad + bad, good: tally.good + good });
  }, search.tallies);
  const back: Search = { ...rest, phase: 'search', tallies, rejections: search.rejections + 1 };
  return settled(back);
}

function isHopeless({ question, spent }: Search, rates: Rates): boolean {
  const most = expectedFor(question.changes + 2, rates);
  return spent.search >= PATIENCE * most || spent.nothing >= MOST_SILENT * most;
}

/** Trials that a search among so many causes takes, were each to tell as much as one can. */
function expectedFor(causes: number, rates: Rates): number {
  return Math.log2(causes) / capacity(rates) + Math.log2(1 / (1 - SURE)) / confirmation(rates);
}

const HOLDS = 0.9;

function smallest({ question, tallies }: Search): Conclusion {
  return { kind: 'smallest set', causes: causesHolding(question, tallies, HOLDS) };
}

function causesHolding(question: Question, tallies: readonly Tally[], share: number): readonly Cause[] {
  const { p, states } = lineView(question, tallies);
  const sorted = [...causesOf(p, states)].sort((one, other) => other.probability - one.probability);
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
    return done(search, { kind: 'stopped', causes: causesHolding(search.question, search.tallies, HOLDS) });
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
  return causesHolding(search.question, search.tallies, share);
}

/** How many more trials of the search are to be expected, were each to tell as much as one can; verification apart. */
export function expectedTrials(search: Search): number {
  if (search.phase !== 'search') return 0;
  const view = lineView(search.question, search.tallies);
  const bits = causesOf(view.p, view.states).reduce(
    (sum, { probability: p }) => (p <= 0 ? sum : sum - p * Math.log2(p)),
    0,
  );
  return expectedFor(2 ** bits, meanRates(view));
}

/** A state in which hosts were lost, two or more, while others lived in its neighbours: a search of its own. */
export function killing(search: Search): readonly number[] {
  const { tallies } = search;
  const lived = tallies.some(({ good, bad }) => good + bad > 0);
  return lived ? tallies.filter(({ lost }) => new Set(lost).size >= 2).map(({ state }) => state) : [];
}
