import { versionedSteps } from '../domain/baseline.js';
import { openSearch } from '../domain/culprit/search.js';
import { type Id, showId } from '../domain/id.js';
import { dependsOn, versionsWith } from '../domain/intake/head.js';
import { type LeftBehind, type LinkedChange, lineWithout, versionsAt } from '../domain/intake/line.js';
import { type Predicate, predicateOf } from '../domain/intake/reading.js';
import { moveBaseline, newChanges, setChangeState } from '../store/changing.js';
import { chronicle } from '../store/chronicle.js';
import {
  beginHunt,
  changeIntake,
  type EndedRun,
  endedRuns,
  failureRecord,
  type Intake,
  liftPin,
  openIntake,
  openIntakes,
  passedPins,
  standingOf,
  stillTried,
  submitTrials,
  testsFor,
  watchesWithNews,
  watchOf,
} from '../store/seeking.js';
import { type Transaction, wake } from '../store/store.js';
import type { World } from '../store/world.js';
import { waitingForFix } from './answer.js';
import { lookInto, putBack } from './look-into.js';
import type { Settings } from './settings.js';

/** Runs with changes are made so often again where they came to nothing. */
const MOST_TRIES = 3;

/** Each test is run so often with changes: what breaks it half of the time is missed once in eight times, and found later. */
const TIMES = 3;

/** Of bad runs that are searched for first: where nothing can be put in, or no host lives, no test can tell anything. */
const FIRST: readonly Predicate[] = ['refused', 'lost', 'fails'];

/** Takes changes in: tries what is new on the tests that depend on it, and puts what holds into the baseline. */
export class Intakes {
  /** What was new of each watch when it was last found that none of it can be tried. */
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
      const key = [news, waiting.map(({ change }) => change)]
        .map((some) => some.map(({ id }) => id))
        .join('|');
      if (this.seen.get(watch.name) === key) continue;
      this.seen.set(watch.name, key);
      for (const { change, why } of waiting) await setWhy(tx, change.id, why, watch.projectId);
      const changes = news.filter((one) => !waiting.some(({ change }) => change === one));
      const all = changes.map(
        ({ id, componentId, component, kind, version, baseline, facts }): LinkedChange => ({
          ...{ id, componentId, component, kind, to: version, facts },
          ...(baseline === null ? {} : { from: baseline }),
        }),
      );
      const { line, behind } = lineWithout(all, new Set(), await standingOf(tx, watch.name));
      for (const { change, why } of behind) await setWhy(tx, change, why, watch.projectId);
      if (line.length === 0) continue;
      const components = new Set(line.map(({ component }) => component));
      const tests = (await testsFor(tx, watch.projectId, watch.tests)).filter(({ requirement }) =>
        dependsOn(requirement, components, world.steps),
      );
      const ids = tests.map(({ id }) => id);
      const why = `${line.length} changes of ${watch.name} have arrived`;
      await openIntake(tx, { watch: watch.name, projectId: watch.projectId, line, tests: ids }, why);
      await setChangeState(
        tx,
        line.map(({ id }) => id),
        'testing',
        why,
      );
      done++;
    }
    return done;
  }
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
  const tests = intake.tests.filter((id) => !intake.flaky.includes(id));
  if (line.length === 0) {
    await stop(tx, intake, 'nothing is left of it that could be put in');
    return 1;
  }
  if (intake.tests.length === 0) {
    await takeIn(tx, intake, line, behind, 'no test depends on it');
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
  if (!intake.probed) return await probed(tx, intake, line, read[0]);
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
  const bad = FIRST.flatMap((predicate) => left.filter(({ is }) => is === predicate));
  const [first] = bad;
  // One host alone may have been at fault.
  const hosts = new Set(bad.filter(({ is }) => is === first?.is).map(({ run }) => run.tried.host));
  if (first === undefined || (first.is !== 'fails' && hosts.size < 2)) {
    const last = read.find(({ is }) => is !== undefined)?.run.tried.reason ?? '';
    if (intake.tries < MOST_TRIES)
      return await changeIntake(
        tx,
        intake,
        { submissionId: null, tries: intake.tries + 1 },
        `tried again: ${last}`,
      );
    return await stop(tx, intake, `tried ${MOST_TRIES + 1} times, and it came to nothing: ${last}`);
  }
  await seek(tx, intake, line, first.run, first.is as Predicate);
}

/** One host has had all of it: where it could be put in and the host lives the others follow. */
async function probed(
  tx: Transaction,
  intake: Intake,
  line: readonly LinkedChange[],
  one: { readonly run: EndedRun; readonly is: ReturnType<typeof predicateOf> } | undefined,
): Promise<void> {
  if (one === undefined || one.is === undefined || one.is === 'fails') {
    const change = { submissionId: null, probed: true, tries: 0 };
    return await changeIntake(tx, intake, change, 'it can be put in');
  }
  const why = one.run.tried.reason;
  // What looks like the infrastructure is seen twice before anything is searched for.
  if (intake.tries === 0 || (one.is === 'nothing' && intake.tries < MOST_TRIES))
    return await changeIntake(
      tx,
      intake,
      { submissionId: null, tries: intake.tries + 1 },
      `tried again: ${why}`,
    );
  if (one.is === 'nothing')
    return await stop(tx, intake, `tried ${intake.tries + 1} times, and it came to nothing: ${why}`);
  await seek(tx, intake, line, one.run, one.is);
}

async function seek(
  tx: Transaction,
  intake: Intake,
  line: readonly LinkedChange[],
  { run, test, testName, tried }: EndedRun,
  predicate: Predicate,
): Promise<void> {
  const broken = await brokenBefore(tx, line);
  if (broken !== undefined)
    return await stop(tx, intake, `${broken}; ${showId('run', run)}: ${tried.reason}`);
  const watch = await watchOf(tx, intake.watch);
  const record = predicate === 'fails' ? await failureRecord(tx, intake.projectId, testName) : undefined;
  const value = openSearch({
    kind: 'line',
    changes: line.length,
    predicate: predicate === 'lost' ? 'lost' : 'fails',
    ...(record === undefined ? {} : { record }),
  });
  const beside = versionsAt(
    intake.line.filter((one) => !line.includes(one)),
    0,
  );
  const why = `${showId('run', run)} of ${testName} with all ${line.length} changes: ${tried.reason}`;
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
      parentId: null,
      value,
      share: watch?.share ?? 0.25,
    },
    'testyard',
    why,
  );
  await changeIntake(tx, intake, { state: 'searching' }, why);
}

/** Every commit after one that is held back has what that one broke: until it is mended no other can be told to be bad. */
async function brokenBefore(tx: Transaction, line: readonly LinkedChange[]): Promise<string | undefined> {
  const branches = new Map(line.flatMap((one) => (one.kind === 'git' ? [[one.id, one] as const] : [])));
  if (branches.size === 0) return undefined;
  const [past] = await passedPins(tx, [...branches.keys()]);
  const change = past === undefined ? undefined : branches.get(past.change);
  return change === undefined ? undefined : `${change.component} has not been mended since what is held back`;
}

/** What held goes into the baseline; what was held back at an earlier version of it may go on. */
async function takeIn(
  tx: Transaction,
  intake: Intake,
  line: readonly LinkedChange[],
  behind: readonly LeftBehind[],
  why: string,
): Promise<void> {
  // Of several commits of one branch the last one is what is trusted.
  const moved = new Map(line.map((change) => [change.componentId, change]));
  await moveBaseline(
    tx,
    [...moved.values()].map(({ componentId, to, id }) => ({
      component: componentId,
      version: to,
      change: id,
    })),
    why,
  );
  await setChangeState(
    tx,
    line.map(({ id }) => id),
    'in_baseline',
    why,
  );
  const byId = new Map(line.map((change) => [change.id, change]));
  for (const { id, change } of await passedPins(tx, [...byId.keys()])) {
    const now = byId.get(change);
    await liftPin(tx, id, `${now?.component} ${now?.to} holds`);
  }
  await letGo(tx, intake, behind);
  await changeIntake(tx, intake, { state: 'passed' }, why);
}

/** Nothing more is tried; what is not in the baseline waits for what comes next. */
async function stop(tx: Transaction, intake: Intake, why: string): Promise<void> {
  const out = new Set(intake.without);
  const left = intake.line.filter(({ id }) => !out.has(id)).map(({ id }) => ({ change: id, why }));
  await letGo(tx, intake, left);
  await changeIntake(tx, intake, { state: 'stopped' }, why);
}

async function letGo(tx: Transaction, { without }: Intake, left: readonly LeftBehind[]): Promise<void> {
  for (const { change, why } of left) await setChangeState(tx, [change], 'new', why);
  // What a search left out without accusing anybody waits too.
  await setChangeState(tx, await stillTried(tx, without), 'new', 'left out of what was tried together');
}
