import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Store } from '../../src/store/store.js';
import { type FreshDatabase, freshDatabase } from '../database.js';

let database: FreshDatabase;
let store: Store;
let host: string;
let testId: string;

beforeAll(async () => {
  database = await freshDatabase();
  store = await Store.open(database.url, { poolSize: 4 });
  testId = await one(
    `INSERT INTO test (project_id, name, digest, spec, requirement, requirement_key)
     VALUES (1, 'a test', 'd', '{}', '', '') RETURNING id`,
  );
});
beforeEach(async () => {
  host = await one(
    `INSERT INTO host (name, pool_id, transport, seats) VALUES (gen_random_uuid()::text, 1, '{}', 2) RETURNING id`,
  );
});
afterAll(async () => {
  await store?.close();
  await database?.drop();
});

/** The one `id` that a statement gives. */
async function one(sql: string, parameters: readonly unknown[] = []): Promise<string> {
  const [row] = await store.rows<{ id: string }>(sql, parameters);
  if (row === undefined) throw new Error(`No row came of ${sql}`);
  return row.id;
}

/** What the database answers to a statement that it should refuse: its code and the name of the broken rule. */
async function refusal(sql: string, parameters: readonly unknown[] = []): Promise<string> {
  try {
    await store.rows(sql, parameters);
  } catch (error) {
    const { code, constraint } = (error as { driverError: { code: string; constraint?: string } })
      .driverError;
    return constraint === undefined ? code : `${code} ${constraint}`;
  }
  return 'accepted';
}

const VERDICT_ONCE = 'TY001';
const NO_SUCH_SEAT = 'TY002';
const APPEND_ONLY = 'TY003';
const unique = (constraint: string) => `23505 ${constraint}`;
const check = (constraint: string) => `23514 ${constraint}`;

/** What an attempt has behind it. */
const PROOF = {
  chain_done_at: 'grid_now()',
  tags_verified_at: 'grid_now()',
  test_started_at: 'grid_now()',
  ended_at: 'grid_now()',
  outcome: `'ended'`,
};

async function makeRun(): Promise<string> {
  return await one(
    `INSERT INTO run (project_id, submission_id, test_id, test_name, requirement_key)
     VALUES (1, 1, $1, 'a test', '') RETURNING id`,
    [testId],
  );
}

async function makeAttempt(run: string, proof: Partial<typeof PROOF>): Promise<string> {
  const columns = Object.keys(proof);
  return await one(
    `INSERT INTO attempt (run_id, number, lease_id, plan ${columns.map((c) => `, ${c}`).join('')})
     VALUES ($1, 1, 1, '[]' ${Object.values(proof)
       .map((v) => `, ${v}`)
       .join('')}) RETURNING id`,
    [run],
  );
}

const SAY = `UPDATE run SET verdict = $2, reason = 'because', judged_at = grid_now(), verdict_attempt = $3 WHERE id = $1`;

describe('a verdict', () => {
  test('is accepted with an attempt that proves it', async () => {
    const run = await makeRun();
    const attempt = await makeAttempt(run, PROOF);
    expect(await refusal(SAY, [run, 'passed', attempt])).toBe('accepted');
  });

  describe.each(['passed', 'failed', 'skipped'])('%s', (verdict) => {
    test('is refused without an attempt', async () => {
      const run = await makeRun();
      expect(await refusal(SAY, [run, verdict, null])).toBe(VERDICT_ONCE);
      expect(await refusal(SAY, [run, verdict, '123456789'])).toBe(VERDICT_ONCE);
    });

    test("is refused with another run's attempt", async () => {
      const other = await makeRun();
      const attempt = await makeAttempt(other, PROOF);
      expect(await refusal(SAY, [await makeRun(), verdict, attempt])).toBe(VERDICT_ONCE);
    });

    test.each([
      ['the chain did not succeed', 'chain_done_at'],
      ['the tags were not seen after it', 'tags_verified_at'],
      ['the test never started', 'test_started_at'],
    ] as const)('is refused where %s', async (_, missing) => {
      const run = await makeRun();
      const { [missing]: __, ...rest } = PROOF;
      expect(await refusal(SAY, [run, verdict, await makeAttempt(run, rest)])).toBe(VERDICT_ONCE);
    });

    test('is refused while the attempt has not ended', async () => {
      const run = await makeRun();
      const { ended_at: _, outcome: __, ...rest } = PROOF;
      expect(await refusal(SAY, [run, verdict, await makeAttempt(run, rest)])).toBe(VERDICT_ONCE);
    });

    test('is refused for a run that is born with it', async () => {
      const born = `INSERT INTO run (project_id, submission_id, test_id, test_name, requirement_key, verdict, reason,
        judged_at, verdict_attempt) VALUES (1, 1, $1, 'a test', '', $2, 'because', grid_now(), 1)`;
      expect(await refusal(born, [testId, verdict])).toBe(VERDICT_ONCE);
    });

    test('is refused where a run without a verdict gets one after all', async () => {
      const run = await makeRun();
      await store.rows(
        `UPDATE run SET verdict = 'none', no_verdict = 'expired', reason = 'late', judged_at = grid_now() WHERE id = $1`,
        [run],
      );
      const attempt = await makeAttempt(run, PROOF);
      const after = `UPDATE run SET verdict = $2, no_verdict = NULL, verdict_attempt = $3 WHERE id = $1`;
      expect(await refusal(after, [run, verdict, attempt])).toBe(VERDICT_ONCE);
    });
  });

  test.each([
    ['verdict', `verdict = 'failed'`],
    ['reason', `reason = 'another'`],
    ['attempt', `verdict_attempt = verdict_attempt + 1`],
    ['moment', `judged_at = judged_at + interval '1 s'`],
    ['existence', `verdict = NULL, reason = NULL, judged_at = NULL, verdict_attempt = NULL`],
  ])('never changes its %s', async (_, change) => {
    const run = await makeRun();
    await store.rows(SAY, [run, 'passed', await makeAttempt(run, PROOF)]);
    expect(await refusal(`UPDATE run SET ${change} WHERE id = $1`, [run])).toBe(VERDICT_ONCE);
    expect(await refusal(`UPDATE run SET evidence = '{"seen": true}' WHERE id = $1`, [run])).toBe('accepted');
  });

  test('is written by one of two that try at once', async () => {
    const run = await makeRun();
    const attempt = await makeAttempt(run, PROOF);
    const both = await Promise.all(
      ['passed', 'failed'].map((verdict) => refusal(SAY, [run, verdict, attempt])),
    );
    expect(both.sort()).toEqual([VERDICT_ONCE, 'accepted']);
  });

  test.each([
    ['none without why', `verdict = 'none', reason = 'r', judged_at = grid_now()`, 'run_none_ck'],
    ['a why without a verdict', `no_verdict = 'expired'`, 'run_undone_ck'],
    ['a moment without a verdict', `judged_at = grid_now()`, 'run_undone_ck'],
    ['no reason', `verdict = 'none', no_verdict = 'expired', judged_at = grid_now()`, 'run_done_ck'],
    ['no moment', `verdict = 'none', no_verdict = 'expired', reason = 'r'`, 'run_done_ck'],
    ['an unknown word', `verdict = 'green', reason = 'r', judged_at = grid_now()`, 'run_verdict_ck'],
  ])('with %s is refused', async (_, change, constraint) => {
    const run = await makeRun();
    const answer = await refusal(`UPDATE run SET ${change} WHERE id = $1`, [run]);
    expect(answer).toMatch(/^23514 run_/);
    if (constraint !== 'run_verdict_ck') expect(answer).toBe(check(constraint));
  });
});

describe('a seat', () => {
  let attempts = 0;
  const sit = (seat: number, attempt = ++attempts, role = 'main') =>
    refusal(
      `INSERT INTO host_seat (host_id, seat, run_id, attempt_id, lease_id, role) VALUES ($1, $2, 1, $3, 1, $4)`,
      [host, seat, attempt, role],
    );

  test.each([0, -1, 3, 1000])('%i of a host with two is refused', async (seat) => {
    expect(await sit(seat)).toBe(NO_SUCH_SEAT);
  });

  test('is taken once, even by two at once', async () => {
    expect(await sit(1)).toBe('accepted');
    expect(await sit(1)).toBe(unique('host_seat_pk'));
    expect((await Promise.all([sit(2), sit(2)])).sort()).toEqual([unique('host_seat_pk'), 'accepted']);
  });

  test('cannot be moved beyond the last or onto a taken one', async () => {
    await sit(1);
    await sit(2);
    const move = `UPDATE host_seat SET seat = $2 WHERE host_id = $1 AND seat = 1`;
    expect(await refusal(move, [host, 3])).toBe(NO_SUCH_SEAT);
    expect(await refusal(move, [host, 2])).toBe(unique('host_seat_pk'));
  });

  test('is one for each role of an attempt', async () => {
    const attempt = ++attempts;
    expect(await sit(1, attempt)).toBe('accepted');
    expect(await sit(2, attempt)).toBe(unique('host_seat_attempt_uq'));
    expect(await sit(2, attempt, 'client')).toBe('accepted');
  });

  test.each([0, 1001])('count of %i is no count', async (seats) => {
    expect(await refusal('UPDATE host SET seats = $2 WHERE id = $1', [host, seats])).toBe(
      check('host_seats_ck'),
    );
  });
});

describe('history', () => {
  const tell = `INSERT INTO history (kind, subject, actor, at) VALUES ('k', 's', 'a', $1)`;

  test.each([
    ['of this month', () => new Date()],
    ['of a month without a partition', () => new Date('2001-01-01T00:00:00Z')],
  ])('%s is neither changed nor deleted', async (_, at) => {
    await store.rows(tell, [at()]);
    expect(await refusal(`UPDATE history SET actor = 'nobody'`)).toBe(APPEND_ONLY);
    expect(await refusal(`UPDATE history SET at = at - interval '1 year'`)).toBe(APPEND_ONLY);
    expect(await refusal(`DELETE FROM history`)).toBe(APPEND_ONLY);
  });

  test('is no more changed through a partition, nor emptied', async () => {
    await store.rows(tell, [new Date('2001-01-01T00:00:00Z')]);
    expect(await refusal(`DELETE FROM history_default`)).toBe(APPEND_ONLY);
    expect(await refusal(`UPDATE history_default SET actor = 'nobody'`)).toBe(APPEND_ONLY);
    expect(await refusal(`TRUNCATE history`)).toBe(APPEND_ONLY);
  });
});

describe('the queue', () => {
  let runs = 1000;
  const enqueue = (columns: string, values: string) =>
    refusal(
      `INSERT INTO queue (run_id, project_id, purpose, test_id, demand ${columns && `, ${columns}`})
       VALUES (${++runs}, 1, 'test', ${testId}, 'd' ${values && `, ${values}`})`,
    );

  test.each([
    ['waiting', '', ''],
    ['running with an attempt and a lease', 'state, attempt_id, lease_id', `'running', 1, 1`],
    ['held by an incident until a deadline', 'state, incident_id, deadline', `'held', 1, grid_now()`],
    ['running and ended', 'state, attempt_id, lease_id, ended', `'running', 2, 1, '{}'`],
  ])('takes a run that is %s', async (_, columns, values) => {
    expect(await enqueue(columns, values)).toBe('accepted');
  });

  test.each([
    ['running without an attempt', 'state', `'running'`, 'queue_running_ck'],
    ['waiting with an attempt', 'attempt_id, lease_id', '3, 1', 'queue_running_ck'],
    [
      'held with an attempt',
      'state, attempt_id, lease_id, incident_id, deadline',
      `'held', 3, 1, 1, grid_now()`,
      'queue_running_ck',
    ],
    ['running without a lease', 'state, attempt_id', `'running', 3`, 'queue_lease_ck'],
    ['waiting with a lease', 'lease_id', '1', 'queue_lease_ck'],
    ['held by nothing', 'state, deadline', `'held', grid_now()`, 'queue_held_ck'],
    ['held for ever', 'state, incident_id', `'held', 1`, 'queue_held_ck'],
    ['ended without having run', 'ended', `'{}'`, 'queue_ended_ck'],
    ['in a state nobody knows', 'state', `'lost'`, 'queue_state_ck'],
  ])('refuses a run that is %s', async (_, columns, values, constraint) => {
    expect(await enqueue(columns, values)).toBe(check(constraint));
  });

  test('has a run once, and an attempt once', async () => {
    expect(await enqueue('state, attempt_id, lease_id', `'running', 77, 1`)).toBe('accepted');
    expect(await enqueue('state, attempt_id, lease_id', `'running', 77, 1`)).toBe(unique('queue_attempt_uq'));
    runs--;
    expect(await enqueue('', '')).toBe('accepted');
    runs--;
    expect(await enqueue('', '')).toBe(unique('queue_pk'));
  });
});

describe('a lease', () => {
  const grant = (executor: string, more = { columns: '', values: '' }) =>
    refusal(
      `INSERT INTO lease (executor_id, incarnation, version, capacity, expires_at ${more.columns})
       VALUES ($1, gen_random_uuid(), '1.0', 1, grid_now() ${more.values})`,
      [executor],
    );
  const makeExecutor = () => one('INSERT INTO executor (name) VALUES (gen_random_uuid()::text) RETURNING id');

  test('lives once for each executor, even where two ask at once', async () => {
    const executor = await makeExecutor();
    expect((await Promise.all([grant(executor), grant(executor)])).sort()).toEqual([
      unique('lease_live_uq'),
      'accepted',
    ]);
    await store.rows(`UPDATE lease SET ended_at = grid_now(), end_reason = 'over' WHERE executor_id = $1`, [
      executor,
    ]);
    expect(await grant(executor)).toBe('accepted');
    const revive = `UPDATE lease SET ended_at = NULL, end_reason = NULL WHERE executor_id = $1 AND ended_at IS NOT NULL`;
    expect(await refusal(revive, [executor])).toBe(unique('lease_live_uq'));
  });

  test('does not end without a reason, nor has one before its end', async () => {
    const executor = await makeExecutor();
    expect(await grant(executor, { columns: ', ended_at', values: ', grid_now()' })).toBe(
      check('lease_end_ck'),
    );
    expect(await grant(executor, { columns: ', end_reason', values: `, 'over'` })).toBe(
      check('lease_end_ck'),
    );
  });
});
