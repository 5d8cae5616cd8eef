/**
 * The crash campaign: everything that can die dies, again and again, while runs with known right verdicts go
 * through; then the books are checked. What is broken and when comes from the seed; the machine's own timing does not.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Campaign } from './parts/campaign.js';
import { ApiRefusal, patiently, pause } from './parts/grid.js';
import { KINDS, type Living, living, PHASES, type Phase } from './parts/injections.js';
import { asked, dice, type Figure, report } from './parts/report.js';
import { type Trial, trial } from './parts/trials.js';

const run = asked({ injections: 220, outage: 1, underway: 200, load: 40, keep: 0 });
const roll = dice(run.seed);
const say = (line: string) => console.error(`${new Date().toISOString().slice(11, 19)}  ${line}`);

const trials = new Map<string, Trial>();
let made = 0;

function newTrials(count: number, seconds: number): Trial[] {
  return Array.from({ length: count }, () => {
    made += 1;
    return trial(made, roll, seconds);
  });
}

let submissions = 0;
async function submit(campaign: Campaign, batch: readonly Trial[]): Promise<void> {
  for (const one of batch) trials.set(one.name, one);
  const body = { name: 'campaign', tests: batch.map(({ file }) => ({ file })) };
  // The same key again and again until it is accepted: what an outage interrupts is neither lost nor doubled.
  const key = { 'idempotency-key': `campaign-${run.seed}-${++submissions}` };
  await patiently('submitting', 120_000, () => campaign.api.ask('POST', '/api/v1/submissions', body, key));
}

async function outstanding(campaign: Campaign): Promise<number> {
  return patiently('counting', 120_000, async () => {
    const [row] = await campaign.rows<{ n: string }>(
      `SELECT (SELECT count(*) FROM queue WHERE purpose = 'test') + coalesce((SELECT sum(cardinality(tests)) FROM submission
         WHERE unfolded_at IS NULL AND purpose = 'test'), 0) AS n`,
    );
    return Number(row?.n);
  });
}

/** Waits until an attempt is in the phase asked for; takes any other one after a while. */
async function victim(campaign: Campaign, phase: Phase): Promise<Living> {
  const until = performance.now() + 3_000;
  for (;;) {
    const all = await living(campaign).catch((): Living[] => []);
    const fit = all.filter((one) => one.phase === phase);
    const found = fit[Math.floor(roll() * fit.length)] ?? (performance.now() > until ? all[0] : undefined);
    if (found !== undefined) return found;
    await pause(30);
  }
}

/** Writes under every lease that has died, as an executor that slept past it would; counts what is let in. */
async function writeUnderDeadLeases(campaign: Campaign, tried: Set<string>): Promise<number> {
  const dead = await campaign.rows<{ lease: string; attempt: string; run: string; executor: string }>(
    `SELECT l.id AS lease, a.id AS attempt, a.run_id AS run, x.name AS executor FROM lease l
     JOIN executor x ON x.id = l.executor_id JOIN attempt a ON a.lease_id = l.id
     WHERE l.ended_at IS NOT NULL AND a.outcome = 'executor_lost'`,
  );
  let accepted = 0;
  for (const one of dead.filter((d) => !tried.has(d.attempt))) {
    const secret = campaign.executorTokens.get(one.executor) ?? '';
    const event = {
      kind: 'ended',
      end: {
        outcome: { kind: 'ended', exit: { kind: 'exited', code: 0 }, missing: { needed: [], underTest: [] } },
        teardown: 'none',
      },
      places: [],
    };
    const body = {
      lease: one.lease,
      entries: [{ run: one.run, attempt: one.attempt, seq: 1, event }],
      segments: [],
    };
    const headers = { authorization: `Bearer ${secret}` };
    try {
      const answer = await campaign.api.ask<{ attempts: { refused?: string }[] }>(
        'POST',
        '/executor/v1/report',
        body,
        headers,
      );
      if (answer.attempts.some((a) => a.refused === undefined)) accepted++;
    } catch (error) {
      if (!(error instanceof ApiRefusal) || error.status !== 409) continue;
    }
    tried.add(one.attempt);
  }
  return accepted;
}

const points = new Map<string, number>();
let injections = 0;
let duringAttempts = 0;

/** Each kind as often as its weight says. */
const KINDS_BY_WEIGHT = KINDS.flatMap((kind) => Array.from({ length: kind.weight }, () => kind));

/** What is being broken at the moment. */
const busyWith = new Set<string>();

async function inject(campaign: Campaign): Promise<void> {
  const underWay = new Set<Promise<void>>();
  while (injections < run.injections) {
    const waiting = await outstanding(campaign);
    if (waiting < run.load) await submit(campaign, newTrials(run.load - waiting, 1.2));
    const kind = KINDS_BY_WEIGHT[Math.floor(roll() * KINDS_BY_WEIGHT.length)];
    const phase = PHASES[Math.floor(roll() * PHASES.length)] ?? 'test';
    if (kind === undefined) throw new Error('there are kinds');
    const found = await victim(campaign, phase);
    const thing = kind.name.replace(/-(killed|stopped|cut|frozen)$/, '');
    if (busyWith.has(thing) || underWay.size >= 2) {
      await Promise.race(underWay);
      continue;
    }
    busyWith.add(thing);
    injections++;
    duringAttempts++;
    const point = `${kind.name}@${found.phase}`;
    points.set(point, (points.get(point) ?? 0) + 1);
    const work = kind
      .strike(campaign, found, roll)
      .catch((error: unknown) => say(`${point}: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => {
        busyWith.delete(thing);
        underWay.delete(work);
      });
    underWay.add(work);
    if (injections % 20 === 0) say(`${injections} injections, ${trials.size} runs submitted`);
    await pause(200 + roll() * 900);
  }
  await Promise.all(underWay);
}

/** PostgreSQL is away for 30 s while many runs are under way: nothing of them may be done twice. */
async function outage(campaign: Campaign): Promise<number> {
  await patiently('quiet', 300_000, async () => {
    if ((await outstanding(campaign)) > 0) throw new Error('runs are still under way');
  });
  const batch = newTrials(run.underway, 25).filter((t) => t.right === 'passed');
  await submit(campaign, batch);
  const names = batch.map((t) => t.name);
  const running = async () => {
    const [row] = await campaign.rows<{ n: number }>(
      `SELECT count(*)::integer AS n FROM queue q JOIN run r ON r.id = q.run_id WHERE q.state = 'running' AND r.test_name = ANY($1)`,
      [names],
    );
    return row?.n ?? 0;
  };
  await patiently('many runs', 60_000, async () => {
    if ((await running()) < names.length * 0.95) throw new Error('not yet');
  });
  const [newest] = await campaign.rows<{ id: string }>(`SELECT last_value AS id FROM attempt_id_seq`);
  say(`PostgreSQL is away for 30 s with ${await running()} runs under way`);
  injections++;
  duringAttempts++;
  points.set('postgres-away-30s@test', 1);
  await campaign.killPostgres(30_000);
  await drained(campaign);
  const [row] = await campaign.rows<{ n: number }>(
    `SELECT count(*)::integer AS n FROM attempt a JOIN run r ON r.id = a.run_id WHERE r.test_name = ANY($1) AND a.id > $2`,
    [names, newest?.id],
  );
  return row?.n ?? 0;
}

async function drained(campaign: Campaign): Promise<void> {
  let last = Number.NaN;
  let quietSince = performance.now();
  for (;;) {
    const left = await outstanding(campaign);
    if (left === 0) return;
    if (left !== last) quietSince = performance.now();
    last = left;
    if (performance.now() - quietSince > 240_000) {
      say(`${left} runs never end`);
      return;
    }
    await pause(500);
  }
}

async function check(
  campaign: Campaign,
  stale: { tried: number; accepted: number },
  repeated: number | undefined,
): Promise<boolean> {
  const runs = await campaign.rows<{
    id: string;
    name: string;
    verdict: string | null;
    reason: string | null;
    done: number;
  }>(
    `SELECT r.id, r.test_name AS name, r.verdict, r.reason,
       (SELECT count(*)::integer FROM history h WHERE h.run_id = r.id AND h.kind = 'run.done') AS done
     FROM run r WHERE r.purpose = 'test'`,
  );
  const shared = await campaign.rows<{ n: number }>(
    `SELECT count(*)::integer AS n FROM attempt WHERE detail #>> '{outcome,exit,code}' = '55'`,
  );
  let sharedOnHosts = shared[0]?.n ?? 0;
  for (const host of campaign.hosts) {
    const { stdout } = await host.exec('cat /var/tmp/ty-shared 2>/dev/null | wc -l');
    sharedOnHosts += Number(stdout.trim()) || 0;
  }
  const [books] = await campaign.rows<{ seats: number; open: number }>(
    `SELECT (SELECT count(*)::integer FROM host_seat s WHERE NOT EXISTS (
         SELECT FROM queue q WHERE q.attempt_id = s.attempt_id)) AS seats,
       (SELECT count(*)::integer FROM attempt a JOIN run r ON r.id = a.run_id
        WHERE r.purpose = 'test' AND a.ended_at IS NULL AND r.verdict IS NOT NULL) AS open`,
  );
  const of = (name: string) => trials.get(name)?.right;
  const right = runs.filter((r) => r.verdict === of(r.name)).length;
  const wrong = runs.filter((r) => r.verdict !== null && r.verdict !== 'none' && r.verdict !== of(r.name));
  const reds = runs.filter((r) => of(r.name) === 'failed');
  for (const r of runs.filter((one) => one.verdict !== of(one.name)))
    say(`r${r.id} ${r.name}: ${r.verdict} (${r.reason})`);
  const figures: Record<string, Figure> = {
    runs: { value: runs.length },
    injections: { value: injections, bound: { kind: 'least', than: Math.min(run.injections, 200) } },
    during_attempts: { value: duringAttempts / injections, bound: { kind: 'least', than: 0.5 } },
    points: {
      value: points.size,
      bound: { kind: 'least', than: Math.min(12, Math.floor(run.injections / 4)) },
    },
    lost: {
      value: trials.size - runs.filter((r) => r.verdict !== null).length,
      bound: { kind: 'exactly', than: 0 },
    },
    judged_twice: { value: runs.filter((r) => r.done > 1).length, bound: { kind: 'exactly', than: 0 } },
    // A verdict may come before the end of its attempt, which must come all the same.
    ends_lost: { value: books?.open ?? -1, bound: { kind: 'exactly', than: 0 } },
    seats_lost: { value: books?.seats ?? -1, bound: { kind: 'exactly', than: 0 } },
    host_shared: { value: sharedOnHosts, bound: { kind: 'exactly', than: 0 } },
    wrong_verdicts: { value: wrong.length, bound: { kind: 'exactly', than: 0 } },
    true_reds_kept: {
      value: reds.filter((r) => r.verdict === 'failed').length / Math.max(reds.length, 1),
      bound: { kind: 'exactly', than: 1 },
    },
    right_verdicts: { value: right / Math.max(runs.length, 1), bound: { kind: 'least', than: 0.99 } },
    stale_writes_tried: {
      value: stale.tried,
      bound: { kind: 'least', than: Math.min(10, Math.floor(run.injections / 20)) },
    },
    stale_writes_accepted: { value: stale.accepted, bound: { kind: 'exactly', than: 0 } },
    ...(repeated === undefined
      ? {}
      : { repeated_by_outage: { value: repeated, bound: { kind: 'exactly' as const, than: 0 } } }),
  };
  if (!run.json)
    for (const [point, count] of [...points].sort()) console.log(`  ${point.padEnd(40)} ${count}`);
  return report('crash', figures, run);
}

const campaign = await Campaign.build({ many: 8, seats: Math.ceil(run.underway / 8), pristine: 3 });
let held = false;
// Whoever asks this to end does not want its hosts, database and processes left behind.
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => {
    say(
      `ended by ${signal} after ${injections} injections; under way: ${[...busyWith].join(', ') || 'none'}`,
    );
    void campaign.end(true).finally(() => process.exit(1));
  });
try {
  say(`the grid is up in ${campaign.folder}; ${campaign.hosts.length} hosts`);
  const tried = new Set<string>();
  let accepted = 0;
  let going = true;
  const stale = (async () => {
    while (going) {
      accepted += await writeUnderDeadLeases(campaign, tried).catch(() => 0);
      await pause(700);
    }
  })();
  await inject(campaign);
  const repeated = run.outage === 1 ? await outage(campaign) : undefined;
  await drained(campaign);
  going = false;
  await stale;
  accepted += await writeUnderDeadLeases(campaign, tried);
  held = await check(campaign, { tried: tried.size, accepted }, repeated);
  writeFileSync(path.join(campaign.folder, 'points.json'), JSON.stringify([...points]));
} finally {
  await campaign.end(!held || run.keep === 1);
  if (!held) say(`logs are kept in ${campaign.folder}`);
}
process.exit(held ? 0 : 1);
