import { readFile } from 'node:fs/promises';
import { readTestFile } from '../adapters/test-file.js';
import { type Decision, judge } from '../domain/judge/judge.js';
import type { AttemptEnd, Verdict } from '../domain/outcome.js';
import type { TestSpec } from '../domain/test.js';
import type { Assignment, AttemptEvent, PlacePlan } from '../protocol/messages.js';
import { EXIT, Failure } from './failure.js';
import { executeLocally } from './local-executor.js';
import { LocalLink } from './local-link.js';
import { Output } from './output.js';
import { plain, type Screen } from './screen.js';
import type { Setting } from './setting.js';
import { stateFolder } from './settings.js';
import { verdictWord } from './words.js';

const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;
const HOST = { id: '1', name: 'local' } as const;

/** Runs one test here: the same file, executor and judge as in a grid, and no server, database or trace. */
export async function run({ screen, json, options }: Setting, file: string): Promise<number> {
  const { spec, needs } = await read(file);
  if ('impossible' in needs)
    return say(screen, json, spec, noVerdict('not_compatible', needs.impossible), undefined);
  if (process.getuid?.() !== 0 && screen.isTerminal)
    screen.note('not root: kept apart by bubblewrap, as your own user, the file system read-only');
  const attempt = new Attempt(screen, json);
  const link = new LocalLink(assignment(spec, needs), attempt);
  const interrupted = () => {
    link.cancel('Ctrl-C');
    // Who is in a hurry is let go; the throw-away namespaces end with us.
    process.once('SIGINT', () => process.exit(130));
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  // The token of a grid on this machine is no test's business.
  await executeLocally(link, [stateFolder(options.stateDir)]);
  process.removeListener('SIGINT', interrupted);
  attempt.finish();
  if (attempt.end === undefined) throw new Error('the attempt ended without an end');
  return say(screen, json, spec, verdictOf(attempt.end, spec, attempt), attempt);
}

/** What must be seen of this machine before the test starts, or why it never can. */
type Needs = Pick<PlacePlan, 'verify' | 'promised'> | { readonly impossible: string };

async function read(file: string): Promise<{ readonly spec: TestSpec; readonly needs: Needs }> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(
      error.code === 'ENOENT' ? `there is no file ${file}` : `${file} cannot be read: ${error.message}`,
    );
  });
  // Most tests need nothing: then no catalogue is read.
  const plain = readTestFile({ name: file, bytes }, undefined);
  if (plain.ok && plain.spec.requirement === '') return { spec: plain.spec, needs: { verify: [] } };
  const { catalogueHere, promisedHere } = await import('./local-tags.js');
  const catalogue = await catalogueHere();
  const known = readTestFile({ name: file, bytes }, catalogue);
  // A tag that only some grid knows is no mistake of the file's.
  const result = known.ok ? known : plain.ok ? plain : known;
  if (result.ok) return { spec: result.spec, needs: promisedHere(result.spec.requirement, catalogue) };
  const lines = result.problems.map(
    (p) => `  ${[file, p.line, p.column].filter(Boolean).join(':')}: ${p.message}`,
  );
  throw new Failure(`${file} cannot be run as it is\n${lines.join('\n')}`);
}

function assignment(spec: TestSpec, needs: Pick<PlacePlan, 'verify' | 'promised'>): Assignment {
  return {
    run: '1',
    attempt: '1',
    number: 1,
    places: [
      {
        role: 'main',
        // Whoever types this is the admin of this machine, so the test's own word on the network counts.
        host: { ...HOST, transport: { kind: 'local', network: true }, expendable: [] },
        seat: 1,
        chain: [],
        ...needs,
        fresh: true,
      },
    ],
    test: spec,
    outputLimitBytes: OUTPUT_LIMIT_BYTES,
  };
}

type Case = Extract<AttemptEvent, { kind: 'case' }>;

/** What is heard of the attempt, shown as it comes. */
class Attempt {
  readonly cases: Case[] = [];
  readonly durations = new Map<string, number>();
  end: AttemptEnd | undefined;
  testStarted = false;
  private readonly printed: Output;
  private readonly steps = new Map<number, string>();

  constructor(
    private readonly screen: Screen,
    private readonly json: boolean,
  ) {
    this.printed = new Output(process.stdout, screen.isTerminal);
  }

  event = (event: AttemptEvent): void => {
    if (event.kind === 'test_started') this.testStarted = true;
    if (event.kind === 'case') this.cases.push(event);
    if (event.kind === 'step_started') this.steps.set(event.seq, event.what);
    if (event.kind === 'step_ended') this.durations.set(this.steps.get(event.seq) ?? '', event.durationMs);
    if (event.kind === 'ended') this.end = event.end;
    if (this.json) this.screen.json(event, 'line');
  };

  output = (bytes: Uint8Array): void => {
    if (this.json) this.screen.json({ kind: 'output', data: Buffer.from(bytes).toString('base64') }, 'line');
    else this.printed.write(bytes);
  };

  finish(): void {
    this.printed.end();
  }
}

function verdictOf(end: AttemptEnd, spec: TestSpec, attempt: Attempt): Verdict {
  const { outcome } = end;
  if (outcome.kind === 'tag_lied')
    return noVerdict(
      'not_compatible',
      outcome.why ?? `${outcome.tag} is ${outcome.presence} on this machine`,
    );
  if (outcome.kind === 'cancelled') return noVerdict('cancelled', 'stopped by Ctrl-C');
  const decision: Decision = judge(end, {
    spec,
    purpose: 'test',
    host: HOST,
    attempt: '1',
    testStarted: attempt.testStarted,
    fresh: true,
    cases: attempt.cases,
    ranBefore: [],
    freshCanBeHad: true,
    memory: {},
  });
  if (decision.do === 'verdict') return decision.verdict;
  // A grid would try elsewhere, or ask the test's owner; here there is no elsewhere.
  return noVerdict(outcome.kind === 'setup_failed' ? 'setup_failed' : 'host_lost', decision.reason);
}

function noVerdict(noVerdict: Extract<Verdict, { verdict: 'none' }>['noVerdict'], reason: string): Verdict {
  return { verdict: 'none', noVerdict, reason, marks: [] };
}

function say(
  screen: Screen,
  json: boolean,
  spec: TestSpec,
  verdict: Verdict,
  attempt: Attempt | undefined,
): number {
  if (json) screen.json({ kind: 'verdict', test: spec.name, ...verdict }, 'line');
  else {
    for (const one of attempt?.cases ?? []) {
      const tone = one.result === 'pass' ? 'good' : one.result === 'fail' ? 'bad' : 'quiet';
      const measured = one.measurement === undefined ? '' : ` ${one.measurement.raw} ${one.measurement.unit}`;
      const said = one.message === '' ? '' : `: ${one.message}`;
      screen.row([{ text: one.result, tone }, { text: `${one.name}${measured}${said}` }], [4]);
    }
    const { text, tone } = verdictWord(
      verdict.verdict,
      verdict.verdict === 'none' ? verdict.noVerdict : undefined,
    );
    const ms = attempt?.durations.get('test');
    const marks = verdict.marks.map((mark) => `; ${mark.replaceAll('_', ' ')}`).join('');
    const took = ms === undefined ? '' : ` (${(ms / 1000).toFixed(1)} s)`;
    screen.line(`${screen.paint(tone, text)} ${spec.name}: ${plain(verdict.reason)}${marks}${took}`);
  }
  if (verdict.verdict === 'failed') return EXIT.red;
  return verdict.verdict === 'none' ? EXIT.unanswered : EXIT.ok;
}
