import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { lightHosts } from '../test/lab.js';
import type { Api } from './parts/grid.js';
import { pause } from './parts/grid.js';
import { LEFTOVERS, type Leftover } from './parts/leftovers.js';
import { asked, dice, report } from './parts/report.js';
import { startTrial } from './parts/whole-grid.js';

/**
 * Pairs of tests on one light host: one leaves something behind, the other may come to grief by it, or by what an
 * earlier pair left. What lies about is kept account of here, so that it is known when somebody's leftover is in
 * somebody's way: only then must the host be restored. Some tests of the second kind fail in truth, and must stay red.
 */
const options = asked({ pairs: 312 });
const TRULY_RED = 0.05;
/** How often the second test of a pair minds what the first one left. */
const MINDED = 0.6;
const STEPS = `steps:
  pristine:
    layer: image
    owner: images@example.org
    gives: [pristine]
    cost: 5s
    timeout: 2m
    restore: minbase
    no_undo: the next image takes its place
`;
const TAGS = 'tags:\n  pristine:\n    meaning: The image was put back.\n';

const folder = await mkdtemp(path.join(tmpdir(), 'testyard-contamination-'));
const restores = path.join(folder, 'restores');
const [host] = await lightHosts(1);
if (host === undefined || host.restore.kind !== 'command') throw new Error('one light host was asked for');
try {
  await writeFile(restores, '');
  // Each restore leaves a mark that nobody can argue with.
  const counting = ['/bin/sh', '-c', 'echo restored >>"$0"; exec "$@"', restores, ...host.restore.command];
  const one = { name: host.name, transport: host.transport, restore: counting };
  const trial = await startTrial([one], { tags: TAGS, steps: STEPS });
  try {
    process.exitCode = (await campaign(trial.api)) ? 0 : 1;
  } finally {
    await trial.stop();
  }
} finally {
  await host.stop();
  await rm(folder, { recursive: true, force: true });
}

interface Run {
  readonly verdict: string;
  readonly reason: string;
  readonly marks: readonly string[];
}

async function campaign(api: Api): Promise<boolean> {
  const roll = dice(options.seed);
  const pick = <One>(some: readonly One[]): One => some[Math.floor(roll() * some.length)] as One;
  const lying = new Set<string>();
  const counts = {
    false_reds: 0,
    lost_reds: 0,
    unanswered: 0,
    needed: 0,
    done: 0,
    contaminated: 0,
    polluters_not_passed: 0,
  };
  for (let pair = 0; pair < options.pairs; pair++) {
    const left = LEFTOVERS[pair % LEFTOVERS.length] as Leftover;
    const says = pick(['dirties: nothing', 'dirties: use', 'dirties: boot', 'dirties: packages', undefined]);
    const polluter = await carryOut(api, `leaves-${left.name}`, left.leave, says);
    if (polluter.verdict !== 'passed') {
      counts.polluters_not_passed++;
      console.log(`pair ${pair}: leaves-${left.name} ${polluter.verdict}: ${polluter.reason}`);
    }
    if (left.ends !== true) lying.add(left.name);
    const isTrulyRed = roll() < TRULY_RED;
    const minded = roll() < MINDED ? left : pick(LEFTOVERS);
    const before = await restored();
    const name = isTrulyRed ? `truly-red-${pair}` : `minds-${minded.name}`;
    const run = await carryOut(
      api,
      name,
      isTrulyRed ? 'echo broken; exit 5' : minded.mind,
      'dirties: nothing',
    );
    const isInTheWay = lying.has(minded.name);
    if (isTrulyRed || isInTheWay) counts.needed++;
    const done = (await restored()) - before;
    counts.done += done;
    if (done > 0) lying.clear();
    if (run.marks.includes('contaminated')) counts.contaminated++;
    const isWrong = isTrulyRed ? run.verdict !== 'failed' : run.verdict !== 'passed';
    if (isWrong) counts[isTrulyRed ? 'lost_reds' : run.verdict === 'failed' ? 'false_reds' : 'unanswered']++;
    if (isWrong || done !== Number(isTrulyRed || isInTheWay))
      console.log(
        `pair ${pair}: ${left.name} (${says ?? 'says nothing'}), then ${name}: ${run.verdict}: ${run.reason}; ${done} restores`,
      );
  }
  return report(
    'contamination',
    {
      pairs: { value: options.pairs, bound: { kind: 'least', than: 300 } },
      false_reds: { value: counts.false_reds, bound: { kind: 'exactly', than: 0 } },
      restores_over_needed: { value: counts.done / counts.needed, bound: { kind: 'most', than: 1.2 } },
      lost_reds: { value: counts.lost_reds, bound: { kind: 'exactly', than: 0 } },
      unanswered: { value: counts.unanswered },
      restores: { value: counts.done },
      restores_needed: { value: counts.needed },
      marked_contaminated: { value: counts.contaminated },
      polluters_not_passed: { value: counts.polluters_not_passed, bound: { kind: 'exactly', than: 0 } },
    },
    options,
  );
}

async function restored(): Promise<number> {
  return (await readFile(restores, 'utf8')).split('\n').length - 1;
}

/** Submits one test and waits for its verdict. */
async function carryOut(api: Api, name: string, script: string, dirties: string | undefined): Promise<Run> {
  const header = dirties === undefined ? '' : `# testyard: ${dirties}\n`;
  const content = Buffer.from(`#!/bin/sh\n${header}\n${script}\n`).toString('base64');
  const { id } = await api.ask<{ id: string }>('POST', '/api/v1/submissions', {
    tests: [{ file: { name: `${name}.sh`, content } }],
  });
  for (let waited = 0; ; waited += 50) {
    const { items } = await api.ask<{ items: (Run & { state: string })[] }>(
      'GET',
      `/api/v1/runs?submission=${id}`,
    );
    const [run] = items;
    if (run?.state === 'done') return run;
    if (waited > 180_000) throw new Error(`${name} has no verdict: ${run?.state} ${run?.reason}`);
    await pause(50);
  }
}
