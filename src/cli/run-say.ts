import type { FileProblem } from '../adapters/yaml-source.js';
import type { Verdict } from '../domain/outcome.js';
import type { AttemptEvent } from '../protocol/messages.js';
import { EXIT } from './failure.js';
import { Output } from './output.js';
import type { RunPlace } from './place.js';
import type { DoneRun, PlannedRun, Witness } from './run-attempt.js';
import { plain, type Screen, shorten, span } from './screen.js';
import { counted, verdictWord } from './words.js';

/** Shows what happens, as it happens: to a person, or in lines of JSON. */
export class Show implements Witness {
  private readonly printed: Output;
  private endsLine = true;

  constructor(
    private readonly screen: Screen,
    private readonly json: boolean,
    /** More than one run: then each is named before it begins, and there is a summary. */
    private readonly isList: boolean,
  ) {
    this.printed = new Output(process.stdout, screen.isTerminal);
  }

  begin({ spec, variant, title, file }: PlannedRun, number: number, count: number): void {
    if (!this.isList) return;
    if (this.json) this.screen.json({ kind: 'run', number, test: spec.name, variant, file }, 'line');
    else this.screen.line(this.screen.paint('quiet', `--- ${number}/${count} ${plain(title)}`));
  }

  event(event: AttemptEvent): void {
    if (this.json) this.screen.json(event, 'line');
  }

  output(bytes: Uint8Array): void {
    if (this.json) this.screen.json({ kind: 'output', data: Buffer.from(bytes).toString('base64') }, 'line');
    else {
      this.printed.write(bytes);
      this.endsLine = bytes.at(-1) === NEWLINE;
    }
  }

  end({ run, verdict, cases, lacks, durationMs }: DoneRun): void {
    this.printed.end();
    const { screen } = this;
    // What it printed last may have no end of line; in a pipe our own word begins in a line of its own too.
    if (!this.endsLine && !screen.isTerminal) screen.line();
    this.endsLine = true;
    if (this.json) {
      const variant = Object.keys(run.variant).length === 0 ? {} : { variant: run.variant };
      const lacking = lacks.length === 0 ? {} : { lacks };
      screen.json({ kind: 'verdict', test: run.spec.name, ...variant, ...verdict, ...lacking }, 'line');
      return;
    }
    for (const one of cases) {
      const tone = one.result === 'pass' ? 'good' : one.result === 'fail' ? 'bad' : 'quiet';
      const measured = one.measurement === undefined ? '' : ` ${one.measurement.raw} ${one.measurement.unit}`;
      const said = one.message === '' ? '' : `: ${one.message}`;
      screen.row([{ text: one.result, tone }, { text: `${one.name}${measured}${said}` }], [4]);
      if (one.judged !== undefined)
        screen.line(`     ${one.judged.is.replaceAll('_', ' ')}: ${plain(one.judged.why)}`);
    }
    const marks = verdict.marks.map((mark) => `; ${mark.replaceAll('_', ' ')}`).join('');
    const took = durationMs === undefined ? '' : ` (${(durationMs / 1000).toFixed(1)} s)`;
    screen.line(`${this.word(verdict)} ${plain(run.title)}: ${plain(verdict.reason)}${marks}${took}`);
    // One alone is the reason already.
    if (lacks.length > 1)
      screen.table(
        lacks.map(({ clause, why, hint }) => [`  ${clause}`, hint === undefined ? why : `${why}; ${hint}`]),
      );
  }

  /** All runs in one line, after those that did not pass in one each. */
  summary(done: readonly DoneRun[], tookMs: number, exit: number): void {
    if (!this.isList) return;
    const words = done.map(({ verdict }) => wordOf(verdict).text);
    const counts: Record<string, number> = { passed: 0, failed: 0, skipped: 0 };
    for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
    const { screen } = this;
    if (this.json) {
      screen.json({ kind: 'summary', runs: done.length, ...counts, tookS: tookMs / 1000, exit }, 'line');
      return;
    }
    const bad = done.filter(({ verdict }) => verdict.verdict === 'failed' || verdict.verdict === 'none');
    screen.line();
    for (const { run, verdict } of bad.slice(0, MOST_NAMED))
      screen.line(`${this.word(verdict)} ${plain(run.title)}: ${shorten(plain(verdict.reason), 200)}`);
    if (bad.length > MOST_NAMED) screen.line(`and ${bad.length - MOST_NAMED} more`);
    screen.line(`${done.length} runs: ${counted(counts)} (${span(tookMs)})`);
  }

  private word(verdict: Verdict): string {
    const { text, tone } = wordOf(verdict);
    return this.screen.paint(tone, text);
  }
}

const MOST_NAMED = 50;
const NEWLINE = 10;

function wordOf(verdict: Verdict) {
  return verdictWord(verdict.verdict, verdict.verdict === 'none' ? verdict.noVerdict : undefined);
}

/** How the command ends: a red counts more than a run without a verdict. */
export function exitOf(done: readonly DoneRun[]): number {
  if (done.some(({ verdict }) => verdict.verdict === 'failed')) return EXIT.red;
  return done.some(({ verdict }) => verdict.verdict === 'none') ? EXIT.unanswered : EXIT.ok;
}

/** What would be run, and what never could be there. */
export function showPlanned(
  screen: Screen,
  json: boolean,
  runs: readonly PlannedRun[],
  place: RunPlace,
): void {
  if (json) {
    screen.json({
      host: place.name,
      runs: runs.map(({ spec, variant, file, needs }) => ({
        ...{ test: spec.name, variant, file, requirement: spec.requirement, labels: spec.labels },
        ...('lacks' in needs ? { lacks: needs.lacks } : {}),
      })),
    });
    return;
  }
  const where = place.transport.kind === 'local' ? 'on this machine' : `on ${place.name}`;
  screen.line(`${runs.length} ${runs.length === 1 ? 'run' : 'runs'} would be made ${where}; nothing was run`);
  screen.table(
    runs.map(({ title, file, spec, needs }) => [
      `  ${title}`,
      file ?? '',
      'lacks' in needs
        ? { text: `not compatible: ${needs.lacks.map(({ why }) => why).join('; ')}`, tone: 'warn' as const }
        : spec.requirement === ''
          ? ''
          : `needs ${spec.requirement}`,
    ]),
  );
}

/** A note, with its place in the file where it has one. */
export function noteLine({ message, line, column }: FileProblem): string {
  return line === undefined ? message : `${line}:${column}: ${message}`;
}
