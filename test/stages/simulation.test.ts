import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/domain/outcome.js';
import type { Assignment } from '../../src/protocol/messages.js';
import { aHost, aStep, aTag, aTest, exit, lostIn, TestGrid } from './test-grid.js';

/** What holds after every beat, whatever happened. */
const INVARIANTS: readonly [string, string][] = [
  [
    'a run is in the queue or has its verdict, never both, never neither',
    `SELECT r.id FROM run r LEFT JOIN queue q ON q.run_id = r.id WHERE (q.run_id IS NULL) = (r.verdict IS NULL)`,
  ],
  [
    'seats are taken by running attempts, and each of those has one',
    `SELECT q.run_id FROM queue q FULL JOIN host_seat s ON s.run_id = q.run_id AND s.attempt_id = q.attempt_id
     WHERE (s.run_id IS NOT NULL) <> (coalesce(q.state, '') = 'running')`,
  ],
  [
    'a verdict has its proof',
    `SELECT r.id FROM run r LEFT JOIN attempt a ON a.run_id = r.id AND a.id = r.verdict_attempt
     WHERE r.verdict <> 'none' AND num_nulls(a.chain_done_at, a.tags_verified_at, a.test_started_at) > 0`,
  ],
  [
    'nothing waits without a reason',
    `SELECT q.run_id FROM queue q LEFT JOIN demand d ON d.key = q.demand
     WHERE q.state = 'waiting' AND (d.key IS NULL OR d.reason = '' OR q.reason = '')`,
  ],
  [
    'what is held is held by an incident that is open',
    `SELECT q.run_id FROM queue q LEFT JOIN incident i ON i.id = q.incident_id AND i.closed_at IS NULL
     WHERE q.state = 'held' AND i.id IS NULL`,
  ],
  [
    'one check at most of each incident',
    `SELECT incident_id FROM queue WHERE purpose = 'recovery' GROUP BY 1 HAVING count(*) > 1`,
  ],
];

const CHAIN_FAILED: Outcome = {
  kind: 'chain_failed',
  step: 'make-svc',
  layer: 'use',
  result: 'failed',
  message: 'no',
};
const SETUP_FAILED: Outcome = { kind: 'setup_failed', result: 'failed', message: 'no disk' };

/** How an attempt goes, where it can go so. */
function outcomeFor(assignment: Assignment, n: number): Outcome {
  if (n === 0 && assignment.places[0]?.chain.some((s) => s.name === 'make-svc')) return CHAIN_FAILED;
  if (n === 1 && assignment.test.setup !== undefined) return SETUP_FAILED;
  const some = [exit(1), lostIn('connect'), lostIn('test'), lostIn('test', true), exit(99), exit(77)];
  return some[n - 2] ?? exit(0);
}

async function live(choices: readonly (readonly [number, number, number])[]): Promise<void> {
  const grid = await TestGrid.open({
    tags: [aTag('svc')],
    steps: [aStep('make-svc', 'svc')],
    hosts: [aHost('one'), aHost('two', { seats: 2 }), aHost('three', { pool: 'other' })],
    tests: [
      aTest('plain'),
      aTest('needs-svc', { requirement: 'svc' }),
      aTest('sets-up', { setup: 'prepare' }),
    ],
  });
  const open: Assignment[] = [];
  const check = async () => {
    for (const [what, sql] of INVARIANTS) expect(await grid.store.rows(sql), what).toEqual([]);
    expect(grid.logged.filter((line) => !line.includes('without a beat'))).toEqual([]);
  };
  const end = async (outcome: (a: Assignment) => Outcome, index: number) => {
    open.push(...(await grid.take()));
    const [one] = open.splice(index % Math.max(open.length, 1), 1);
    if (one !== undefined) await grid.end(one, outcome(one));
  };
  try {
    for (const name of ['one', 'two', 'three']) grid.sees.set(name, { svc: 'absent' });
    await grid.lookAtHosts();
    const runs: string[] = [];
    for (const [what, a, b] of choices) {
      if (what < 5) await end((one) => outcomeFor(one, a), b);
      else if (what < 7) {
        const name = ['plain', 'needs-svc', 'sets-up'][a % 3] ?? 'plain';
        const timeoutS = b % 4 === 0 ? { timeoutS: 100 } : {};
        runs.push(...(await grid.submit([name, name], timeoutS)));
      } else if (what === 7) {
        await grid.executorStarts();
        open.length = 0;
      } else if (what === 8) {
        await grid.pass(a * 10);
        open.push(...(await grid.take()).filter((x) => !open.some((o) => o.attempt === x.attempt)));
      } else {
        const victim = runs[b % Math.max(runs.length, 1)];
        if (victim !== undefined) await grid.cancel(victim, 'somebody');
      }
      await grid.beat();
      await check();
    }
    // From now on everything works: what was accepted comes to its end.
    await grid.executorStarts();
    open.length = 0;
    for (let i = 0; i < 400; i++) {
      await grid.beat();
      const work = await grid.take();
      for (const one of work) await grid.end(one, exit(0));
      const [left] = await grid.store.rows<{ n: number }>(`SELECT count(*)::integer AS n FROM queue`);
      if (left?.n === 0) break;
      if (work.length === 0) await grid.pass(i < 300 ? 60 : 86_400);
    }
    await check();
    const undone = await grid.store.rows(`SELECT id FROM run WHERE verdict IS NULL`);
    expect(undone).toEqual([]);
    const said = await grid.store.rows(
      `SELECT run_id FROM history WHERE kind = 'run.done' GROUP BY run_id HAVING count(*) <> 1`,
    );
    expect(said).toEqual([]);
  } finally {
    await grid.close();
  }
}

describe('whatever happens', () => {
  it('every run comes to exactly one verdict, and the books are right after every beat', async () => {
    const choice = fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 13 }), fc.nat({ max: 7 }));
    const lives = fc.array(choice, { minLength: 60, maxLength: 100 });
    await fc.assert(fc.asyncProperty(lives, live), { numRuns: 3, endOnFailure: true });
  });
});
