import { type Happening, replayed } from '../domain/culprit/journal.js';
import { openSearch, type Search } from '../domain/culprit/search.js';
import { broughtFor, placed } from './bisect-command.js';
import type { Bisection, BisectJournal, Kept } from './bisect-journal.js';
import type { BisectRepository } from './bisect-repository.js';
import { Failure } from './failure.js';
import { ago } from './screen.js';
import type { Setting } from './setting.js';

/** What `testyard bisect` can be told. */
export interface BisectOptions {
  readonly good?: string;
  readonly bad?: string;
  readonly repo: string;
  readonly jobs: number;
  readonly switchCost?: number;
  readonly timeout?: number;
  readonly keepFiles?: boolean;
  readonly output?: boolean;
}

/** What a search begins with, or goes on from. */
interface Begun {
  readonly bisection: Bisection;
  readonly search: Search;
}

/** The bisection that was begun here before, where it is the one that is asked for; else a new one. */
export async function beginOrGoOn(
  setting: Setting,
  repository: BisectRepository,
  journal: BisectJournal,
  script: readonly string[],
  options: BisectOptions,
): Promise<Begun> {
  const { screen } = setting;
  const kept = await journal.read();
  if (kept === undefined) return await begin(setting, repository, journal, script, options);
  const isOver = kept.search.phase === 'done';
  const changed = changes(kept.bisection, options);
  const isAnother = !(await isSame(repository, kept.bisection, script, options));
  if (isAnother || (isOver && changed.length > 0)) {
    const tried = triedIn(kept);
    if (!isOver && tried > 0)
      throw new Failure(
        `another bisection is under way in this repository, after ${counted(tried)}`,
        undefined,
        'Go on with it: testyard bisect. Read it: testyard bisect log. Forget it: testyard bisect reset',
      );
    const begun = await begin(setting, repository, journal, script, options);
    screen.note(
      `the bisection before this one ${isOver ? 'was over' : 'had tried nothing'}: it is forgotten`,
    );
    return begun;
  }
  if (!isOver) return await goOn(screen, repository, journal, kept, changed);
  const found = ago(journal.writtenAt().toISOString());
  screen.note(`nothing is tried now: this was found ${found}; to begin anew: testyard bisect reset`);
  return kept;
}

async function begin(
  { screen }: Setting,
  repository: BisectRepository,
  journal: BisectJournal,
  script: readonly string[],
  { good, bad, switchCost = 0, timeout, keepFiles }: BisectOptions,
): Promise<Begun> {
  if (good === undefined || bad === undefined || script.length === 0)
    throw new Failure(
      'say between which commits, and what tells good from bad',
      undefined,
      'testyard bisect --good v1.0 --bad HEAD -- ./check.sh',
    );
  const commits = await repository.line(
    await repository.commit('--good', good),
    await repository.commit('--bad', bad),
  );
  const words = await placed(repository, script);
  const brought = await broughtFor(repository, commits, words);
  if (brought !== undefined)
    screen.note(
      `commit ${brought.lackedBy.slice(0, 12)} has no ${brought.place}: yours of now is put into every commit`,
    );
  const bisection: Bisection = {
    version: 1,
    commits,
    script: words,
    ...(brought === undefined ? {} : { brought }),
    keepsFiles: keepFiles === true,
    ...(timeout === undefined ? {} : { timeoutS: timeout }),
    question: { kind: 'line', changes: commits.length - 1, switching: switchCost },
  };
  await repository.forgetLeftTrees();
  journal.write(bisection, []);
  return { bisection, search: openSearch(bisection.question) };
}

async function goOn(
  screen: Setting['screen'],
  repository: BisectRepository,
  journal: BisectJournal,
  kept: Kept,
  changed: readonly Change[],
): Promise<Begun> {
  const now = changed.map(({ words }) => `, with ${words} from here on`).join('');
  screen.note(`going on after ${counted(triedIn(kept))}${now}; to begin anew: testyard bisect reset`);
  const bisection = changed.reduce((before, { apply }) => apply(before), kept.bisection);
  await repository.forgetLeftTrees();
  // What was under way when it was stopped is told by nobody any more.
  const left = kept.search.pending.map(({ id }): Happening => ({ told: id, outcome: 'withdrawn' }));
  const happenings = [...kept.happenings, ...left];
  journal.write(bisection, happenings);
  return { bisection, search: replayed(bisection.question, happenings) };
}

/** An option that is not as it was when the bisection began. */
interface Change {
  readonly words: string;
  readonly apply: (before: Bisection) => Bisection;
}

/** Only what is told now can differ: what is left out stays as it was. */
function changes(
  { timeoutS, keepsFiles, question }: Bisection,
  { timeout, keepFiles, switchCost }: BisectOptions,
): readonly Change[] {
  const changed: Change[] = [];
  if (timeout !== undefined && timeout !== timeoutS)
    changed.push({ words: `--timeout ${timeout}`, apply: (before) => ({ ...before, timeoutS: timeout }) });
  if (keepFiles === true && !keepsFiles)
    changed.push({ words: '--keep-files', apply: (before) => ({ ...before, keepsFiles: true }) });
  if (switchCost !== undefined && switchCost !== question.switching)
    changed.push({
      words: `--switch-cost ${switchCost}`,
      apply: (before) => ({ ...before, question: { ...before.question, switching: switchCost } }),
    });
  return changed;
}

/** Trials whose outcome was told. */
function triedIn({ happenings }: Kept): number {
  return happenings.filter((one) => 'told' in one && one.outcome !== 'withdrawn').length;
}

function counted(trials: number): string {
  return trials === 1 ? '1 trial' : `${trials} trials`;
}

/** Another question than the one under way is not mixed with it. */
async function isSame(
  repository: BisectRepository,
  { commits, script: kept }: Bisection,
  script: readonly string[],
  { good, bad }: BisectOptions,
): Promise<boolean> {
  return (
    (good === undefined || (await repository.commit('--good', good)) === commits[0]) &&
    (bad === undefined || (await repository.commit('--bad', bad)) === commits.at(-1)) &&
    (script.length === 0 || (await placed(repository, script)).join('\0') === kept.join('\0'))
  );
}
