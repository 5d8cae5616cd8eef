import type { SearchDetail } from '../http/contract.js';
import { Failure } from './failure.js';
import { ago, type Cell, type Screen } from './screen.js';
import { causeName, showPins, stateOf } from './searches.js';
import type { Setting } from './setting.js';

/** One search with all that is known of it. */
export async function search(setting: Setting, id: string | undefined): Promise<number> {
  const { client } = setting;
  if (id === undefined)
    throw new Failure('name the search: testyard search q12 (testyard searches lists them)');
  return say(setting, await client.search(wanted(id)));
}

/** What `search start` can be told. */
export interface StartOptions {
  readonly good?: string;
  readonly bad?: string;
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  readonly predicate?: string;
  readonly consequences?: boolean;
  readonly why?: string;
  readonly project?: string;
}

/** A person begins a search. */
export async function startSearch(setting: Setting, test: string, options: StartOptions): Promise<number> {
  const { good, bad, from, to, ...rest } = options;
  const hasRuns = good !== undefined && bad !== undefined;
  if (hasRuns === (from !== undefined && to !== undefined))
    throw new Failure(
      'say two runs, or versions: testyard search start TEST --good r12 --bad r34, or --from lab/foo=1.2 --to lab/foo=1.4',
    );
  const between = hasRuns
    ? { good, bad }
    : { from: versions('--from', from ?? []), to: versions('--to', to ?? []) };
  return say(setting, await setting.client.startSearch({ test, ...between, ...rest }));
}

/** What `search guide` can be told. */
export interface GuideOptions {
  readonly exclude?: readonly string[];
  readonly weigh?: readonly string[];
}

/** A person says what they know of it. */
export async function guideSearch(
  setting: Setting,
  id: string,
  { exclude = [], weigh = [] }: GuideOptions,
): Promise<number> {
  const factors = weigh.map((text) => {
    const found = /^(c[1-9][0-9]*)=([0-9.]+)$/.exec(text);
    if (found === null) throw new Failure(`--weigh ${text}: it is a change and a number, like c9=5`);
    return [found[1], Number(found[2])];
  });
  for (const change of exclude)
    if (!/^c[1-9][0-9]*$/.test(change))
      throw new Failure(`--exclude ${change}: changes are like c7 (testyard search ${id} lists them)`);
  const body = { exclude, weigh: Object.fromEntries(factors) };
  return say(setting, await setting.client.guideSearch(wanted(id), body));
}

/** A person ends a search. */
export async function stopSearch(setting: Setting, id: string): Promise<number> {
  return say(setting, await setting.client.stopSearch(wanted(id)));
}

function wanted(id: string): string {
  if (!/^q[1-9][0-9]*$/.test(id))
    throw new Failure(`'${id}' is no search: they are like q12 (testyard searches)`);
  return id;
}

function versions(option: string, given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      if (at < 1 || at === text.length - 1)
        throw new Failure(`${option} ${text}: it is a component and a version, like lab/foo=1.2`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

function say({ screen, json }: Setting, found: SearchDetail): number {
  if (json) screen.json(found);
  else showSearch(screen, found);
  return 0;
}

function showSearch(screen: Screen, found: SearchDetail): void {
  const { id, test, predicate, spent, expected, line, closedAt } = found;
  const what = { fails: `${test} fails`, refused: 'nothing can be put in', lost: 'hosts are lost' }[
    predicate
  ];
  screen.line(`${screen.paint('strong', id)} which of ${line.length} changes it is that ${what}`);
  screen.table([
    ['state', stateOf(found)],
    [closedAt === undefined ? 'why' : 'answer', found.why],
    [
      'begun',
      `${ago(found.openedAt)} by ${found.actor}${found.intake === undefined ? '' : `, for ${found.intake}`}`,
    ],
    ...(closedAt === undefined ? [] : [['over', ago(closedAt)]]),
    [
      'cost',
      `${spent.cost} so far: ${spent.search} trials told something, ${spent.verify} verified, ${spent.nothing} told nothing`,
    ],
    ...(closedAt === undefined
      ? [['to come', `about ${Math.ceil(expected)} trials, ${found.pending} of them under way`]]
      : []),
    ...(found.verified === undefined ? [] : [['verified', verifiedWords(found.verified)]]),
  ]);
  showBelief(screen, found);
  showTrials(screen, found);
  showFollowed(screen, found);
}

function verifiedWords(seen: NonNullable<SearchDetail['verified']>): string {
  const { badWith, goodWith, badWithout, goodWithout } = seen;
  return `with it ${badWith} of ${badWith + goodWith} bad, without it ${badWithout} of ${badWithout + goodWithout}`;
}

const BAR = 30;

function showBelief(screen: Screen, { likeliest, closedAt, partnerOf }: SearchDetail): void {
  if (likeliest.length === 0) return;
  screen.line(closedAt === undefined ? '\nlikely by now' : '\nlikely at its end');
  screen.table(
    likeliest.map((cause) => [
      `  ${'#'.repeat(Math.max(1, Math.round(cause.probability * BAR))).padEnd(BAR)}`,
      cause.probability.toFixed(3),
      cause.changes.length === 1 ? (cause.changes[0]?.id ?? '') : '',
      causeName(cause, partnerOf),
    ]),
  );
}

function showTrials(screen: Screen, { trials, line }: SearchDetail): void {
  if (trials.length === 0) {
    screen.line('\nno trial yet');
    return;
  }
  screen.line(`\ntrials, by how many of the ${line.length} changes were in`);
  screen.table(
    trials.map((trial): (Cell | string)[] => [
      `  ${trial.id}`,
      `${trial.state} in`,
      trial.for === 'search' ? '' : trial.for,
      outcomeCell(trial.outcome),
      trial.host,
      trial.run ?? '',
      trial.reason ?? '',
    ]),
  );
}

function outcomeCell(outcome: string | undefined): Cell {
  if (outcome === undefined) return { text: 'under way', tone: 'quiet' };
  if (outcome === 'good') return { text: outcome, tone: 'good' };
  return { text: outcome, tone: outcome === 'bad' || outcome === 'lost' ? 'bad' : 'warn' };
}

function showFollowed(screen: Screen, { pins, accusations, told, closedAt }: SearchDetail): void {
  if (pins.length > 0) {
    screen.line('\nheld back');
    showPins(screen, pins);
  }
  for (const one of accusations)
    screen.line(`\n${one.component} ${one.version} (${one.change}) of ${one.owner}: ${answerWords(one)}`);
  if (closedAt === undefined) return;
  screen.line(told.length === 0 ? '\nno letter was written' : '\ntold');
  screen.table(
    told.map(({ message, kind, via, to, sentAt, givenUpAt }) => [
      `  ${message}`,
      kind,
      via.replace('_', ' '),
      to,
      sentAt !== undefined
        ? { text: `sent ${ago(sentAt)}`, tone: 'good' as const }
        : { text: givenUpAt === undefined ? 'waits' : `given up ${ago(givenUpAt)}`, tone: 'warn' as const },
    ]),
  );
}

function answerWords(one: SearchDetail['accusations'][number]): string {
  const { answer, detail, answeredBy, until, upheldBy } = one;
  if (answer === undefined)
    return upheldBy === undefined ? 'no answer yet' : `theirs after all, decided ${upheldBy}`;
  const by = `, says ${answeredBy}`;
  if (answer === 'not_mine') return `not theirs${by}: withdrawn${detail ? ` (${detail})` : ''}`;
  const rest = until === undefined ? '' : `snoozed until ${until}`;
  return answer === 'fixed_in' ? `fixed in ${detail}${by}${rest === '' ? '' : `; ${rest}`}` : `${rest}${by}`;
}
