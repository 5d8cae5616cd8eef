import type { WantedArtefact } from './artefact.js';
import { EXIT, Failure } from './failure.js';
import type { PlaceOptions, RunPlace } from './place.js';
import type { UnderTest } from './run-artefacts.js';
import { type DoneRun, noVerdict, type PlannedRun, RunAttempt, reasonOf } from './run-attempt.js';
import { placeOf } from './run-place.js';
import type { Results } from './run-results.js';
import { exitOf, noteLine, Show, showPlanned } from './run-say.js';
import { type PlannedRuns, planRuns, type TestOptions } from './run-tests.js';
import type { Screen } from './screen.js';
import type { Setting } from './setting.js';
import { stateFolder } from './settings.js';

/** What `run` can be told. */
export interface RunOptions extends PlaceOptions, TestOptions {
  readonly dryRun?: boolean;
  readonly junit?: string;
  readonly tap?: string;
  readonly results?: string;
  readonly artefact?: readonly WantedArtefact[];
  readonly buildId?: string;
}

/**
 * Runs tests here or on one host over ssh, one after another: the same files, executor and judge as in a grid, and no
 * server, database or trace.
 */
export async function run(setting: Setting, what: readonly string[], options: RunOptions): Promise<number> {
  if (options.buildId !== undefined && options.artefact === undefined)
    throw new Failure('--build-id says of which build the artefacts are: name them with --artefact');
  const place = await placeOf(options);
  const planned = await planRuns(what, options, place);
  try {
    return await runPlanned(setting, planned, options, place);
  } finally {
    await planned.remove();
  }
}

async function runPlanned(
  { screen, json, options: common }: Setting,
  { runs, others, notes }: PlannedRuns,
  options: RunOptions,
  place: RunPlace,
): Promise<number> {
  if (others.length > 0) screen.note(`passed over, for they are no tests: ${named(others)}`);
  tellNotes(screen, notes);
  if (options.dryRun) {
    showPlanned(screen, json, runs, place);
    return EXIT.ok;
  }
  const { artefact = [], buildId } = options;
  const artefacts =
    artefact.length === 0
      ? undefined
      : await (await import('./run-artefacts.js')).underTest(artefact, buildId);
  const reports =
    options.junit === undefined && options.tap === undefined ? undefined : await import('./run-report.js');
  await reports?.checkReports(options);
  const keeping = options.results === undefined ? undefined : await import('./run-results.js');
  const results = keeping && new keeping.Results(options.results ?? '', (text) => screen.note(text));
  const isLocal = place.transport.kind === 'local';
  if (isLocal && process.getuid?.() !== 0 && screen.isTerminal)
    screen.note('not root: kept apart by bubblewrap, as your own user, the file system read-only');
  const release = isLocal ? undefined : await (await import('./run-seat.js')).takeSeat(place.name);
  const yard: Yard = {
    place,
    results,
    artefacts,
    show: new Show(screen, json, runs.length > 1),
    // The token of a grid on this machine is no test's business.
    masked: [stateFolder(common.stateDir)],
    interrupt: new Interrupt(),
  };
  const from = performance.now();
  const done = await oneAfterAnother(runs, yard);
  yard.interrupt.end();
  release?.();
  await reports?.writeReports(options, done, place);
  const exit = exitOf(done);
  yard.show.summary(done, performance.now() - from, exit);
  return exit;
}

/** What all runs of one command have in common. */
interface Yard {
  readonly place: RunPlace;
  readonly results: Results | undefined;
  readonly artefacts: UnderTest | undefined;
  readonly show: Show;
  readonly masked: readonly string[];
  readonly interrupt: Interrupt;
}

/** Once Ctrl-C was pressed or the host is gone, what is left is told to have no verdict, with why. */
async function oneAfterAnother(runs: readonly PlannedRun[], yard: Yard): Promise<readonly DoneRun[]> {
  const { show, interrupt } = yard;
  const done: DoneRun[] = [];
  let gone: string | undefined;
  for (const [index, run] of runs.entries()) {
    if (interrupt.isDone) done.push(notRun(run, 'cancelled', 'not started: stopped by Ctrl-C'));
    else if (gone !== undefined) done.push(notRun(run, 'host_lost', `not started: ${gone}`));
    else {
      show.begin(run, index + 1, runs.length);
      const one = await carryOut(run, yard);
      show.end(one);
      gone = one.gone;
      done.push(one);
    }
  }
  return done;
}

async function carryOut(
  run: PlannedRun,
  { place, results, artefacts, show, masked, interrupt }: Yard,
): Promise<DoneRun> {
  const result = results?.begin(run);
  if ('lacks' in run.needs) {
    const { lacks } = run.needs;
    const one = { ...notRun(run, 'not_compatible', reasonOf(lacks)), lacks };
    result?.end(one, place, undefined);
    return one;
  }
  const { transport, name } = place;
  const id = transport.kind === 'local' ? ownId() : (await import('./run-seat.js')).seatOf(name);
  // Nothing is expendable: no step and no power action is ever carried out from here.
  const host = { id, name, transport, expendable: [] };
  const witnesses = result === undefined ? [show] : [show, result];
  const attempt = new RunAttempt(place, run, witnesses, result !== undefined, host, artefacts);
  interrupt.of(attempt);
  const one = await attempt.carryOut(masked);
  result?.end(one, place, attempt.environment);
  return one;
}

/**
 * The number under which this process works on its own machine. A grid may have the same machine as a host over ssh, and
 * ends there whatever bears the number of a seat of its own: so it is none that a grid would give.
 */
function ownId(): string {
  return String(9_100_000_000_000 + process.pid);
}

function notRun(run: PlannedRun, why: Parameters<typeof noVerdict>[0], reason: string): DoneRun {
  const startedAt = new Date().toISOString();
  return { run, verdict: noVerdict(why, reason), cases: [], lacks: [], startedAt, tail: '' };
}

/** Ctrl-C, or a polite kill: ends the run that is under way, and nothing more is begun. */
class Interrupt {
  isDone = false;
  private attempt: RunAttempt | undefined;
  private readonly heard = (): void => {
    // Who is in a hurry is let go; the throw-away namespaces end with us.
    if (this.isDone) process.exit(130);
    this.isDone = true;
    this.attempt?.cancel('Ctrl-C');
  };

  constructor() {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, this.heard);
  }

  of(attempt: RunAttempt): void {
    this.attempt = attempt;
    if (this.isDone) attempt.cancel('Ctrl-C');
  }

  end(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, this.heard);
  }
}

/** What does not go along with a single test is told; all else there is to know, `check` says. */
function tellNotes(screen: Screen, notes: PlannedRuns['notes']): void {
  const noted = [...notes].filter(([, all]) => all.length > 0);
  if (noted.length === 0) return;
  const ofTrees = new Set(
    noted.flatMap(([, all]) => all.filter(({ line }) => line === undefined).map(noteLine)),
  );
  for (const note of [...ofTrees].slice(0, MOST_NOTES)) screen.note(note);
  const what = notes.size === 1 ? `${noted[0]?.[0]} has` : `${noted.length} of ${notes.size} files have`;
  screen.note(`${what} notes: testyard check says them`);
}

const MOST_NOTES = 5;

function named(files: readonly string[]): string {
  const more = files.length > 5 ? ` and ${files.length - 5} more` : '';
  return files.slice(0, 5).join(', ') + more;
}
