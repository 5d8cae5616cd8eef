import type { AnswerView } from '../http/contract.js';
import { answersOf, askAbout } from './asking.js';
import { EXIT, Failure } from './failure.js';
import { type Cell, plain, type Screen, type Tone } from './screen.js';
import type { Setting } from './setting.js';
import { standing } from './words.js';

/** What is asked beside the requirement. */
export interface ExplainOptions {
  readonly inventory?: string;
  readonly project?: string;
  readonly host?: string;
  readonly hostType?: string;
}

/** Why a run waits or can never run, or where a requirement or a test stands. */
export async function explain(setting: Setting, what: string, options: ExplainOptions): Promise<number> {
  const { screen, json } = setting;
  const { inventory, project, host, hostType } = options;
  const isRun = /^r[1-9][0-9]*$/.test(what);
  if (isRun && inventory !== undefined)
    throw new Failure(`${what} is a run of a grid: leave --inventory out to ask that grid`);
  const answer = isRun
    ? await setting.client.explainRun(what)
    : await askAbout(what, project, async (asked) =>
        (await answersOf(setting, inventory)).explain({ ...asked, host, hostType }),
      );
  if (json) screen.json(answer);
  else showAnswer(screen, answer, inventory);
  const { status } = answer.explanation;
  const isWell = answer.run?.state === 'running' || answer.run?.verdict === 'passed';
  return isWell || status === 'ready' || status === 'busy' ? EXIT.ok : EXIT.unanswered;
}

type Explanation = AnswerView['explanation'];

const TONES: Readonly<Record<Explanation['status'], Tone>> = {
  ready: 'good',
  busy: 'good',
  down: 'warn',
  stopped: 'warn',
  'not known': 'warn',
  barred: 'bad',
  never: 'bad',
  'no hosts': 'bad',
};

function showAnswer(screen: Screen, answer: AnswerView, inventory: string | undefined): void {
  const { run, explanation, target } = answer;
  if (run !== undefined) showRun(screen, answer, run);
  // Where it stands in the order matters only while it waits.
  const label = run === undefined || run.state === 'waiting' ? '' : 'as the grid is now: ';
  screen.line(screen.paint(TONES[explanation.status], plain(`${label}${explanation.answer}`)));
  const aimed =
    target.host ?? (target.hostType === undefined ? undefined : `hosts of type ${target.hostType}`);
  const needs = explanation.requirement === '' ? 'nothing: any host will do' : explanation.requirement;
  const rows: [Cell, string][] = [
    ...labelled('needs', [needs]),
    ...(aimed === undefined ? [] : labelled('on', [aimed])),
    ...labelled('why', explanation.why),
    ...labelled(
      'nearest',
      explanation.hosts.filter((line) => line.startsWith(NEAREST)).map((line) => line.slice(NEAREST.length)),
    ),
    ...labelled(
      'hosts',
      explanation.hosts.filter((line) => !line.startsWith(NEAREST)),
    ),
    ...labelled(
      'would do',
      explanation.fixes.map(({ text }) => text),
    ),
    ...(explanation.queue === undefined ? [] : labelled('place', [explanation.queue.text])),
  ];
  screen.table(rows);
  if (inventory !== undefined && screen.isTerminal)
    screen.note('from files alone: every host is taken to be idle and well, and what is declared to be so');
}

const NEAREST = 'nearest: ';

/** Lines under one word, which is said once. */
function labelled(label: string, lines: readonly string[]): [Cell, string][] {
  return lines.map((line, n) => [{ text: n === 0 ? `  ${label}` : '', tone: 'quiet' }, line]);
}

function showRun(screen: Screen, { test = '' }: AnswerView, run: NonNullable<AnswerView['run']>): void {
  const { text, tone } = standing(run as Parameters<typeof standing>[0]);
  screen.line(`${run.id} ${screen.paint('strong', plain(test))}: ${screen.paint(tone, text)}`);
  const { incident, avoids } = run;
  screen.table([
    ...labelled('why', [run.reason]),
    ...(run.host === undefined ? [] : labelled('runs on', [run.host])),
    ...(incident === undefined
      ? []
      : labelled('held by', [
          `${incident.id} ${incident.title}; owner ${incident.owner}; it resumes by itself when that is over`,
        ])),
    ...(run.deadline === undefined ? [] : labelled('deadline', [run.deadline])),
    ...(run.notBefore === undefined ? [] : labelled('put off', [`until ${run.notBefore}`])),
    ...(run.fresh
      ? labelled('fresh', ['only a host on which nothing has run since it was put in place'])
      : []),
    ...(avoids.length === 0
      ? []
      : labelled('avoids', [
          `${avoids.join(', ')}: an attempt broke off there; until other work succeeds there`,
        ])),
  ]);
}
