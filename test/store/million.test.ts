import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Id } from '../../src/domain/id.js';
import type { Blobs } from '../../src/ports/blobs.js';
import * as access from '../../src/store/access.js';
import * as answering from '../../src/store/answering.js';
import * as assigning from '../../src/store/assigning.js';
import * as blaming from '../../src/store/blaming.js';
import * as blob from '../../src/store/blob.js';
import * as brokenOff from '../../src/store/broken-off.js';
import * as changeLists from '../../src/store/change-lists.js';
import * as changing from '../../src/store/changing.js';
import * as comingBack from '../../src/store/coming-back.js';
import * as disputes from '../../src/store/disputes.js';
import * as drifting from '../../src/store/drifting.js';
import * as environment from '../../src/store/environment.js';
import * as equipping from '../../src/store/equipping.js';
import * as explaining from '../../src/store/explaining.js';
import * as failing from '../../src/store/failing.js';
import * as grid from '../../src/store/grid.js';
import * as halting from '../../src/store/halting.js';
import * as history from '../../src/store/history.js';
import * as holdingBackStore from '../../src/store/holding-back.js';
import * as host from '../../src/store/host.js';
import * as hunting from '../../src/store/hunting.js';
import * as huntsStore from '../../src/store/hunts.js';
import * as incident from '../../src/store/incident.js';
import * as intakesStore from '../../src/store/intakes.js';
import * as judging from '../../src/store/judging.js';
import * as knownBeforeStore from '../../src/store/known-before.js';
import * as lapsing from '../../src/store/lapsing.js';
import * as leader from '../../src/store/leader.js';
import * as learning from '../../src/store/learning.js';
import * as leasing from '../../src/store/leasing.js';
import * as log from '../../src/store/log.js';
import * as newRedsStore from '../../src/store/new-reds.js';
import * as night from '../../src/store/night.js';
import * as otherWords from '../../src/store/other-words.js';
import * as pulsing from '../../src/store/pulse.js';
import * as recording from '../../src/store/recording.js';
import * as reserving from '../../src/store/reserving.js';
import * as run from '../../src/store/run.js';
import * as searches from '../../src/store/searches.js';
import * as sending from '../../src/store/sending.js';
import { type Plans, Store } from '../../src/store/store.js';
import * as submission from '../../src/store/submission.js';
import * as submissionMail from '../../src/store/submission-mail.js';
import * as takingOut from '../../src/store/taking-out.js';
import * as telling from '../../src/store/telling.js';
import * as tests from '../../src/store/test.js';
import * as unfolding from '../../src/store/unfolding.js';
import * as waiting from '../../src/store/waiting.js';
import * as watching from '../../src/store/watching.js';
import * as world from '../../src/store/world.js';
import { type FreshDatabase, freshDatabase } from '../database.js';
import { attemptId, fillWithAMillion, runId, WORLD } from './million.js';
import { ExplainingStore, type Plan } from './plans.js';

let database: FreshDatabase;
let store: Store;

beforeAll(async () => {
  database = await freshDatabase();
  store = await Store.open(database.url, { poolSize: 5 });
  await fillWithAMillion(store);
}, 300_000);
afterAll(async () => {
  await store?.close();
  await database?.drop();
});

/** How much a function may do, for each thing that it gives, writes or is handed. */
interface Allowance {
  /** Partitions of one table that may be looked into. */
  readonly partitions?: number;
  readonly rowsEach?: number;
  readonly blocksEach?: number;
  /** The queue may be read once from end to end: all of it is asked for, or so much that its index costs more. */
  readonly queue?: true;
}

/** Read whole, a table of up to so many rows costs less than its index. */
const SMALL = 50;

function faults(plan: Plan, allowed: Allowance): string[] {
  const due = plan.due + 1;
  const { partitions = 1, rowsEach = 8, blocksEach = 60 } = allowed;
  const queue = allowed.queue ? 3_000 : 0;
  const rows = 100 + rowsEach * due + 2 * queue;
  const blocks = 300 + blocksEach * due + queue;
  return [
    ...[...plan.whole].flatMap(([table, n]) =>
      n > SMALL && !(allowed.queue && table === 'queue') ? [`reads ${table} from end to end: ${n} rows`] : [],
    ),
    ...[...plan.partitions].flatMap(([table, some]) =>
      some.size > partitions
        ? [`looks into ${some.size} partitions of ${table}: ${[...some].join(', ')}`]
        : [],
    ),
    ...(plan.read > rows ? [`reads ${plan.read} rows, for ${plan.due} at most ${rows}`] : []),
    ...(plan.buffers > blocks ? [`looks at ${plan.buffers} blocks, for ${plan.due} at most ${blocks}`] : []),
  ];
}

const looked = new Set<unknown>();

/** What the scheduler and the desk say, which is planned once. */
const HOT = [
  assigning,
  blaming,
  drifting,
  halting,
  judging,
  lapsing,
  leader,
  learning,
  leasing,
  pulsing,
  recording,
  unfolding,
  waiting,
  world,
];

/** Calls a function of the store as it is called in earnest, and expects each of its statements to be modest. */
function look<Args extends readonly unknown[]>(
  what: string,
  call: (sql: ExplainingStore, ...args: Args) => Promise<unknown>,
  args: Args,
  allowed: Allowance = {},
): void {
  looked.add(call);
  const isHot = HOT.some((module) => Object.values<unknown>(module).includes(call));
  test.each<Plans>(isHot ? ['each', 'once'] : ['each'])(`${call.name} ${what}, planned %s`, async (how) => {
    const plans = await ExplainingStore.watch(store, how, (sql) => call(sql, ...args));
    expect(plans.length).toBeGreaterThan(0);
    const bad = plans.flatMap((plan) =>
      faults(plan, allowed).map((fault) => `${fault}\n${plan.sql.trim()}\n${plan.text}`),
    );
    expect(bad.join('\n\n')).toBe('');
  });
}

const RUNNING = WORLD.firstRunning;
const running = Array.from({ length: 20 }, (_, i) => RUNNING + i);
const lease = (n: number): Id => String(3001 + (n % 20));
const all = 'all' as const;
const twoProjects: readonly Id[] = ['3', '4'];
const place = (n: number) => ({ run: runId(n), attempt: attemptId(n), role: 'main' });
/** A quarter into the first partition, in the middle of the second, and in the third. */
const [early, middle, late] = [100_000, 500_000, 900_000];

describe('the heartbeat', () => {
  // What was rolled back here is no work of those that are looked at next.
  afterAll(() => store.rows('VACUUM queue'));

  look('', pulsing.pulse, [], { queue: true });
  look('', leader.lead, ['holder', 5000]);
  look('', leader.stepDown, ['holder']);
  look('', leader.decide, ['0', async () => undefined]);

  look('', waiting.waitingDemands, [], { rowsEach: 4 });
  look('', waiting.isAnythingWaiting, []);
  look('of all demands', waiting.headOfDemand, [Array.from({ length: 10 }, (_, n) => `demand ${n}`), 50, 5]);
  look('that is as before', waiting.keepAgeing, [3600]);
  look('that is another', waiting.keepAgeing, [60], { queue: true });
  look('', waiting.sayWhy, [[{ key: 'demand 5', code: 'busy', reason: 'all hosts are busy' }]]);
  look('', waiting.holdDemand, ['demand 5', '2000', 'why', 60], { blocksEach: 80 });
  look('', waiting.memoriesOfDemand, ['demand 5']);
  look('', waiting.crashWaits, []);
  look('', waiting.putOn, [[runId(WORLD.waiting)]]);
  look('', waiting.overdue, []);

  look('', assigning.liveExecutors, [], { rowsEach: 30 });
  look('', assigning.unitsTaken, []);
  look('', assigning.limitedResources, []);
  look('', assigning.seatsTaken, []);
  look('', assigning.whoHasSeats, []);
  look('of an attempt', learning.learn, [[{ runId: runId(5), attemptId: attemptId(5) }]]);
  look('', learning.stepExperience, []);
  look(
    '50 at once',
    assigning.assign,
    [
      Array.from({ length: 50 }, (_, i) => ({
        runId: runId(WORLD.firstWaiting + i),
        demand: `demand ${(WORLD.firstWaiting + i) % 10}`,
        lease: lease(i),
        hostId: String(i + 1),
        seat: 7,
        kept: [],
        units: [],
        requirement: '',
        fresh: false,
        handOver: i % 2 === 0,
        place: { host: { name: 'h' }, chain: [] } as never,
      })),
    ],
    { partitions: 2, rowsEach: 12, queue: true },
  );

  look('', assigning.notHandedOut, [running.map((n) => attemptId(n))]);
  look('', judging.endedAttempts, [50], { rowsEach: 20, blocksEach: 100 });
  look('', judging.holdEarly, [running.map(attemptId)]);
  look('', judging.leaveToTheEnd, [running.map(runId)], { queue: true });
  look('on a host that was never restored', judging.ranBefore, ['3', attemptId(RUNNING)], { partitions: 4 });
  look('on a host that was', judging.ranBefore, ['2', attemptId(RUNNING)], { partitions: 4 });
  look(
    'of 20',
    judging.writeVerdicts,
    [
      running.map((n) => ({
        runId: runId(n),
        verdict: 'none' as const,
        noVerdict: 'expired',
        reason: 'r',
        marks: [],
        cases: 0,
      })),
    ],
    { rowsEach: 12, queue: true },
  );
  look(
    'of one from each partition',
    judging.writeVerdicts,
    [
      [WORLD.held + 3400, WORLD.held + 3400 * 100, WORLD.held + 3400 * 250].map((n) => ({
        runId: runId(n),
        verdict: 'none' as const,
        noVerdict: 'held_too_long',
        reason: 'r',
        marks: [],
        cases: 0,
      })),
    ],
    { partitions: 3, queue: true },
  );
  look(
    'of 20',
    judging.putBack,
    [
      running.map((n) => ({
        runId: runId(n),
        demand: 'demand 1',
        memory: {} as never,
        reason: 'again',
        putOff: false,
      })),
    ],
    { queue: true },
  );
  look('', judging.keepRecords, [[{ host: '5', work: 'test', attempt: '9', ok: true }]]);

  look('', lapsing.grantAnew, [60_000]);
  look('', lapsing.lapsedLeases, []);
  look('', lapsing.endLease, ['3001', 'gone', false], { rowsEach: 20 });

  look('', unfolding.pendingSubmissions, [10]);
  look('of 500', unfolding.insertRuns, [
    { id: '2001', projectId: '1', purpose: 'test', priority: 0 },
    Array.from({ length: 500 }, () => ({
      testId: '1',
      testName: 'test 1',
      variant: {},
      variantKey: '',
      target: {},
      requirementKey: 'k',
      demandKey: 'demand 1',
    })),
    [],
  ]);
  look('', unfolding.ensureDemands, [new Map([['demand 1', {} as never]])]);
  look('', unfolding.submitOwnWork, [{ purpose: 'canary', target: { host: 'host 1' }, why: 'w' }]);

  look('', blaming.openIncidents, []);
  look('', blaming.dueChecks, []);
  look('', blaming.recentRecords, []);
  look('', blaming.forgive, ['2010']);
  look('', blaming.overSince, [{ run: '1', attempt: '1', step: 's' }], { partitions: 2 });
  const anIncident = { scope: 'host', hostId: '5', signature: 's', title: 't', owner: 'o' } as const;
  look('', blaming.openIncident, [anIncident]);
  look('', blaming.moveIncident, ['2010', anIncident]);
  look('', blaming.addEvidence, [
    '2010',
    { host: '5', work: 'w', ok: true, run: '1', attempt: '1', signature: '', detail: '' },
  ]);
  look('', blaming.nextCheck, ['2010', 60, true]);
  look('', blaming.closeIncident, ['2007', 'over'], { partitions: 3, rowsEach: 12 });
  look('from all partitions', blaming.releaseHeld, ['2007', 'over'], { partitions: 3, rowsEach: 12 });
  look('', blaming.tellOwner, ['2010', { scope: 'host', owner: 'o', title: 't' }]);
  look('', blaming.tellWhyNot, ['2010', { why: 'w', suspects: ['host 5: 90 %'] }]);
  look('', blaming.ownerOfShared, ['pool', 'default']);
  look('', blaming.ownerOfShared, ['resource', 'mirror']);
  look('', blaming.joinIncident, ['2007', '2010'], { partitions: 3, rowsEach: 12 });
  look('', otherWords.failingOtherwise, ['2010']);
  look('', otherWords.hasFailedOtherwise, ['2010', '1'], { partitions: 4 });
  look('', blaming.lookedAtSince, [60]);
  look('', blaming.setHealth, ['5', 'suspect', 'why']);
  look('', blaming.setPool, ['1', 'halted', 'why']);
  look('', blaming.resumePool, ['1'], { rowsEach: 400 });
  look('', blaming.hostsBeingLookedAt, []);
  look('that halts nothing more', halting.haltAsDeclared, ['2010', { scope: 'host', title: 't' }]);
  look('that halted nothing', halting.liftHalts, ['2010', 'over']);
  look('', drifting.driftsOnRecord, []);
  const aDrift = { name: 'tag 1', instance: '', detail: 'declared, and not there' };
  look('', drifting.writeDrifts, [{ id: '5', name: 'host 5', owner: 'o' }, [], [aDrift]]);

  const readWorld = (sql: ExplainingStore) => new world.WorldReader().read(sql);
  look('', readWorld, []);
  look('', world.okAttempts, []);
});

describe('the desk that records', () => {
  const batch: recording.Batch = {
    progress: running.map((n) => ({
      run: runId(n),
      attempt: attemptId(n),
      seq: 9,
      begun: true,
      chainDone: true,
      verified: true,
      testStarted: true,
      outcome: 'ended',
      detail: {},
      ended: { outcome: { kind: 'cancelled' }, teardown: 'none' },
    })),
    stepsStarted: running.map((n) => ({ ...place(n), seq: 3, kind: 'test', step: 'test' })),
    stepsEnded: running.map((n) => ({ ...place(n), seq: 2, result: 'ok', durationMs: 1, message: '' })),
    cases: running.map((n) => ({ ...place(n), seq: 2, name: 'c', result: 'pass', message: '' })),
    measurements: running.map((n) => ({
      ...{
        run: runId(n),
        attempt: attemptId(n),
        seq: 2,
        caseSeq: 2,
        raw: '5',
        unit: '',
        handler: '',
        name: '',
      },
    })),
    attachments: running.map((n) => ({
      ...{ ...place(n), seq: 1, name: 'f', mediaType: 'text/plain', digest: 'blob 7', bytes: 5, handler: '' },
    })),
    places: running.map((n) => ({ ...place(n), verified: [], outputBytes: 5 })),
    segments: running.map((n) => ({ ...place(n), seq: 21, atByte: 10500, data: 'eHh4' })),
    tags: running.map((n) => ({
      attempt: attemptId(n),
      role: 'main',
      tag: 'tag-3',
      presence: 'absent',
      looks: '',
    })),
  };
  look('', leasing.holdLease, [lease(1)]);
  look('', leasing.mayRegister, [{ executor: 'executor 3', incarnation: 'a new one' }, undefined]);
  look('', leasing.grantLease, ['21', { incarnation: 'a new one', protocol: '1.0', capacity: 5 }, 60_000]);
  look('', leasing.olderLeases, ['3']);
  look('', leasing.renewLease, [lease(1), 60_000, false]);
  look('', leasing.livingAttempts, [lease(1)]);
  look('', recording.handOut, [lease(RUNNING), 20], { rowsEach: 12 });
  look('', recording.lockAttempts, [lease(RUNNING), running.map(attemptId)]);
  look('', recording.endedBy, [
    lease(RUNNING),
    running.map((n) => ({ run: runId(n), attempt: attemptId(n) })),
  ]);
  look('of 20', recording.writeBatch, [batch], { queue: true });
  look('of 20', recording.closeEndings, [batch.progress], { queue: true });
  look('', recording.seeTags, [batch]);
  for (const change of [
    { kind: 'step_started', layer: 'boot' },
    {
      kind: 'step_ok',
      layer: 'boot',
      step: 's',
      key: 'k',
      gives: [],
      restore: true,
      clears: true,
      destroys: ['use'],
    },
    { kind: 'step_failed' },
    { kind: 'used' },
    { kind: 'dirtied', layer: 'boot' },
    { kind: 'looks', fingerprint: {} },
    { kind: 'unordered_boot', found: 'boot id b' },
  ] as const)
    look(change.kind, recording.changeStack, [{ attempt: attemptId(RUNNING), role: 'main', ...change }]);
});

describe('runs', () => {
  const asked = { visible: all, purpose: 'test', limit: 50 } as const;
  // A page needs a row of each of five tables for each run, of which two are counted here.
  const page = { rowsEach: 20, blocksEach: 40, queue: true, partitions: 2 } as const;
  // The partition ahead of the last id is empty, and looked into first.
  const everywhere = { ...page, partitions: 4 };
  look('newest first', run.listRuns, [asked], page);
  look('across a border', run.listRuns, [{ ...asked, before: runId(750_020) }], page);
  look('of two projects', run.listRuns, [{ ...asked, visible: twoProjects }], everywhere);
  look('of a project that was left long ago', run.listRuns, [{ ...asked, visible: [WORLD.old] }], everywhere);
  look('of a test that was left long ago', run.listRuns, [{ ...asked, test: 'gone 3' }], everywhere);
  look('of a test', run.listRuns, [{ ...asked, test: 'test 42' }], everywhere);
  look(
    'of a test in a project',
    run.listRuns,
    [{ ...asked, visible: [WORLD.web], test: 'test 40' }],
    everywhere,
  );
  look('of an old submission', run.listRuns, [{ ...asked, submission: '100' }], everywhere);
  look('that are canaries', run.listRuns, [{ ...asked, purpose: 'canary' }], everywhere);
  look(
    'that are trials, of which there are none',
    run.listRuns,
    [{ ...asked, purpose: 'trial' }],
    everywhere,
  );
  look('that are done', run.listRuns, [{ ...asked, state: 'done' }], page);
  for (const verdict of ['passed', 'failed', 'skipped', 'none'] as const)
    look(`that are ${verdict}`, run.listRuns, [{ ...asked, verdict }], {
      ...page,
      rowsEach: 130,
      blocksEach: 60,
    });
  for (const state of ['waiting', 'held', 'running'] as const)
    look(`that are ${state}`, run.listRuns, [{ ...asked, state }], everywhere);
  look(
    'that wait, of a project without any',
    run.listRuns,
    [{ ...asked, visible: [WORLD.old], state: 'waiting' }],
    everywhere,
  );

  for (const [where, n] of [
    ['first', early],
    ['second', middle],
    ['third', late],
  ] as const) {
    look(`in the ${where} partition`, run.findRun, [all, runId(n)]);
    look(`in the ${where} partition`, run.findRunState, [twoProjects, runId(n)]);
    look(`in the ${where} partition`, run.findRunDetail, [all, runId(n)]);
    look(`in the ${where} partition`, environment.findEnvironment, [all, runId(n)]);
  }
  look('with many cases', run.findRunDetail, [all, runId(WORLD.manyCases)]);
  look('that is not there', run.findRun, [all, '500']);
  look('', run.findAttachment, [all, runId(WORLD.manyCases), 'blob 7']);
  look('', run.cancelRun as never, [{ id: runId(WORLD.waiting), projectId: '1' }, 'me', 'why']);
});

describe('submissions', () => {
  const runs = { partitions: 4, rowsEach: 1100, blocksEach: 1200, queue: true } as const;
  look('newest first', submission.listSubmissions, [all, undefined, 50], runs);
  look('of a project that was left long ago', submission.listSubmissions, [[WORLD.old], undefined, 50], runs);
  look('of a small page', submission.listSubmissions, [all, '1200', 5], runs);
  look('', submission.findSubmission, [all, '1000'], runs);
  look('', submission.projectOfSubmission, [all, '1000']);
  look('of a few submissions', blob.findArtefactBlob, [all, 'blob 7']);
  look('in projects that do not name it', blob.findArtefactBlob, [['99'], 'blob 7']);
  look('', blob.noteUpload, [{ digest: 'fresh', bytes: 1, storedBytes: 1 }]);
  look('of an attempt', blob.isUnderTest, [lease(RUNNING), 'blob 7']);
  look('', submission.blobSizes, [['blob 1', 'blob 70000']]);
  const tx = <Args extends readonly unknown[]>(of: (sql: never, ...args: Args) => Promise<unknown>) =>
    of as (sql: ExplainingStore, ...args: Args) => Promise<unknown>;
  look('', tx(submission.once), [
    { tokenId: '1', key: 'key 4', request: Buffer.from('x') },
    async () => 'done',
  ]);
  look('', submission.answerOf, [{ tokenId: '1', key: 'key 4', request: Buffer.from('x') }]);
  look('', submission.forgetOldKeys, []);
  look('', tx(submission.acceptSubmission), [
    {
      projectId: '1',
      name: '',
      actor: 'me',
      tests: ['1'],
      variants: [{}],
      params: {},
      targets: [{}],
      priority: 0,
      wait: false,
      artefacts: [{ name: 'k', url: 'u' }],
    },
    'default',
  ]);
  look('', tx(submission.retryRun), [{ id: runId(early), projectId: '1' }, 'me']);
  look('', tx(submission.cancelSubmission), [{ id: '1000', projectId: '1' }, 'me', 'why'], {
    partitions: 4,
    rowsEach: 600,
    queue: true,
    blocksEach: 1200,
  });
});

describe('hosts, incidents and the grid', () => {
  look('', host.listHosts, [all, { limit: 300 }]);
  look('a page', host.listHosts, [twoProjects, { after: 'host 2', limit: 50 }]);
  look('', host.findHost, [all, { name: 'host 3' }]);
  look('open ones', incident.listIncidents, [all, { open: true, limit: 50 }], {
    partitions: 3,
    rowsEach: 20,
  });
  look('of two projects', incident.listIncidents, [twoProjects, { limit: 50 }], {
    partitions: 3,
    rowsEach: 20,
  });
  look('', incident.findIncident, [all, '2010'], { partitions: 3, rowsEach: 20 });
  look('', grid.readGrid, [all], { queue: true });
  look('', grid.haltGrid, ['me', 'why', 'kill'], { queue: true });
  look('', grid.resumeGrid, ['me', 'why']);
  look('', grid.answers, []);
  look('', grid.readSources, []);
  look('', grid.readLavaMapping, []);
  look('', grid.findExecutor, ['executor 3']);
  look('', grid.isLeaseOf, ['3001', '1']);
});

describe('what people do', () => {
  const tx = <Args extends readonly unknown[]>(of: (sql: never, ...args: Args) => Promise<unknown>) =>
    of as (sql: ExplainingStore, ...args: Args) => Promise<unknown>;
  const act = { host: '5', who: 'me', why: 'why' };
  look('', tx(comingBack.holdDecisions), []);
  look('', comingBack.cancelOwnWork, ['host 5', 'me'], { queue: true });
  look('', comingBack.leftByPerson, ['5', ['packages']], { rowsEach: 100 });
  look('', tx(comingBack.comeBack), ['5', 'me', 'why'], { rowsEach: 20 });
  look('for maintenance', tx(takingOut.takeOut), ['maintenance', act, true], {
    queue: true,
    partitions: 3,
    rowsEach: 400,
  });
  look('', tx(takingOut.bringBack), ['quarantined', { ...act, host: '6' }], { rowsEach: 100 });
  look('', reserving.projectsOfPool, ['5']);
  look('', tx(reserving.reserve), [{ host: '7', person: 'me', why: 'why', forS: 60, mostS: 60 }], {
    queue: true,
  });
  look(
    '',
    tx(reserving.keepForFailure),
    [{ host: '8', run: runId(late), submission: '1500', person: 'me', forS: 60 }],
    { queue: true },
  );
  look('', reserving.reservationOf, ['7']);
  look('', reserving.reservationsOver, []);
  look('', tx(reserving.endReservation), ['1', 'me'], { rowsEach: 100 });
  look('', tx(reserving.giveBack), ['1', 'me'], { rowsEach: 100 });
  look('', reserving.listReservations, [all], { partitions: 4 });

  look('of 20', failing.redTraces, [running.map((n) => ({ run: runId(n), attempt: attemptId(n) }))], {
    rowsEach: 60,
    blocksEach: 120,
  });
  const known = { projectId: '1', test: 'test 1', signature: 's', link: 'l', why: '', who: 'me' };
  look('', tx(failing.makeKnown), [known]);
  look('', failing.listKnown, [twoProjects, undefined]);
  look('', failing.findKnown, [all, '1']);
  look('', failing.failureOfRun, [twoProjects, runId(middle)]);
  look('', tx(failing.forgetKnown), ['1', 'me']);

  // A submission of the million has 500 runs, wherever they lie.
  const night500 = { partitions: 4, rowsEach: 1100, blocksEach: 1200, queue: true } as const;
  look('', night.nightBefore, ['1000'], { ...night500, rowsEach: 3000 });
  look('', night.nightRuns, ['1000'], { ...night500, rowsEach: 20, blocksEach: 40 });
  look(
    'of 20 whose test was never green',
    night.redSince,
    [Array.from({ length: 20 }, (_, i) => runId(late + 10 * i + 2))],
    { partitions: 4, rowsEach: 1100, blocksEach: 1200 },
  );
  look('', submission.runsWith, ['1000', 'failed'], { ...night500, rowsEach: 40 });
  look(
    '',
    tx(submission.retryRuns),
    [{ id: '1000', projectId: '1' }, [early, middle, late].map(runId), 'me'],
    {
      partitions: 3,
    },
  );
  look('that are finished', submission.listSubmissions, [all, undefined, 5, { finished: true, name: '' }], {
    ...night500,
    rowsEach: 6000,
    blocksEach: 6000,
  });
});

describe('history', () => {
  const asked = { after: history.HISTORY_START, visible: all, tokens: true, limit: 100 } as const;
  // A month is a partition, and an entry is looked for in each: one step down an index.
  const months = { partitions: 6 };
  look('', history.historyEnd, []);
  look('from the start', history.readHistory, [asked], months);
  look('from the middle', history.readHistory, [{ ...asked, after: { txid: '50', id: '0' } }], months);
  look('at the end', history.readHistory, [{ ...asked, after: { txid: '99', id: '900000' } }], months);
  look('of a run', history.readHistory, [{ ...asked, run: runId(late) }], months);
  look('of a large project', history.readHistory, [{ ...asked, visible: [WORLD.web], tokens: false }], {
    ...months,
    rowsEach: 400,
    blocksEach: 400,
  });
});

describe('logs', () => {
  look('', log.findPlace, [all, { run: runId(middle), role: 'main' }]);
  look('of an attempt', log.findPlace, [
    twoProjects,
    { run: runId(late), attempt: attemptId(late), role: 'main' },
  ]);
  look('', log.readOutputState, [place(WORLD.withSegments)], { rowsEach: 20 });
  look('', log.listSegments, [place(WORLD.withSegments), 0]);
  look('', log.readSegments, [place(WORLD.withSegments), 4]);
  const blobs = {
    put: async (bytes: AsyncIterable<Uint8Array>) => {
      for await (const _ of bytes);
      return { digest: 'd', bytes: 1, storedBytes: 1 };
    },
  } as unknown as Blobs;
  look('of 50 places', log.compactOutput as never, [blobs, 50], {
    partitions: 3,
    rowsEach: 30,
    blocksEach: 120,
  });
});

describe('tests and people', () => {
  look('', tests.findTests, ['1', ['test 1', 'test 499']]);
  look('', tests.readTestNames, ['1']);
  look('', tests.selectTests, ['1', { with: ['net'], without: ['destructive'] }]);
  look('', tests.readLabels, ['1']);
  look('', tests.putTests, ['1', [{ name: 'test 5', requirement: '' } as never]]);
  look('', tests.listAsInventory, ['1', [{ name: 'test 5', requirement: '' } as never]]);
  // The newest run of a test may be in any partition.
  look('', environment.sinceLastPass, ['1', 'test 1'], { partitions: 4, rowsEach: 250, blocksEach: 600 });
  look('', tests.listTests, [all, undefined, 50], { partitions: 4 });
  look('', explaining.findRunToExplain, [all, runId(middle)]);
  look(
    'of two demands',
    explaining.placeAmong,
    [['demand 1', 'demand 2'], { turnAt: '2026-01-01T00:00:00Z', run: runId(late) }],
    { rowsEach: 200 },
  );
  look('of the last 40 runs', explaining.typicalSeconds, ['1', 'test 1'], {
    partitions: 4,
    rowsEach: 80,
    blocksEach: 400,
  });
  look('', explaining.seatsTakenFor, []);
  // All that waits is asked for.
  look('', explaining.askedNow, [twoProjects], { rowsEach: 200, queue: true });
  look('', explaining.testsToPlace, [all]);
  look('', access.findCaller, [Buffer.alloc(32)]);
  look('', access.ensureAdminToken, [`ty_${'x'.repeat(43)}`]);
  look('', access.createToken, [
    { name: 'n', kind: 'person', gridAdmin: false, roles: { web: 'viewer' } },
    'me',
  ]);
  look('', access.listTokens, []);
  look('', access.revokeToken, ['7', 'me']);
  look('', access.findProject, [all, 'web']);
  look('', access.listProjects, [twoProjects]);
  look('', access.createProject, ['new', 'me']);
});

describe('the outbox', () => {
  const tx = <Args extends readonly unknown[]>(of: (sql: never, ...args: Args) => Promise<unknown>) =>
    of as (sql: ExplainingStore, ...args: Args) => Promise<unknown>;
  const message: sending.DueMessage = {
    ...{
      id: '1',
      recipient: 'ann',
      thread: 'i1',
      kind: 'told' as const,
      text: 't',
      tries: 1,
      first: '1',
      topic: 't',
    },
    at: new Date(0),
  };
  look('is written', telling.tellOf, [
    [{ kind: 'owner.told', subject: 'i1', data: { owner: 'ann', title: 't' } }],
  ]);
  look('', sending.readWays, []);
  look('', grid.readTrustedProjects, []);
  look('', grid.sendsMail, []);
  look('of mail', sending.takeMessages, ['mail', 20, 300]);
  look('', tx(sending.wasSent), [message, 'ann@example.org']);
  look('', tx(sending.wasNotSent), [message, 'no', true]);
  look('', tx(sending.gatherDigests), []);
  look('', sending.digestLines, ['1']);
  look('', sending.toldIncident, ['i2010'], { partitions: 3, rowsEach: 20 });
  look('', tx(submissionMail.mailFinished), []);
});

describe('changes', () => {
  const first = { component: 'debs/package 1', version: '2', title: 't', facts: {} };
  const debs = { name: 'debs', project: 'default', place: { kind: 'image' } } as const;
  const list = { visible: all, limit: 20 };
  const tx = <Args extends readonly unknown[]>(of: (sql: never, ...args: Args) => Promise<unknown>) =>
    of as (sql: ExplainingStore, ...args: Args) => Promise<unknown>;

  look('of one package', tx(changing.recordArrivals), [debs, { arrivals: [first], isAll: false }]);
  look('', tx(changing.recordPush), [first, '1', { by: 'dan' }]);
  look('of a watch', changing.newChanges, ['debs']);
  look('', changing.readChanges, [['1']]);
  look('', changing.setChangeState, [['1'], 'testing', 'why']);
  look('', changing.moveBaseline, [[{ component: '1', version: '3' }], 'why']);
  look('', changing.readBaseline, []);
  look('', changing.editionOf, []);
  const due = { spec: debs as never, mark: null, triedAt: null, now: '2026-01-01T00:00:00Z' };
  look('that are declared', watching.applyWatches, [[debs as never]]);
  look('', watching.dueWatches, []);
  look('', watching.watchLines, []);
  look('', watching.askByLine, ['0 3 * * *', new Date(0), true]);
  look('', watching.askForLook, ['debs']);
  look('', watching.findWatch, ['debs']);
  look('', watching.knownVersions, ['debs'], { rowsEach: 60 });
  look('', watching.wasRead, [due, 'mark']);
  look('', watching.wasNotRead, [due, 'why']);
  look('', watching.imagesNow, []);
  look('of a project', watching.testsNow, ['web'], { rowsEach: 20 });
  look('newest first', changeLists.changesOf, [list]);
  look('by its id', changeLists.changesOf, [{ ...list, id: '700' }]);
  look('of a component', changeLists.changesOf, [{ ...list, component: 'debs/package 1' }]);
  look('', changeLists.componentsSeen, [list]);
  look('now', changeLists.baselineAt, [list]);
  look('', changeLists.watchesSeen, [all]);
  look('newest first', searches.listSearches, [list]);
  look('', searches.findSearch, [all, '1']);
  look('', searches.trialsOf, ['1']);
  look('newest first', searches.listPins, [list]);
  look('of a search', searches.listPins, [{ ...list, search: '1' }]);
  look('newest first', searches.listIntakes, [list]);
  look('', brokenOff.lastWordsOf, ['1']);
  look('', brokenOff.placesOfBranch, ['debs/package 1']);
  const put = { kind: 'packages', install: [{ name: 'a', component: 'debs/package 1', version: '2' }] };
  const restored = { kind: 'restore', image: 'base', component: 'images/base', version: '2' };
  look('of 2 steps', equipping.equip, [[[{ action: put }, { action: restored }] as never]]);
  look('', searches.accusationsOf, ['1']);
  look('', searches.partnerSearch, ['1']);
  look('', searches.toldOfSearch, ['1']);
  look('', hunting.runWithVersions, [all, runId(middle)]);
  look('', hunting.trustedIn, ['3']);
  look('', hunting.pastOf, ['3', ['debs/package 1', 'debs/package 2']]);
  look('', hunting.giveConsequences, ['1']);
  look('', hunting.askerOf, ['1']);
  look('', hunting.wasAsked, ['1']);
  look('', tx(hunting.guideSearch), ['1', [{ kind: 'stop' }], 'ann']);
  look('', answering.accusationsIn, [all, '1']);
  look('', answering.accusationById, ['1']);
  look('', answering.pinsFor, ['1', '1']);
  look('', answering.withdrawnLately, [{ testName: 'boot', projectId: '3' }, ['1', '2']]);
  look('', answering.fixesIn, ['debs']);
  look('', answering.placesOf, ['1', '0123456']);
  look('', answering.noteWaiting, ['1', 'why']);
  look('', answering.readPeople, []);
  look('', answering.gridNow, []);
  look('', disputes.disputesIn, ['debs']);
  look('', disputes.disputesAbout, [['1', '2']]);
  look('', disputes.lastPin, ['1', '1']);
  look('', answering.holdLetters, ['1', 'ann', new Date()]);
  const red = { projectId: '3', testName: 'test 7', run: runId(middle) };
  look('of a red test', newRedsStore.ordinaryRuns, [red], { partitions: 20, rowsEach: 400, blocksEach: 500 });
  look('', newRedsStore.movedBetween, ['3', new Date(0), new Date()]);
  look('', newRedsStore.takeReds, []);
  look('', newRedsStore.keepReds, [[runId(middle)]]);
  look('', knownBeforeStore.ruleOf, ['1']);
  look('of a test that is run each day', knownBeforeStore.failureRecord, ['1', 'test 2'], {
    partitions: 20,
    rowsEach: 400,
    blocksEach: 500,
  });
  look('of a test that hardly anybody runs', knownBeforeStore.failureRecord, ['4', 'test 1'], {
    partitions: 20,
    rowsEach: 400,
    blocksEach: 500,
  });
  look('', intakesStore.stoppedAtLimit, [{ name: 'debs', rollbacksPerDay: 5 }]);
  look('', huntsStore.wasSought, ['1', [], 'lost']);
  look('', holdingBackStore.heldOn, [['1', '2']]);
  look('', holdingBackStore.pinsOf, [['1', '2']]);
  look('', holdingBackStore.partnerPins, [['1', '2']]);
  look('', changing.trustedChanges, ['3']);
  look('', changing.overtaken, [['1', '2']]);
  look('', knownBeforeStore.harmOf, [['1', '2']]);
  look('', knownBeforeStore.whatItTakes, ['1', ['restore']]);
  const accusation: answering.Accusation = {
    ...{
      id: '1',
      search: '1',
      projectId: '3',
      test: 'boot',
      change: '1',
      componentId: '1',
      component: 'a',
    },
    ...{
      kind: 'apt',
      version: '1',
      position: '1',
      state: 'blamed',
      owner: 'ann',
      answer: null,
      withdrawnAt: null,
      upheldBy: null,
      predicate: 'fails',
    },
  };
  look('to an accusation', answering.noteAnswer, [accusation, { kind: 'not_mine', why: '' }, 'ann']);
  look('', disputes.uphold, [accusation, '', 'ann']);
  look('', disputes.withdrawAgain, [accusation, '', 'ann']);
});

test('every function of the store that speaks to the database has been looked at', () => {
  const pure = new Set<unknown>([
    access.visibleTo,
    access.visibleIds,
    access.maySubmit,
    access.maySubmitAnywhere,
    access.mayPush,
    access.digestOfSecret,
    access.newSecret,
    recording.handlingOf,
    world.WorldReader,
    leader.NotLeader,
  ]);
  const modules = {
    access,
    answering,
    disputes,
    hunting,
    searches,
    assigning,
    blaming,
    blob,
    brokenOff,
    changeLists,
    changing,
    comingBack,
    equipping,
    explaining,
    failing,
    grid,
    history,
    host,
    incident,
    judging,
    lapsing,
    leader,
    leasing,
    log,
    night,
    pulsing,
    recording,
    reserving,
    run,
    sending,
    submission,
    submissionMail,
    takingOut,
    telling,
    tests,
    unfolding,
    waiting,
    watching,
    world,
  };
  const missed = Object.entries(modules).flatMap(([name, module]) =>
    Object.entries(module).flatMap(([key, value]) =>
      typeof value === 'function' && !pure.has(value) && !looked.has(value) ? [`${name}.${key}`] : [],
    ),
  );
  expect(missed).toEqual([]);
});
