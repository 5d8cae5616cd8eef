import { dice, asked as options, report } from './parts/report.js';
import { arriving, ChangingGrid, changing, has, isOwn } from './sim/changing-grid.js';
import { startSimDatabase } from './sim/database.js';
import type { Fate } from './sim/fate.js';

/**
 * What is left for everybody else while changes are searched for a culprit: a grid that never runs out of unrelated work,
 * in set time. Counted are unrelated tests begun per host and hour while searches are open and while none is, in turns.
 * In each round two changes break two tests in part of their runs, so that several searches want hosts at the same time.
 */
const { rounds, packages, hosts, seed, json, percent } = options({
  ...{ rounds: 3, packages: 40, hosts: 12, percent: 25 },
});
const share = percent / 100;
const roll = dice(seed);
const PACKAGES = Array.from({ length: packages }, (_, n) => `p${n + 1}`);
const RUN_S = 120;
const QUIET_S = 3600;
const MOST_S = 12 * 3600;

let broken: readonly (readonly [test: string, name: string])[] = [];
let version = '0';
/** When each unrelated test began, in set time. */
const begun: number[] = [];
const fate: Fate = (piece) => {
  if (!isOwn(piece)) return undefined;
  const { name } = piece.assignment.test;
  if (name === 'unrelated') {
    begun.push(piece.atS);
    return { takesS: RUN_S };
  }
  const culprit = broken.find(([test]) => test === name)?.[1];
  const isBad = culprit !== undefined && has(piece, culprit, version);
  return { takesS: RUN_S, ...(isBad && roll() < 0.7 ? { exit: 1 } : {}) };
};

const database = await startSimDatabase();
const declared = changing(PACKAGES, hosts, ['one', 'two', 'unrelated']);
const tests = declared.tests.map((test) => (test.name === 'unrelated' ? { ...test, requirement: '' } : test));
const grid = await ChangingGrid.open(
  { url: database.url, inventory: { ...declared, tests }, fate },
  { rollbacksPerDay: 1000, share },
);
const { sim } = grid;
let nowS = 10;
const arrive = () =>
  grid.arrive(
    nowS,
    PACKAGES.map((name) => arriving(name, version)),
  );
arrive();
nowS = 600;
await sim.run({ untilS: nowS });

/** Lets time pass in which nobody runs out of unrelated work. */
let submitted = 0;
async function pass(seconds: number): Promise<void> {
  for (const endS = nowS + seconds; nowS < endS; ) {
    nowS = Math.min(endS, nowS + 10 * RUN_S);
    for (; submitted < begun.length + 12 * hosts; submitted++)
      sim.submit(sim.nowS + 1, { test: 'unrelated' });
    await sim.run({ untilS: nowS });
  }
}

interface Window {
  readonly fromS: number;
  readonly toS: number;
}
const quiet: Window[] = [];
await pass(600);
for (let round = 1; round <= rounds; round++) {
  const fromS = nowS;
  await pass(QUIET_S);
  quiet.push({ fromS, toS: nowS });
  version = String(round);
  const [first = 0, second = 0] = [roll(), roll()].map((x) => Math.floor(x * packages));
  broken = [
    ['one', PACKAGES[first] ?? ''],
    ['two', PACKAGES[second] ?? ''],
  ];
  arrive();
  const endS = nowS + MOST_S;
  do await pass(10 * RUN_S);
  while (nowS < endS && (await grid.isBusy()));
}

const rows = await sim.store.rows<Window & { isFound: boolean; trials: number }>(
  `SELECT extract(epoch FROM opened_at - timestamptz '2026-01-01Z')::float AS "fromS",
     extract(epoch FROM closed_at - timestamptz '2026-01-01Z')::float AS "toS",
     EXISTS (SELECT FROM accusation a WHERE a.search_id = s.id) AS "isFound",
     (SELECT count(*)::integer FROM trial t WHERE t.search_id = s.id) AS trials
   FROM search s WHERE closed_at IS NOT NULL ORDER BY opened_at`,
);
/** Stretches of time in which at least one of them was open. */
const busy: { fromS: number; toS: number }[] = [];
for (const { fromS, toS } of rows) {
  const last = busy.at(-1);
  if (last === undefined || fromS > last.toS) busy.push({ fromS, toS });
  else last.toS = Math.max(last.toS, toS);
}
await sim.close();
await database.stop();
for (const line of sim.logged.slice(0, 5)) console.error(line);

const lengthS = (all: readonly Window[]) => all.reduce((sum, { fromS, toS }) => sum + toS - fromS, 0);
const perHour = (all: readonly Window[]) => {
  const count = begun.filter((atS) => all.some(({ fromS, toS }) => atS >= fromS && atS < toS)).length;
  return lengthS(all) === 0 ? 0 : (count * 3600) / lengthS(all) / hosts;
};
const ratio = perHour(busy) / perHour(quiet);
const held = report(
  'share',
  {
    ratio: { value: ratio, bound: { kind: 'least', than: 1 - share - 0.05 } },
    per_host_and_hour: { value: perHour(quiet) },
    per_host_and_hour_while_searching: { value: perHour(busy) },
    share: { value: share },
    searches: { value: rows.length, bound: { kind: 'least', than: rounds } },
    culprits_found: { value: rows.filter(({ isFound }) => isFound).length },
    trials: { value: rows.reduce((sum, { trials }) => sum + trials, 0) },
    hours_while_searching: { value: lengthS(busy) / 3600 },
  },
  { seed, json },
);
process.exitCode = held ? 0 : 1;
