import { versionedSteps } from '../domain/baseline.js';
import { openSearch } from '../domain/culprit/search.js';
import { type Id, showId } from '../domain/id.js';
import { dependsOn, isOfTest, versionsWith } from '../domain/intake/head.js';
import {
  type LeftBehind,
  type LinkedChange,
  lineWithout,
  mayMend,
  versionsAt,
} from '../domain/intake/line.js';
import { type Predicate, predicateOf, type SeenBad } from '../domain/intake/reading.js';
import type { ComponentKind, WatchSpec } from '../domain/watch.js';
import { type Change, newChanges, setChangeState } from '../store/changing.js';
import { chronicle } from '../store/chronicle.js';
import { beginHunt } from '../store/hunts.js';
import {
  changeIntake,
  type Intake,
  openIntake,
  openIntakes,
  standingOf,
  stoppedAtLimit,
  testsFor,
  watchesWithNews,
  watchOf,
} from '../store/intakes.js';
import { failureRecord, ruleOf } from '../store/known-before.js';
import { type Transaction, wake } from '../store/store.js';
import { type EndedRun, endedRuns, submitTrials } from '../store/trials.js';
import type { World } from '../store/world.js';
import { waitingForFix } from './answer.js';
import { beginningOf, knownSince, newFirst, unmended } from './branch.js';
import { limitReached, stop, takeIn } from './intake-end.js';
import { knownBefore } from './known-before.js';
import { lookInto, putBack } from './look-into.js';
import type { Settings } from './settings.js';

/** Runs with changes are made so often again where they came to nothing. */
const MOST_TRIES = 3;

/** Each test is run so often with changes: what breaks it half of the time is missed once in thirty times, and found later. */
const TIMES = 5;

/**
 * Of bad runs that are searched for first: where no host lives, or nothing can be put in, no test can tell anything. A host
 * that dies while something is put in may leave no more than a step that broke off: one that was lost tells more.
 */
const FIRST: readonly Predicate[] = ['lost', 'refused', 'fails'];

/** Takes changes in: tries what is new on the tests that depend on it, and puts what holds into the baseline. */
export class Intakes {
  /** What was new of each watch and group when it was last looked at: the same again would come to the same. */
  private readonly seen = new Map<string, string>();

  /** How much was done. */
  async go(tx: Transaction, world: World, settings: Settings): Promise<number> {
    let done = 0;
    for (const intake of await openIntakes(tx)) done += await goOn(tx, intake, world, settings);
    done += await this.open(tx, world);
    if (done > 0) await wake(tx, 'testyard_scheduler', 'testyard_history');
    return done;
  }

  private async open(tx: Transaction, world: World): Promise<number> {
    let done = 0;
    for (const watch of await watchesWithNews(tx)) {
      const news = await newChanges(tx, watch.name);
      const waiting = await waitingForFix(tx, watch.name, news);
      const limit = await stoppedAtLimit(tx, watch);
      // What one group brings another may need.
      const ids = [news, waiting.map(({ change }) => change)].map((some) => some.map(({ id }) => id));
      const key = [...ids, limit?.intake, limit?.isStill].join('|');
      for (const { name, changes } of groupsOf(news)) {
        if (this.seen.get(`${watch.name} ${name}`) === key) continue;
        this.seen.set(`${watch.name} ${name}`, key);
        if (limit?.isStill === true) {
          const why = limitReached(watch.name, watch.rollbacksPerDay);
          for (const { id } of changes) await setWhy(tx, id, why, watch.projectId);
          continue;
        }
        const held = waiting.filter(({ change }) => changes.includes(change));
        for (const { change, why } of held) await setWhy(tx, change.id, why, watch.projectId);
        const left = changes.filter((one) => !held.some(({ change }) => change === one));
        if (!(await take(tx, watch, left, world))) continue;
        done++;
        // The others of this watch are tried once these have been.
        break;
      }
    }
    return done;
  }
}

/** Changes that are tried together. */
interface Group {
  readonly name: string;
  readonly changes: readonly Change[];
}

/**
 * What is new, as it is tried together, in the order in which it came: all that was seen at the watched place; and by itself each
 * commit that somebody pushed, and the packages that one person did. What a candidate is worth must not hang on what else came.
 */
function groupsOf(news: readonly Change[]): readonly Group[] {
  const nameOf = ({ id, source, pushedBy, kind }: Change) =>
    source === 'seen' ? 'seen' : isPackage(kind) ? `pushed by ${pushedBy}` : `pushed ${id}`;
  return [...new Set(news.map(nameOf))].map((name) => ({
    name,
    changes: news.filter((change) => nameOf(change) === name),
  }));
}

function isPackage(kind: ComponentKind): boolean {
  return kind === 'apt' || kind === 'dnf';
}

/** Opens an intake of these, as far as they can be put in; false: nothing of them can. */
async function take(
  tx: Transaction,
  watch: WatchSpec & { readonly projectId: Id },
  changes: readonly Change[],
  world: World,
): Promise<boolean> {
  const all = changes.map(
    ({ id, componentId, component, kind, version, baseline, facts }): LinkedChange => ({
      ...{ id, componentId, component, kind, to: version, facts },
      ...(baseline === null ? {} : { from: baseline }),
    }),
  );
  const { line, behind } = lineWithout(all, new Set(), await standingOf(tx, watch.name));
  for (const { change, why } of behind) await setWhy(tx, change, why, watch.projectId);
  if (line.length === 0) return false;
  const components = new Set(line.map(({ component }) => component));
  const tests = (await testsFor(tx, watch.projectId, watch.tests)).filter(
    ({ name, requirement }) =>
      line.some((change) => isOfTest(change, name)) || dependsOn(requirement, components, world.steps),
  );
  const asked = tests.map(({ id }) => id);
  const why = `${line.length} changes of ${watch.name} have arrived`;
  await openIntake(tx, { watch: watch.name, projectId: watch.projectId, line, tests: asked }, why);
  await setChangeState(
    tx,
    line.map(({ id }) => id),
    'testing',
    why,
  );
  return true;
}

async function setWhy(tx: Transaction, change: Id, why: string, project: Id): Promise<void> {
  const subject = showId('change', change);
  await chronicle(tx, [{ kind: 'decision.not_acted', subject, project, data: { what: 'try it', why } }]);
}

async function goOn(tx: Transaction, intake: Intake, world: World, settings: Settings): Promise<number> {
  if (intake.state !== 'testing') return 0;
  const { line, behind } = lineWithout(
    intake.line,
    new Set(intake.without),
    await standingOf(tx, intake.watch),
  );
  const tests = intake.tests.filter((id) => !intake.flaky.includes(id) && !intake.held.includes(id));
  if (line.length === 0) {
    await stop(tx, intake, 'nothing is left of it that could be put in');
    return 1;
  }
  if (intake.tests.length === 0) {
    await takeIn(tx, intake, line, behind, 'no test depends on it');
    return 1;
  }
  if (tests.length === 0 && intake.held.length > 0) {
    await takeIn(tx, intake, line, behind, 'it holds by what its tests themselves call broken');
    return 1;
  }
  if (tests.length === 0) {
    await stop(tx, intake, 'none of its tests can tell anything today: nothing of it goes into the baseline');
    return 1;
  }
  if (intake.submissionId === null) {
    const submissionId = await submitTrials(tx, {
      projectId: intake.projectId,
      name: `${intake.watch}: ${line.length} changes`,
      ...(intake.probed ? { tests, times: TIMES } : { tests: tests.slice(0, 1) }),
      versions: versionsWith(intake.line, line),
    });
    const on = intake.probed ? `${tests.length} tests` : 'one host first';
    await changeIntake(tx, intake, { submissionId }, `${line.length} changes are tried on ${on}`);
    return 1;
  }
  const runs = await endedRuns(tx, intake.submissionId);
  if (runs === undefined) return 0;
  await answered(tx, intake, line, behind, runs, world, settings);
  return 1;
}

async function answered(
  tx: Transaction,
  intake: Intake,
  line: readonly LinkedChange[],
  behind: readonly LeftBehind[],
  runs: readonly EndedRun[],
  world: World,
  settings: Settings,
): Promise<void> {
  const versioned = new Set(versionedSteps(world.steps).keys());
  const read = runs.map((run) => ({ run, is: predicateOf(run.tried, versioned) }));
  for (const { run, is } of read) if (is === 'lost') await putBack(tx, run.tried, world);
  if (!intake.probed) return await probed(tx, intake, line, read[0], world);
  if (read.every(({ is }) => is === undefined)) {
    const count = intake.tests.length - intake.flaky.length;
    const why = `held on ${count === 1 ? 'the one test' : `all ${count} tests`} that can tell`;
    return await takeIn(tx, intake, line, behind, why);
  }
  // Where the same could be put in on another host it is not the changes that broke it off.
  const hasRun = read.some(({ is }) => is === undefined || is === 'fails');
  const notChanges = read.filter(({ is }) => is === 'refused' && hasRun);
  for (const { run } of notChanges) await lookInto(tx, run.run, run.tried, world, settings);
  const left = read.filter((one) => !notChanges.includes(one));
  const ordered = FIRST.flatMap((predicate) => left.filter(({ is }) => is === predicate));
  const bad = await newFirst(tx, line, ordered);
  const [first] = bad;
  const seen = seenWith(intake, left);
  // One host alone may have been at fault.
  const hosts = new Set(seen.map(({ host }) => host));
  if (first === undefined || (first.is !== 'fails' && hosts.size < 2)) {
    const last = read.find(({ is }) => is !== undefined)?.run.tried.reason ?? '';
    if (intake.tries < MOST_TRIES)
      return await changeIntake(
        tx,
        intake,
        { submissionId: null, tries: intake.tries + 1, seen },
        `tried again: ${last}`,
      );
    return await stop(tx, intake, `tried ${MOST_TRIES + 1} times, and it came to nothing: ${last}`);
  }
  const is = first.is === 'refused' && seen.some((one) => one.is === 'lost') ? 'lost' : first.is;
  await seek(tx, { ...intake, seen }, line, first.run, is as Predicate, world);
}

type Read = { readonly run: EndedRun; readonly is: ReturnType<typeof predicateOf> };

/** What was seen with what is left so far, and now; each once for a host. */
function seenWith({ seen }: Intake, read: readonly Read[]): readonly SeenBad[] {
  const now = read.flatMap(({ run, is }) =>
    is === 'lost' || is === 'refused' ? [{ is, host: run.tried.host ?? '' }] : [],
  );
  return [...new Map([...seen, ...now].map((one) => [`${one.is} ${one.host}`, one])).values()];
}

/** One host has had all of it: where it could be put in and the host lives the others follow. */
async function probed(
  tx: Transaction,
  intake: Intake,
  line: readonly LinkedChange[],
  one: Read | undefined,
  world: World,
): Promise<void> {
  if (one === undefined || one.is === undefined || one.is === 'fails') {
    const change = { submissionId: null, probed: true, tries: 0 };
    return await changeIntake(tx, intake, change, 'it can be put in');
  }
  const why = one.run.tried.reason;
  const seen = seenWith(intake, [one]);
  // What looks like the infrastructure is seen twice before anything is searched for.
  if (intake.tries === 0 || (one.is === 'nothing' && intake.tries < MOST_TRIES))
    return await changeIntake(
      tx,
      intake,
      { submissionId: null, tries: intake.tries + 1, seen },
      `tried again: ${why}`,
    );
  if (one.is === 'nothing')
    return await stop(tx, intake, `tried ${intake.tries + 1} times, and it came to nothing: ${why}`);
  const is = seen.some((before) => before.is === 'lost') ? 'lost' : one.is;
  await seek(tx, { ...intake, seen }, line, one.run, is, world);
}

async function seek(
  tx: Transaction,
  intake: Intake,
  all: readonly LinkedChange[],
  { run, test, testName, tried }: EndedRun,
  predicate: Predicate,
  { steps }: World,
): Promise<void> {
  const beginning = await beginningOf(tx, all, testName, predicate);
  if (beginning === 'not mended')
    return await stop(
      tx,
      intake,
      `${unmended(all[0]?.component ?? '')}; ${showId('run', run)}: ${tried.reason}`,
    );
  const { line, since } = beginning;
  const watch = await watchOf(tx, intake.watch);
  const rule = predicate === 'fails' ? await ruleOf(tx, test) : undefined;
  const record = predicate === 'fails' ? await failureRecord(tx, intake.projectId, testName) : undefined;
  const value = openSearch({
    kind: 'line',
    changes: line.length,
    mends: mayMend(line),
    predicate: predicate === 'lost' ? 'lost' : 'fails',
    ...(await knownBefore(tx, test, line, steps)),
    ...(record === undefined ? {} : { record }),
    ...(rule === undefined ? {} : { rule }),
    ...(since === undefined ? {} : await knownSince(tx, since)),
  });
  const components = new Set(line.map(({ component }) => component));
  const beside = versionsAt(
    intake.line.filter(({ component }) => !components.has(component)),
    0,
  );
  const why = `${showId('run', run)} of ${testName} with all ${all.length} changes: ${tried.reason}`;
  await beginHunt(
    tx,
    {
      projectId: intake.projectId,
      intakeId: intake.id,
      testId: test,
      predicate,
      signature: predicate === 'fails' ? (tried.signature ?? '') : '',
      line,
      beside,
      partnerOf: null,
      parentId: since ?? null,
      value,
      share: watch?.share ?? 0.25,
    },
    'testyard',
    why,
  );
  await changeIntake(tx, intake, { state: 'searching', seen: intake.seen }, why);
}
