import { happened } from '../domain/culprit/journal.js';
import type { Conclusion, Trial } from '../domain/culprit/question.js';
import { nextTrials, openSearch, type Search } from '../domain/culprit/search.js';
import { type BisectOptions, beginOrGoOn } from './bisect-begin.js';
import { type Bisection, BisectJournal } from './bisect-journal.js';
import { BisectRepository, type BisectTree, type Commit } from './bisect-repository.js';
import { sayEnd, sayTrial } from './bisect-say.js';
import { runScript } from './bisect-script.js';
import { EXIT, Failure } from './failure.js';
import type { Setting } from './setting.js';

/** Trials without an answer in a row, after which the script itself must be looked at. */
const MOST_SILENT = 6;
/** Trials after which it must be looked at, where it could test no commit yet. */
const MOST_REFUSED = 20;

/** Searches for the commit that broke something, or goes on with the search that was begun. */
export async function bisect(
  setting: Setting,
  script: readonly string[],
  options: BisectOptions,
): Promise<number> {
  const repository = await BisectRepository.at(options.repo);
  const journal = new BisectJournal(repository.shared);
  journal.hold();
  try {
    const { bisection, search } = await beginOrGoOn(setting, repository, journal, script, options);
    const ended =
      search.phase === 'done' ? search : await play(setting, repository, journal, bisection, search, options);
    if (ended.phase !== 'done') {
      setting.screen.note('stopped; the same command goes on from here');
      return EXIT.unanswered;
    }
    return sayEnd(setting, bisection, ended, await commitsOf(repository, bisection, ended.conclusion));
  } finally {
    journal.release();
  }
}

/** Work trees are the hosts of this search: each tries one commit at a time. */
async function play(
  setting: Setting,
  repository: BisectRepository,
  journal: BisectJournal,
  bisection: Bisection,
  from: Search,
  options: BisectOptions,
): Promise<Search> {
  const stop = new AbortController();
  const interrupted = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupted);
  const trees = new Map<string, BisectTree>();
  let search = from;
  try {
    for (let n = 1; n <= options.jobs; n++)
      trees.set(`tree ${n}`, await repository.workTree(bisection.commits[0] ?? ''));
    const running = new Map<string, Promise<void>>();
    const silent: number[] = [];
    const carryOut = async (trial: Trial) => {
      const tree = trees.get(trial.host) as BisectTree;
      const commit = bisection.commits[trial.state] ?? '';
      await tree.put(commit, bisection);
      const { timeoutS } = bisection;
      const outcome = await runScript(bisection.script, tree.path, commit, {
        stop: stop.signal,
        isShown: options.output === true,
        ...(timeoutS === undefined ? {} : { timeoutS }),
      });
      search = put(journal, search, { told: trial.id, outcome });
      if (outcome === 'error') silent.push(trial.state);
      else silent.length = 0;
      sayTrial(setting, bisection, trial, outcome, search);
      running.delete(trial.host);
    };
    while (search.phase !== 'done' && !stop.signal.aborted) {
      mustAnswer(silent, search, from);
      const free = [...trees.keys()].filter((name) => !running.has(name)).map((name) => ({ name }));
      const trials = nextTrials(search, free);
      if (trials.length > 0) search = put(journal, search, { asked: trials });
      for (const trial of trials) running.set(trial.host, carryOut(trial));
      await Promise.race(running.values());
    }
    stop.abort();
    await Promise.allSettled(running.values());
  } finally {
    stop.abort();
    for (const tree of trees.values()) await tree.remove();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, interrupted);
  }
  return search;
}

/** A script that only ever fails to answer would be run hundreds of times. */
function mustAnswer(silent: readonly number[], { spent, tallies }: Search, from: Search): void {
  const hint = 'See what it says with --output; the same command goes on.';
  if (silent.length >= MOST_SILENT) {
    const commits = new Set(silent).size;
    throw new Failure(
      `the script gave no answer ${silent.length} times in a row, in ${commits === 1 ? 'one commit' : `${commits} commits`}: it ended with 128 or more, or by a signal`,
      EXIT.unanswered,
      hint,
    );
  }
  if (spent.search + spent.verify === 0 && spent.nothing - from.spent.nothing >= MOST_REFUSED)
    throw new Failure(
      `the script could test none of the ${tallies.length} commits that were tried: it ended with 125`,
      EXIT.unanswered,
      hint,
    );
}

/** Written down first: what was told to nobody may be forgotten, what was told may not. */
function put(journal: BisectJournal, search: Search, happening: Parameters<typeof happened>[1]): Search {
  journal.add(happening);
  return happened(search, happening);
}

const MOST_LISTED = 10;

/** The commits that a conclusion names, as people know them. */
async function commitsOf(
  repository: BisectRepository,
  { commits }: Bisection,
  conclusion: Conclusion | undefined,
): Promise<readonly Commit[]> {
  const changes =
    conclusion === undefined
      ? []
      : 'changes' in conclusion
        ? conclusion.changes
        : 'causes' in conclusion
          ? conclusion.causes.flatMap((cause) => cause.changes)
          : [];
  return await Promise.all(
    changes.slice(0, MOST_LISTED).map((change) => repository.about(commits[change] ?? '')),
  );
}

/** Prints what was tried so far. */
export async function bisectLog(setting: Setting, { repo }: { readonly repo: string }): Promise<number> {
  const repository = await BisectRepository.at(repo);
  const kept = await new BisectJournal(repository.shared).read();
  if (kept === undefined) throw new Failure('no bisection is under way in this repository');
  const { bisection, happenings, search } = kept;
  let played = openSearch(bisection.question);
  for (const one of happenings) {
    const trial = 'told' in one ? played.pending.find(({ id }) => id === one.told) : undefined;
    played = happened(played, one);
    if ('told' in one && trial !== undefined) sayTrial(setting, bisection, trial, one.outcome, played);
  }
  if (search.phase === 'done')
    sayEnd(setting, bisection, search, await commitsOf(repository, bisection, search.conclusion));
  return EXIT.ok;
}

/** Forgets the bisection that is under way. */
export async function bisectReset({ screen }: Setting, { repo }: { readonly repo: string }): Promise<number> {
  const repository = await BisectRepository.at(repo);
  const journal = new BisectJournal(repository.shared);
  journal.hold();
  const was = await journal.remove().finally(() => journal.release());
  await repository.forgetLeftTrees();
  screen.line(was ? 'forgotten' : 'no bisection was under way');
  return EXIT.ok;
}
