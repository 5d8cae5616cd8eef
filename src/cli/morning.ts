import type { MorningView } from '../http/contract.js';
import { EXIT, Failure } from './failure.js';
import { ago, type Screen, type Tone } from './screen.js';
import type { Setting } from './setting.js';
import { counted, testOf } from './words.js';

/** As many submissions are looked through for one that has a name. */
const LOOKED_THROUGH = 50;

/** Compares the newest finished submission with the one of the same name before it. */
export async function morning(
  { client, screen, json }: Setting,
  options: { readonly name?: string; readonly project?: string },
): Promise<number> {
  const limit = options.name === undefined ? LOOKED_THROUGH : 1;
  const { items } = await client.submissions({ ...options, finished: 'true', limit });
  // What somebody submitted in passing has no name, and nothing that it could be compared with.
  const newest = items.find((submission) => submission.name !== '') ?? items[0];
  if (newest === undefined) {
    const named = options.name === undefined ? '' : ` named '${options.name}'`;
    throw new Failure(`no submission${named} is finished yet`, EXIT.unanswered);
  }
  const view = await client.morning(newest.id);
  if (json) screen.json(view);
  else showMorning(screen, view);
  return EXIT.ok;
}

type Item = MorningView['new'][number];

function showMorning(screen: Screen, view: MorningView): void {
  const { submission, before, counts } = view;
  const name = submission.name === '' ? '' : ` ${submission.name}`;
  const against =
    before === undefined ? 'the first of its name' : `against ${before.id}, ${ago(before.createdAt)}`;
  screen.line(`${submission.id}${screen.paint('strong', name)}, ${ago(submission.createdAt)}, ${against}`);
  const { passed, failed, skipped, none, held } = counts;
  screen.line(counted({ passed, failed, skipped, 'without a verdict': none, held }));
  screen.line(
    counted({
      new: view.new.length,
      still: view.still.length,
      fixed: view.fixed.length,
      'left out': view.leftOut.length,
      known: counts.known,
    }),
  );
  list(screen, 'new red', 'bad', view.new);
  list(screen, 'still red', 'bad', view.still);
  list(screen, 'fixed', 'good', view.fixed);
  list(screen, 'red before, not run or skipped now', 'warn', view.leftOut);
  list(screen, 'no verdict: says nothing about the test', 'warn', view.noVerdict);
  list(screen, 'tested nothing: look at the test', 'warn', view.testedNothing);
}

function list(screen: Screen, title: string, tone: Tone, items: readonly Item[]): void {
  if (items.length === 0) return;
  screen.line('');
  screen.line(screen.paint(tone, `${title} (${items.length})`));
  screen.table(items.map((item) => [`  ${item.run}`, testOf(item), toldOf(item)]));
}

function toldOf({ noVerdict, reason, since, known }: Item): string {
  return [
    noVerdict === undefined ? reason : `${noVerdict.replaceAll('_', ' ')}: ${reason}`,
    ...(since === undefined ? [] : [`since ${since.at.slice(0, 10)} (${since.run})`]),
    ...(known === undefined ? [] : [`known: ${known.link}`]),
  ].join('; ');
}
