import { asked, nextTrials, openSearch, told as toldTrial } from '../src/domain/culprit/search.js';
import { dice, asked as options, quantile, report } from './parts/report.js';
import { arriving, ChangingGrid, changing, commitOf, has, isOwn } from './sim/changing-grid.js';
import { startSimDatabase } from './sim/database.js';
import type { Fate, Piece } from './sim/fate.js';

/**
 * Breakages whose cause whoever injects them knows, in a grid whose hosts are made up and whose scheduler, stages, desk
 * and database are the real ones, in set time. In each round every package has a new version; one round in two has a
 * change that breaks a test, the others a pair, a change that kills hosts or cannot be put in, a bad commit of the test
 * itself, or nothing that is a change's fault at all. What the grid accuses, holds back and takes in is held against the truth.
 */
const { breakages, packages, hosts, seed, json } = options({ breakages: 60, packages: 24, hosts: 8 });
const roll = dice(seed);
const PACKAGES = Array.from({ length: packages }, (_, n) => `p${n + 1}`);
const TESTS = ['one', 'two', 'three'];
const STEP_S = 1200;
const MOST_S = 6 * 3600;

type Kind =
  | 'change'
  | 'pair'
  | 'kills'
  | 'refused'
  | 'own_commit'
  | 'flaky'
  | 'environment'
  | 'bad_host'
  | 'mirror'
  | 'nothing';
const KINDS: readonly (readonly [Kind, number])[] = [
  ...([
    ['change', 0.38],
    ['pair', 0.1],
    ['kills', 0.08],
    ['refused', 0.07],
    ['own_commit', 0.07],
    ['flaky', 0.1],
  ] as const),
  ...([
    ['environment', 0.06],
    ['bad_host', 0.05],
    ['mirror', 0.05],
    ['nothing', 0.04],
  ] as const),
];

interface Truth {
  readonly kind: Kind;
  readonly version: string;
  /** Packages that do harm, together; or the test whose own new commit does. */
  readonly culprits: readonly string[];
  readonly test: string;
  /** How often the test fails though all is good, and passes though it is bad. */
  readonly rates: { readonly a: number; readonly b: number };
  readonly fromS: number;
}

const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(roll() * items.length)] as Item;
let truth: Truth | undefined;

function rollTruth(round: number, fromS: number): Truth {
  let left = roll();
  const kind =
    KINDS.find(([, share]) => {
      left -= share;
      return left < 0;
    })?.[0] ?? 'nothing';
  const first = pick(PACKAGES);
  const second = pick(PACKAGES.filter((name) => name !== first));
  const test = pick(TESTS);
  const culprits =
    kind === 'pair'
      ? [first, second]
      : kind === 'change' || kind === 'kills' || kind === 'refused'
        ? [first]
        : kind === 'own_commit'
          ? [test]
          : [];
  const rates = { a: pick([0, 0, 0.02, 0.05]), b: pick([0, 0, 0.1, 0.3, 0.5]) };
  return { kind, version: String(round), culprits, test, rates, fromS };
}

const fate: Fate = (piece: Piece) => {
  if (truth === undefined) return undefined;
  const { kind, version, culprits, test, rates, fromS } = truth;
  const isOwnCommit = kind === 'own_commit' && commitOf(piece) === version;
  const isBad = isOwnCommit || (culprits.length > 0 && culprits.every((name) => has(piece, name, version)));
  const puts = piece.what === 'chain' && piece.step?.action.kind === 'packages';
  if (puts && kind === 'bad_host' && piece.host.name === 'h2')
    return { result: 'failed', message: 'disk full' };
  if (puts && kind === 'mirror' && piece.atS > fromS + 200 && piece.atS < fromS + 1500)
    return { result: 'failed', message: 'the mirror does not answer' };
  if (puts && kind === 'refused' && piece.step?.action.kind === 'packages')
    if (piece.step.action.install.some((one) => one.name === culprits[0] && one.version === version))
      return { result: 'failed', message: 'what the packages depend on does not go together', refused: true };
  if (!isOwn(piece)) return undefined;
  if (kind === 'kills' && isBad) return { lost: { error: 'timeout', message: 'no answer' } };
  if (piece.assignment.test.name !== test) return undefined;
  if (kind === 'environment' && piece.atS < fromS + 4 * 3600) return { exit: 1 };
  if (kind === 'flaky') return roll() < 0.3 ? { exit: 1 } : undefined;
  if (kind !== 'change' && kind !== 'pair' && kind !== 'own_commit') return undefined;
  return roll() < (isBad ? 1 - rates.b : rates.a) ? { exit: 1 } : undefined;
};

const database = await startSimDatabase();
const inventory = changing(PACKAGES, hosts, TESTS);
const grid = await ChangingGrid.open({ url: database.url, inventory, fate }, { rollbacksPerDay: 1000 });
const count = { real: 0, found: 0, wrong: 0, rollbacks: 0, wrongRollbacks: 0, accusations: 0 };
const trials: number[] = [];
const known: number[] = [];
let nowS = 10;
grid.arrive(
  nowS,
  PACKAGES.map((name) => arriving(name, '0')),
);
await grid.watchTests({ rollbacksPerDay: 1000 });
await grid.sim.run({ untilS: 300 });
nowS = 600;
for (let round = 1; round <= breakages; round++) {
  truth = rollTruth(round, nowS);
  const before = await seen();
  grid.arrive(
    nowS,
    PACKAGES.map((name) => arriving(name, String(round))),
  );
  // One round in two brings a new commit of one of the tests too, which is bad where that is the kind.
  if (truth.kind === 'own_commit' || roll() < 0.5) grid.commit(nowS, truth.test, String(round));
  const endS = nowS + MOST_S;
  do {
    nowS += STEP_S;
    await grid.sim.run({ untilS: nowS });
  } while (nowS < endS && (await grid.isBusy()));
  const after = await seen();
  if (judge(truth, before, after) && !json) await tellHow(before);
  nowS += 60;
}

interface Seen {
  readonly accused: readonly string[];
  readonly pinned: readonly string[];
  readonly trials: number;
  /** The newest intake and search. */
  readonly intake: string;
  readonly search: string;
}

async function seen(): Promise<Seen> {
  const [row] = await grid.sim.store.rows<Seen>(
    // Of a test the version is a digest; its commit is in its title.
    `WITH named AS (SELECT id, component_id, coalesce(substring(title FROM '^commit (\\S+) of '), version) AS version FROM change)
     SELECT coalesce((SELECT array_agg(split_part(k.name, '/', 2) || ' ' || c.version ORDER BY a.id) FROM accusation a
         JOIN named c ON c.id = a.change_id JOIN component k ON k.id = c.component_id), '{}') AS accused,
       coalesce((SELECT array_agg(split_part(k.name, '/', 2) || ' ' || c.version ORDER BY p.id) FROM pin p
         JOIN named c ON c.id = p.change_id JOIN component k ON k.id = c.component_id), '{}') AS pinned,
       (SELECT count(*)::integer FROM trial WHERE outcome IN ('good', 'bad', 'other', 'lost')) AS trials,
       (SELECT coalesce(max(id), 0) FROM intake) AS intake, (SELECT coalesce(max(id), 0) FROM search) AS search`,
  );
  return row ?? { accused: [], pinned: [], trials: 0, intake: '0', search: '0' };
}

/** What became of everything that was tried and searched for since. */
async function tellHow({ intake, search }: Seen): Promise<void> {
  const rows = await grid.sim.store.rows<{ readonly said: string }>(
    `SELECT said FROM (
       SELECT opened_at, 'intake of ' || watch || ': ' || state || ', ' || coalesce(why, '') AS said FROM intake WHERE id > $1
       UNION ALL
       SELECT opened_at, 'search of what ' || predicate || ': ' || coalesce(why, 'open') FROM search WHERE id > $2) AS all_that
     ORDER BY opened_at`,
    [intake, search],
  );
  for (const { said } of rows) console.log(`  ${said}`);
}

/** Counts what came of a round; true: it was not as it should be. */
function judge({ kind, culprits, version, rates }: Truth, before: Seen, after: Seen): boolean {
  const guilty = new Set(culprits.map((name) => `${name} ${version}`));
  const accused = after.accused.slice(before.accused.length);
  const pinned = after.pinned.slice(before.pinned.length);
  const isFound = guilty.size > 0 && accused.some((one) => guilty.has(one));
  const wrong = accused.filter((one) => !guilty.has(one));
  count.accusations += accused.length;
  count.wrong += wrong.length > 0 ? 1 : 0;
  count.rollbacks += pinned.length;
  count.wrongRollbacks += pinned.some((one) => !guilty.has(one)) ? 1 : 0;
  if (guilty.size > 0) count.real += 1;
  if (isFound) count.found += 1;
  const spent = after.trials - before.trials;
  if (kind === 'change' && isFound) {
    trials.push(spent);
    known.push(trialsAtKnownRates(PACKAGES.indexOf(culprits[0] ?? '') + 1, rates));
  }
  const isMisjudged = wrong.length > 0 || (guilty.size > 0 && !isFound);
  if (!json && isMisjudged)
    console.log(
      `round ${version}: ${kind} ${[...guilty].join(' + ')} (a ${rates.a}, b ${rates.b}): accused ${accused.join(', ') || 'nobody'}, ${spent} trials`,
    );
  return isMisjudged;
}

/** What the same hunt takes one host that is told the rates. */
function trialsAtKnownRates(culprit: number, { a, b }: Truth['rates']): number {
  let search = openSearch({
    kind: 'line',
    changes: packages,
    rates: { a: Math.max(a, 0.002), b: Math.max(b, 0.002) },
  });
  for (let n = 0; n < 500 && search.phase !== 'done'; n++) {
    const next = nextTrials(search, [{ name: 'h' }]);
    if (next.length === 0) break;
    search = asked(search, next);
    for (const trial of next) {
      const isBad = trial.state >= culprit;
      search = toldTrial(search, { trial: trial.id, outcome: roll() < (isBad ? 1 - b : a) ? 'bad' : 'good' });
    }
  }
  return search.spent.search + search.spent.verify;
}

await grid.sim.close();
await database.stop();
for (const line of grid.sim.logged.slice(0, 5)) console.error(line);
const share = (part: number, all: number) => (all === 0 ? 0 : part / all);
const median = (all: number[]) => (all.length === 0 ? 0 : quantile(all, 0.5));
const held = report(
  'accusations',
  {
    wrong_accusations: { value: share(count.wrong, breakages), bound: { kind: 'most', than: 0.01 } },
    wrong_rollbacks: { value: share(count.wrongRollbacks, breakages), bound: { kind: 'most', than: 0.002 } },
    found: { value: share(count.found, count.real), bound: { kind: 'least', than: 0.97 } },
    trials_median: { value: median(trials) },
    trials_vs_known_rates: { value: share(median(trials), median(known)) },
    breakages: { value: breakages },
    real: { value: count.real },
    accusations: { value: count.accusations },
  },
  { seed, json },
);
process.exitCode = held ? 0 : 1;
