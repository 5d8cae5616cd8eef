import type { Cause, Conclusion, Outcome, Trial } from '../domain/culprit/question.js';
import { expectedTrials, likeliest, type Search } from '../domain/culprit/search.js';
import { tallyOf } from '../domain/culprit/tally.js';
import type { Bisection } from './bisect-journal.js';
import type { Commit } from './bisect-repository.js';
import type { Setting } from './setting.js';

const WORDS: Readonly<Record<Outcome, string>> = {
  good: 'good',
  bad: 'bad',
  other: 'other',
  error: 'no answer (128 or more, or killed): tried again',
  refused: 'cannot be tested (125)',
  lost: 'lost',
  withdrawn: 'stopped',
};

/** One trial, and what is believed after it. */
export function sayTrial(
  { screen, json }: Setting,
  { commits }: Bisection,
  trial: Trial,
  outcome: Outcome,
  search: Search,
): void {
  const commit = commits[trial.state] ?? '';
  const beliefs = likeliest(search, 0.9).slice(0, 3);
  if (json) {
    const believed = beliefs.map((one) => ({ ...one, commits: one.changes.map((n) => commits[n]) }));
    screen.json({ trial: trial.id, commit, why: trial.why, outcome, likeliest: believed }, 'line');
    return;
  }
  const about = search.phase === 'search' ? `about ${Math.ceil(expectedTrials(search))} to go` : 'verifying';
  const believed = beliefs.map((one) => `${nameOf(one, commits)} ${percent(one.probability)}`).join(', ');
  const phase = search.phase === 'done' ? '' : `; ${about}`;
  const why = trial.why === 'search' ? '' : `, ${trial.why} it`;
  screen.line(
    `${String(trial.id).padStart(3)}  ${short(commit)}${why} is ${WORDS[outcome]}  [${believed}${phase}]`,
  );
}

function nameOf({ kind, changes }: Cause, commits: readonly string[]): string {
  if (kind === 'environment') return 'bad before all of them';
  if (kind === 'flaky') return 'only flaky';
  const first = short(commits[changes[0] ?? 0] ?? '');
  return changes.length === 1 ? first : `${first} and ${changes.length - 1} after it`;
}

/** How it ended, and how to see it again; returns how to exit: 0 where one change is named, else 3. */
export function sayEnd(
  { screen, json }: Setting,
  bisection: Bisection,
  search: Search,
  about: readonly Commit[],
): number {
  const { conclusion } = search;
  if (conclusion === undefined) return 3;
  const named = conclusion.kind === 'culprit' || conclusion.kind === 'several';
  if (json) screen.json({ conclusion, commits: about, spent: search.spent }, 'line');
  else
    for (const line of [
      '',
      ...endLines(conclusion, about, search),
      ...costLines(search),
      ...againLines(bisection, conclusion),
    ])
      screen.line(line);
  return named ? 0 : 3;
}

function endLines(conclusion: Conclusion, about: readonly Commit[], search: Search): readonly string[] {
  const listed = about.flatMap((commit) => [
    `  ${commit.id}`,
    `  ${commit.author}, ${commit.date}`,
    `  ${commit.subject}`,
  ]);
  switch (conclusion.kind) {
    case 'culprit':
      return [
        `${short(about[0]?.id ?? '')} broke it, with a probability of ${percent(conclusion.probability)}:`,
        ...listed,
      ];
    case 'several':
      return [
        `one of these ${conclusion.changes.length} broke it, with a probability of ${percent(conclusion.probability)}; nothing between them can be tested:`,
        ...listed,
      ];
    case 'environment':
      return [
        `it is bad before all of them, with a probability of ${percent(conclusion.probability)}: the good commit fails too, today.`,
        'Take an older --good, or look at what has changed on this machine.',
      ];
    case 'flaky':
      return flakyLines(conclusion.probability, search);
    default: {
      const parts = conclusion.causes.map(
        ({ kind, changes, probability }) =>
          `${kind === 'changes' ? `${changes.length === 1 ? 'one commit' : `${changes.length} commits`}` : kind} ${percent(probability)}`,
      );
      return [
        `no single commit could be named; what is likeliest: ${parts.slice(0, 8).join(', ')}`,
        ...listed,
      ];
    }
  }
}

/** What was seen, not the rate that is believed: that one is never 0. */
function flakyLines(probability: number, { tallies, question }: Search): readonly string[] {
  const bad = tallies.reduce((sum, one) => sum + one.bad, 0);
  const all = tallies.reduce((sum, one) => sum + one.bad + one.good, 0);
  if (bad > 0)
    return [
      `it only flakes, with a probability of ${percent(probability)}: ${bad} of ${all} trials were bad, and no commit began it.`,
    ];
  const last = tallyOf(tallies, question.changes).good;
  return [
    `it never failed: all ${all} trials were good, ${last} of them of the bad commit.`,
    'Look whether the command tells good from bad, and whether that commit is bad on this machine.',
  ];
}

function costLines({ spent, verification, conclusion }: Search): readonly string[] {
  const silent = spent.nothing === 0 ? '' : `, ${spent.nothing} without an answer`;
  const counted = `${spent.search} trials to find it, ${spent.verify} to verify it${silent}`;
  if (verification === undefined || (conclusion?.kind !== 'culprit' && conclusion?.kind !== 'several'))
    return [`${spent.search} trials${silent}`];
  const { badWith, goodWith, badWithout, goodWithout } = verification;
  return [
    `with it ${badWith} of ${badWith + goodWith} were bad, without it ${badWithout} of ${badWithout + goodWithout}`,
    counted,
  ];
}

function againLines({ commits, script, brought }: Bisection, conclusion: Conclusion): readonly string[] {
  if (conclusion.kind !== 'culprit' && conclusion.kind !== 'several') return [];
  // Of several only the last can be tested.
  const commit = short(commits[conclusion.changes.at(-1) ?? 0] ?? '');
  const steps = [
    `git worktree add --detach ../again ${commit}`,
    'cd ../again',
    ...(brought === undefined ? [] : [`install -D ${quoted(brought.from)} ${quoted(brought.place)}`]),
    script.map(quoted).join(' '),
  ];
  return [`see it again: ${steps.join(' && ')}`];
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function short(commit: string): string {
  return commit.slice(0, 12);
}

/** Never 100 %: nothing is certain here. */
function percent(share: number): string {
  const text = (100 * share).toFixed(share > 0.995 ? 3 : share > 0.1 ? 0 : 1);
  return Number(text) >= 100 ? 'over 99.999 %' : `${text} %`;
}
