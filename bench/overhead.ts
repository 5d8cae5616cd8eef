import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sshdHosts } from '../test/lab.js';
import { pause } from './parts/grid.js';
import { PlainHost } from './parts/replay.js';
import { asked, quantile, report } from './parts/report.js';
import { VerdictClock } from './parts/verdict-clock.js';
import { startTrial } from './parts/whole-grid.js';

/**
 * What the grid adds to a run: from before the submission is sent over HTTP until another connection to the
 * database reads the verdict, which the grid writes while the host is tidied up; until the seat is free is told beside
 * it. Against a plain ssh2 loop that sends the same bytes to the same sshd. Runs of both
 * take turns, so that the noise of the machine falls on both. Then the commands of some runs are counted by the
 * host itself.
 */
const options = asked({ runs: 300 });
const COUNTED = 20;
const WARM_UP = 20;

const [host, counting] = await sshdHosts(2);
if (host === undefined || counting === undefined) throw new Error('two hosts were asked for');
try {
  const times = await compare();
  const execs = await count();
  const [grid, loop] = [times.map((t) => t.gridMs), times.map((t) => t.loopMs)];
  const over = (share: number) => quantile(grid, share) - quantile(loop, share);
  const held = report(
    'overhead',
    {
      execs_per_run: { value: execs, bound: { kind: 'most', than: 3 } },
      over_same_execs_ms_p50: { value: over(0.5), bound: { kind: 'most', than: 20 } },
      over_same_execs_ms_p99: { value: over(0.99), bound: { kind: 'most', than: 100 } },
      over_same_execs_ms_p10: { value: over(0.1) },
      grid_ms_p50: { value: quantile(grid, 0.5) },
      until_seat_free_ms_p50: {
        value: quantile(
          times.map((t) => t.freeMs),
          0.5,
        ),
      },
      grid_ms_p99: { value: quantile(grid, 0.99) },
      loop_ms_p50: { value: quantile(loop, 0.5) },
      loop_ms_p99: { value: quantile(loop, 0.99) },
    },
    options,
  );
  process.exitCode = held ? 0 : 1;
} finally {
  await Promise.all([host.stop(), counting.stop()]);
}

/** One round: until the verdict and until the seat is free in the grid, and the loop's. */
interface Times {
  readonly gridMs: number;
  readonly freeMs: number;
  readonly loopMs: number;
}

async function compare(): Promise<Times[]> {
  const trial = await startTrial([{ name: 'ready', transport: hostOf(0) }]);
  try {
    const clock = await VerdictClock.open(trial.databaseUrl);
    const warm = await trial.submit(1);
    await clock.verdictOf(warm);
    const recordings = await trial.recordingOf(warm, '900001');
    const plain = await PlainHost.open(hostOf(0), '900002.1');
    let attempt = 1;
    const runGrid = async () => {
      const from = performance.now();
      const submission = await trial.submit(1);
      const gridMs = (await clock.verdictOf(submission)) - from;
      // The loop must not pay for what the grid still does on the host, nor the next run of the grid.
      const freeMs = (await clock.freeAfter(submission)) - from;
      await trial.checkPassed(submission, 1);
      return { gridMs, freeMs };
    };
    const runLoop = async () => {
      const from = performance.now();
      await plain.replay(recordings, ++attempt);
      return performance.now() - from;
    };
    const times: Times[] = [];
    for (let round = 0; round < WARM_UP + options.runs; round++) {
      // Each in turn goes first; a moment between them, so that neither pays for what the other left to do.
      let grid: Omit<Times, 'loopMs'> | undefined;
      if (round % 2 === 0) {
        grid = await runGrid();
        await pause(25);
      }
      const loopMs = await runLoop();
      await pause(25);
      if (grid === undefined) {
        grid = await runGrid();
        await pause(25);
      }
      if (round >= WARM_UP) times.push({ ...grid, loopMs });
    }
    plain.close();
    await clock.close();
    return times;
  } finally {
    await trial.stop();
  }
}

/** Channels per run as sshd saw them: the key of this host is bound to a command that leaves a mark each time. */
async function count(): Promise<number> {
  const transport = hostOf(1);
  const marks = path.join(tmpdir(), `testyard-execs-${process.pid}`);
  const command = `printf x >>${marks}; exec /bin/sh -c \\"$SSH_ORIGINAL_COMMAND\\"`;
  const key = await readFile(`${transport.keyFile}.pub`, 'utf8');
  await writeFile(`${transport.keyFile}.pub`, `command="${command}" ${key}`);
  const trial = await startTrial([{ name: 'counting', transport }]);
  try {
    const clock = await VerdictClock.open(trial.databaseUrl);
    for (let run = 0; run < COUNTED; run++) {
      const submission = await trial.submit(1);
      await clock.verdictOf(submission);
      await trial.checkPassed(submission, 1);
    }
    await clock.close();
    if (!existsSync(marks)) throw new Error('the host counted nothing');
    return (await readFile(marks)).length / COUNTED;
  } finally {
    await trial.stop();
    await rm(marks, { force: true });
  }
}

function hostOf(index: 0 | 1) {
  const found = [host, counting][index];
  if (found === undefined) throw new Error('two hosts were asked for');
  return found.transport;
}
