import type { RunView, SubmissionView } from '../http/contract.js';
import type { Client } from './client.js';
import { EXIT } from './failure.js';
import type { Screen } from './screen.js';
import { exitOf, watch } from './watch.js';
import { counted, reasonOf, standing, testOf } from './words.js';

/** Shows a submission as it goes on: a line for each run that is done or held, and then the numbers. */
export async function follow(
  client: Client,
  screen: Screen,
  submission: SubmissionView,
  json: boolean,
  stop?: AbortSignal,
): Promise<{ readonly exit: number; readonly runs: readonly RunView[] }> {
  const shown = new Set<string>();
  let isBroken = false;
  let widths: readonly number[] = [];
  const runs = await watch(
    client,
    submission,
    {
      seen: (all) => {
        const longest = (texts: readonly string[]) => Math.max(0, ...texts.map((text) => text.length));
        widths = [longest(all.map((run) => run.id)), longest(all.map(testOf)), VERDICT_WIDTH];
      },
      changed: (run, settled) => {
        if (json) return screen.json(run, 'line');
        if (!settled) {
          if (screen.isTerminal) screen.status(`${testOf(run)}: ${run.reason}`);
          return;
        }
        const line = `${run.id} ${standing(run).text} ${run.reason}`;
        if (!shown.has(line)) screen.row(runRow(run), widths);
        shown.add(line);
      },
      counted: (current) => {
        const { waiting, held, running } = current.counts;
        if (!json) screen.status(`${submission.id}: ${counted({ waiting, running, held })}`);
      },
      broken: (why) => {
        if (why !== undefined && !isBroken) screen.note(`${why}; trying again`);
        isBroken = why !== undefined;
      },
    },
    stop,
  );
  screen.clearStatus();
  const exit = exitOf(runs);
  if (!json) summary(screen, submission.id, runs, exit);
  return { exit, runs };
}

/** As wide as the longest of the words, which come later than the first line. */
const VERDICT_WIDTH = 'not compatible'.length;

function runRow(run: RunView) {
  return [
    { text: run.id, tone: 'quiet' as const },
    { text: testOf(run) },
    standing(run),
    { text: reasonOf(run) },
  ];
}

function summary(screen: Screen, id: string, runs: readonly RunView[], exit: number): void {
  const counts: Record<string, number> = {};
  for (const run of runs) {
    const word =
      run.state === 'held'
        ? 'held'
        : run.verdict === 'none'
          ? 'without a verdict'
          : (run.verdict ?? run.state);
    counts[word] = (counts[word] ?? 0) + 1;
  }
  const tone = exit === EXIT.ok ? 'good' : exit === EXIT.red ? 'bad' : 'warn';
  screen.line(`${id}: ${screen.paint(tone, counted(counts))}`);
}
