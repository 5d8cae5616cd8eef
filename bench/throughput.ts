import { readFileSync } from 'node:fs';
import { type LabHost, sshdHosts } from '../test/lab.js';
import { pause } from './parts/grid.js';
import { PlainHost, type Recording } from './parts/replay.js';
import { asked, report } from './parts/report.js';
import { startTrial, type Trial } from './parts/whole-grid.js';

/**
 * Runs of a trivial test per second over many ssh hosts, against a plain ssh2 loop that sends the same bytes over
 * as many open connections, one run at a time per host: the loop before and after the grid, their mean. Both begin
 * with connections open, and the grid's time runs from before the submission is sent until the last verdict.
 */
const options = asked({ runs: 10_000, hosts: 100 });
/** The loop need not last as long as the grid to be as exact. */
const LOOP_RUNS = Math.max(options.hosts * 5, Math.min(options.runs, 2_000));

/** Attempts are numbered over all hosts: working folders of hosts that are one machine must differ. */
let attempt = 1;

const hosts = await sshdHosts(options.hosts);
try {
  const trial = await startTrial(hosts.map((host, n) => ({ name: `h${n}`, transport: host.transport })));
  try {
    const figures = await compare(trial, hosts);
    process.exitCode = report('throughput', figures, options) ? 0 : 1;
  } finally {
    await trial.stop();
  }
} finally {
  await Promise.all(hosts.map((host) => host.stop()));
}

async function compare(trial: Trial, over: readonly LabHost[]) {
  // Opens every connection and shows what a run is.
  const warm = await timeGrid(trial, over.length * 2);
  const recordings = await trial.recordingOf(warm.submission, '900001');
  const before = await timeLoop(recordings, over);
  // The loop took its time: connections that nobody used may have been closed.
  await timeGrid(trial, over.length * 2);
  const cpu = cpuSeconds(trial.grid.pid);
  const grid = await timeGrid(trial, options.runs);
  const gridCpu = cpuSeconds(trial.grid.pid) - cpu;
  const after = await timeLoop(recordings, over);
  const loop = (before + after) / 2;
  return {
    per_second: { value: grid.perSecond },
    ratio_to_same_execs: { value: grid.perSecond / loop, bound: { kind: 'least', than: 0.6 } },
    loop_per_second: { value: loop },
    loop_before: { value: before },
    loop_after: { value: after },
    grid_cpu_ms_per_run: { value: (gridCpu * 1000) / options.runs },
  } as const;
}

async function timeGrid(trial: Trial, runs: number): Promise<{ submission: string; perSecond: number }> {
  const from = Date.now();
  const submission = await trial.submit(runs);
  for (;;) {
    const { rows } = await trial.database.query<{ done: boolean }>(
      `SELECT run_count IS NOT NULL AND NOT EXISTS (SELECT FROM queue) AS done FROM submission WHERE id = $1`,
      [submission],
    );
    if (rows[0]?.done) break;
    await pause(200);
  }
  await trial.checkPassed(submission, runs);
  const { rows } = await trial.database.query<{ last: number }>(
    `SELECT extract(epoch FROM max(judged_at))::float8 * 1000 AS last FROM run WHERE submission_id = $1`,
    [submission],
  );
  const ms = (rows[0]?.last ?? Number.NaN) - from;
  return { submission, perSecond: (runs * 1000) / ms };
}

async function timeLoop(recordings: readonly Recording[], over: readonly LabHost[]): Promise<number> {
  const plain: PlainHost[] = [];
  for (const [n, host] of over.entries())
    plain.push(await PlainHost.open(host.transport, `${900_002 + n}.1`));
  await Promise.all(plain.map((host) => host.replay(recordings, ++attempt)));
  let left = LOOP_RUNS;
  const from = performance.now();
  await Promise.all(
    plain.map(async (host) => {
      while (left-- > 0) await host.replay(recordings, ++attempt);
    }),
  );
  const seconds = (performance.now() - from) / 1000;
  for (const host of plain) host.close();
  return LOOP_RUNS / seconds;
}

/** What a process has used of the processors so far. */
function cpuSeconds(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
