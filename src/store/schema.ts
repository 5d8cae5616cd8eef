import type { Versions } from '../domain/baseline.js';
import { CHANGE_STATES, type ChangeFacts, type ChangeState } from '../domain/change.js';
import type { Trial, Outcome as TrialOutcome } from '../domain/culprit/question.js';
import type { Search } from '../domain/culprit/search.js';
import type { AskedTarget, Demand, Target } from '../domain/demand.js';
import type { SeenPart } from '../domain/environment/environment.js';
import type { HandlerSpec } from '../domain/handler.js';
import type { Fingerprint, Health } from '../domain/host.js';
import type { ImageSpec } from '../domain/image.js';
import type { LeftBehind, LinkedChange } from '../domain/intake/line.js';
import type { Predicate, SeenBad } from '../domain/intake/reading.js';
import type { HaltPolicy, HostTransport, HostType, PoolCap, ResourceSpec } from '../domain/inventory.js';
import type { RunMemory } from '../domain/judge/judge.js';
import type { LavaMapping } from '../domain/lava/mapping.js';
import { LAYERS, type Layer } from '../domain/layer.js';
import type { AttemptEnd, Mark, NoVerdict, Outcome, Verdict } from '../domain/outcome.js';
import type { StepSpec } from '../domain/step.js';
import type { LeftOut } from '../domain/submit/unfold.js';
import type { Alias, Presence, TagSpec } from '../domain/tag.js';
import type { NewsKind } from '../domain/tell/news.js';
import type { MailSpec, WebHookSpec } from '../domain/tell/telling.js';
import type { TestSpec } from '../domain/test.js';
import type { ComponentKind, WatchSpec } from '../domain/watch.js';
import type { Restore } from '../ports/images.js';
import type { PlacePlan } from '../protocol/messages.js';
import {
  bigint,
  bigints,
  boolean,
  bytes,
  double,
  identity,
  instant,
  integer,
  integers,
  interval,
  json,
  key,
  oneOf,
  orNull,
  randomUuid,
  sequence,
  smallint,
  table,
  text,
  texts,
  transactionId,
} from './table.js';

type Variant = Readonly<Record<string, string>>;
type Details = Readonly<Record<string, unknown>>;
type Purpose = Demand['purpose'];
type SeenTag = { readonly tag: string; readonly presence: Presence };
type Scope = 'host' | 'step' | 'step_on_host' | 'test' | 'resource' | 'pool' | 'image' | 'change' | 'grid';

/**
 * Every table, for TypeORM, over the domain's own types. The migrations make the tables; a test holds both
 * against each other, down to defaults and the text of conditions. What TypeORM has no words for (partitions,
 * descending indices, functions, triggers) is in the migrations alone.
 */
export const SCHEMA = {
  /** The one clock of all SQL, where tests and simulation set it. */
  gridClock: table(
    'grid_clock',
    {
      one: key(boolean('true')),
      setTo: orNull(instant()),
    },
    {
      checks: { grid_clock_one: 'one' },
    },
  ),

  /** A name space of tests, submissions and tokens. */
  project: table(
    'project',
    {
      id: key(identity()),
      name: text(),
      createdAt: instant('grid_now()'),
    },
    {
      uniques: { project_name_uq: ['name'] },
    },
  ),

  /** Who may come in; only digests of secrets are kept. */
  token: table(
    'token',
    {
      id: key(identity()),
      name: text(),
      digest: bytes(),
      kind: text<'person' | 'executor'>(),
      gridAdmin: boolean('false'),
      createdAt: instant('grid_now()'),
      createdBy: text(),
      expiresAt: orNull(instant()),
      revokedAt: orNull(instant()),
    },
    {
      uniques: { token_digest_uq: ['digest'] },
      checks: {
        token_kind_ck: oneOf('kind', ['person', 'executor']),
        token_executor_ck: "kind = 'person' OR NOT grid_admin",
      },
    },
  ),

  /** What a token may do in a project. */
  tokenRole: table(
    'token_role',
    {
      tokenId: key(bigint()),
      projectId: key(bigint()),
      role: text<'viewer' | 'submitter' | 'developer'>(),
    },
    {
      foreignKeys: {
        token_role_token_fk: ['tokenId', 'token'],
        token_role_project_fk: ['projectId', 'project'],
      },
      checks: { token_role_ck: oneOf('role', ['viewer', 'submitter', 'developer']) },
    },
  ),

  /** What was answered to a request that may be said again. */
  idempotency: table(
    'idempotency',
    {
      tokenId: key(bigint()),
      key: key(text()),
      requestDigest: bytes(),
      status: smallint(),
      response: json<unknown>(),
      at: instant('grid_now()'),
    },
    {
      foreignKeys: { idempotency_token_fk: ['tokenId', 'token'] },
      indices: { idempotency_at_ix: { columns: ['at'] } },
    },
  ),

  /** The grid as a whole: one row. */
  grid: table(
    'grid',
    {
      one: key(boolean('true')),
      state: text<'online' | 'offline' | 'halted'>("'online'"),
      who: text("'testyard'"),
      why: text("'new grid'"),
      since: instant('grid_now()'),
      name: text("'testyard'"),
      admin: text("'admin'"),
      defaultRequirement: text("''"),
      ageingS: integer(3600),
      historyEpoch: randomUuid(),
      haltPolicy: json<HaltPolicy>("'{}'"),
      haltedBy: bigints("'{}'"),
      sources: texts("'{}'"),
      lavaMapping: json<Partial<LavaMapping>>("'{}'"),
      gridSteps: boolean('false'),
      handlers: json<Readonly<Record<string, HandlerSpec>>>("'{}'"),
      trustedProjects: texts("'{}'"),
      people: json<Readonly<Record<string, string>>>("'{}'"),
      mail: json<Partial<MailSpec>>("'{}'"),
      webHooks: json<Readonly<Record<string, WebHookSpec>>>("'{}'"),
      healthCheck: text("''"),
      baselineEdition: bigint(0),
      inventoryEdition: bigint(0),
    },
    {
      checks: { grid_one: 'one', grid_state_ck: oneOf('state', ['online', 'offline', 'halted']) },
    },
  ),

  /** Which scheduler decides: one row, whose epoch every decision proves. */
  leadership: table(
    'leadership',
    {
      one: key(boolean('true')),
      epoch: bigint(0),
      holder: orNull(text()),
      beatAt: instant('grid_now()'),
      expiresAt: instant('grid_now()'),
    },
    {
      checks: { leadership_one: 'one' },
    },
  ),

  /** Hosts that are run together. */
  pool: table(
    'pool',
    {
      id: key(identity()),
      name: text(),
      state: text<'online' | 'halted'>("'online'"),
      why: orNull(text()),
      meaning: orNull(text()),
      owner: orNull(text()),
      projects: orNull(texts()),
      cap: orNull(json<PoolCap>()),
      healthCheck: orNull(text()),
      haltedBy: bigints("'{}'"),
      removedAt: orNull(instant()),
    },
    {
      uniques: { pool_name_uq: ['name'] },
      checks: { pool_state_ck: oneOf('state', ['online', 'halted']) },
    },
  ),

  /** The tag catalogue. */
  tag: table('tag', {
    name: key(text()),
    spec: json<TagSpec>(),
    removedAt: orNull(instant()),
  }),

  /** Names that are read as formulas. */
  alias: table('alias', { name: key(text()), spec: json<Alias>() }),

  /** Reference images, as they were declared; steps that restore one hold it in their own specs. */
  image: table('image', { name: key(text()), spec: json<ImageSpec>() }),

  /** What images were at each version that the inventory ever had, for the time when an older one is asked for. */
  imageVersion: table('image_version', {
    name: key(text()),
    version: key(text()),
    spec: json<ImageSpec>(),
    seenAt: instant('grid_now()'),
  }),

  /** What the hosts of a type have in common, as it was declared; hosts have it in their own rows. */
  hostType: table('host_type', { name: key(text()), spec: json<HostType>() }),

  /** What hosts and steps share, and instruments. */
  resource: table(
    'resource',
    {
      id: key(identity()),
      name: text(),
      spec: json<ResourceSpec>(),
      removedAt: orNull(instant()),
    },
    {
      uniques: { resource_name_uq: ['name'] },
    },
  ),

  /** Which resources a host needs to work, and the instruments attached to it. */
  hostResource: table(
    'host_resource',
    {
      hostId: key(bigint()),
      resourceId: key(bigint()),
    },
    {
      foreignKeys: {
        host_resource_host_fk: ['hostId', 'host'],
        host_resource_resource_fk: ['resourceId', 'resource'],
      },
      indices: { host_resource_resource_ix: { columns: ['resourceId'] } },
    },
  ),

  /** Provisioning steps. */
  step: table('step', {
    name: key(text()),
    digest: text(),
    spec: json<StepSpec>(),
    removedAt: orNull(instant()),
  }),

  /** Machines under test: what was declared, and what is known of them. */
  host: table(
    'host',
    {
      id: key(identity()),
      name: text(),
      poolId: bigint(),
      hostType: text("'generic'"),
      owner: orNull(text()),
      transport: json<HostTransport>(),
      restore: orNull(json<Restore>()),
      executor: orNull(text()),
      seats: integer(1),
      expendable: texts<Layer>("'{}'"),
      offline: boolean('false'),
      health: text<Health>("'good'"),
      healthWhy: text("'new'"),
      healthSince: instant('grid_now()'),
      outBy: orNull(text()),
      dirtyFrom: orNull(text<Layer>()),
      stackAttempt: bigint(0),
      usedSinceStack: boolean('true'),
      stepLayer: orNull(text<Layer>()),
      fingerprint: orNull(json<Fingerprint>()),
      version: sequence(),
      removedAt: orNull(instant()),
      draining: boolean('false'),
    },
    {
      uniques: { host_name_uq: ['name'] },
      foreignKeys: { host_pool_fk: ['poolId', 'pool'] },
      checks: {
        host_seats_ck: 'seats BETWEEN 1 AND 1000',
        host_health_ck: oneOf('health', ['good', 'suspect', 'quarantined', 'maintenance']),
        host_dirty_ck: oneOf('dirty_from', LAYERS),
        host_out_ck: "out_by IS NULL OR health IN ('quarantined', 'maintenance')",
      },
      indices: { host_pool_ix: { columns: ['poolId'] } },
    },
  ),

  /** What was declared of hosts and not seen so. */
  hostDrift: table(
    'host_drift',
    {
      hostId: key(bigint()),
      name: key(text()),
      instance: key(text()),
      detail: text(),
      since: instant('grid_now()'),
    },
    { foreignKeys: { host_drift_host_fk: ['hostId', 'host'] } },
  ),

  /** Hosts that a person has, or had, for themselves. */
  reservation: table(
    'reservation',
    {
      id: key(identity()),
      hostId: bigint(),
      person: text(),
      why: text(),
      runId: orNull(bigint()),
      submissionId: orNull(bigint()),
      since: instant('grid_now()'),
      until: instant(),
      endedAt: orNull(instant()),
      endedBy: orNull(text()),
    },
    {
      foreignKeys: { reservation_host_fk: ['hostId', 'host'] },
      checks: {
        reservation_until_ck: 'until > since',
        reservation_end_ck: '(ended_at IS NULL) = (ended_by IS NULL)',
      },
      indices: {
        reservation_live_uq: { columns: ['hostId'], unique: true, where: 'ended_at IS NULL' },
        reservation_run_ix: { columns: ['runId'], where: 'run_id IS NOT NULL' },
      },
    },
  ),

  /** The steps a host is known to carry, lowest first. */
  hostStack: table(
    'host_stack',
    {
      hostId: key(bigint()),
      position: key(integer()),
      layer: text<Layer>(),
      step: text(),
      key: text(),
      gives: texts("'{}'"),
      attemptId: bigint(),
      at: instant('grid_now()'),
    },
    {
      foreignKeys: { host_stack_host_fk: ['hostId', 'host'] },
      checks: { host_stack_layer_ck: oneOf('layer', LAYERS) },
    },
  ),

  /** Tags of hosts, by where they come from. */
  hostTag: table(
    'host_tag',
    {
      hostId: key(bigint()),
      name: key(text()),
      instance: key(text("''")),
      source: key(text<'declared' | 'probed' | 'produced'>()),
      raw: text("''"),
      seenAt: instant('grid_now()'),
    },
    {
      foreignKeys: { host_tag_host_fk: ['hostId', 'host'] },
      checks: { host_tag_source_ck: oneOf('source', ['declared', 'probed', 'produced']) },
    },
  ),

  /** Which probes were carried out on a host, and whether they worked. */
  hostProbe: table(
    'host_probe',
    {
      hostId: key(bigint()),
      probe: key(text()),
      worked: boolean(),
      fingerprint: text("''"),
      seenAt: instant('grid_now()'),
    },
    {
      foreignKeys: { host_probe_host_fk: ['hostId', 'host'] },
    },
  ),

  /** What each piece of work last came to on each host. */
  hostRecord: table(
    'host_record',
    {
      hostId: key(bigint()),
      work: key(text()),
      okAttempt: bigint(0),
      okAt: orNull(instant()),
      badAttempt: bigint(0),
      badAt: orNull(instant()),
      badSinceAttempt: bigint(0),
      badSince: orNull(instant()),
    },
    {
      foreignKeys: { host_record_host_fk: ['hostId', 'host'] },
      indices: {
        host_record_work_ix: { columns: ['work'] },
        host_record_ok_ix: { columns: ['okAt'] },
        host_record_bad_ix: { columns: ['badAt'] },
      },
    },
  ),

  /** Executors by name. */
  executor: table(
    'executor',
    {
      id: key(identity()),
      name: text(),
      tokenId: orNull(bigint()),
      createdAt: instant('grid_now()'),
    },
    {
      uniques: { executor_name_uq: ['name'] },
      foreignKeys: { executor_token_fk: ['tokenId', 'token'] },
    },
  ),

  /** An executor incarnation's right to work. */
  lease: table(
    'lease',
    {
      id: key(identity()),
      executorId: bigint(),
      incarnation: text(),
      version: text(),
      capacity: integer(),
      draining: boolean('false'),
      grantedAt: instant('grid_now()'),
      renewedAt: instant('grid_now()'),
      expiresAt: instant(),
      endedAt: orNull(instant()),
      endReason: orNull(text()),
    },
    {
      uniques: { lease_incarnation_uq: ['incarnation'] },
      foreignKeys: { lease_executor_fk: ['executorId', 'executor'] },
      checks: {
        lease_capacity_ck: 'capacity > 0',
        lease_end_ck: '(ended_at IS NULL) = (end_reason IS NULL)',
      },
      indices: {
        lease_live_uq: { columns: ['executorId'], unique: true, where: 'ended_at IS NULL' },
        lease_live_ix: { columns: ['expiresAt'], where: 'ended_at IS NULL' },
      },
    },
  ),

  /** Every version of every test. */
  test: table(
    'test',
    {
      id: key(identity()),
      projectId: bigint(),
      name: text(),
      digest: text(),
      spec: json<TestSpec>(),
      requirement: text(),
      requirementKey: text(),
      owner: orNull(text()),
      listed: boolean('false'),
      createdAt: instant('grid_now()'),
    },
    {
      uniques: { test_version_uq: ['projectId', 'name', 'digest'] },
      indices: { test_listed_ix: { columns: ['projectId'], where: 'listed' } },
      foreignKeys: { test_project_fk: ['projectId', 'project'] },
    },
  ),

  /** The last verdict of each test and variant. */
  testLast: table(
    'test_last',
    {
      projectId: key(bigint()),
      testName: key(text()),
      variantKey: key(text()),
      verdict: text<Exclude<Verdict['verdict'], 'none'>>(),
      runId: bigint(),
      hadCases: boolean(),
      at: instant('grid_now()'),
      /** Of the last passes, newest first: how many cases, and how long the test took. */
      pastCases: integers("'{}'"),
      pastMs: integers("'{}'"),
    },
    {
      foreignKeys: { test_last_project_fk: ['projectId', 'project'] },
      checks: { test_last_verdict_ck: oneOf('verdict', ['passed', 'failed', 'skipped']) },
    },
  ),

  /** What steps and tests took on hosts of each type; see the migration that made it. */
  learnedCost: table(
    'learned_cost',
    { what: key(text()), hostType: key(text()), tried: double(), worked: double(), seconds: double() },
    { checks: { learned_cost_ck: 'tried >= worked AND worked >= 0 AND seconds >= 0' } },
  ),

  /** What somebody asked for. */
  submission: table(
    'submission',
    {
      id: key(identity()),
      projectId: bigint(),
      name: text("''"),
      source: text<'user' | 'rule' | 'schedule' | 'grid'>(),
      actor: text(),
      tests: bigints(),
      variants: json<readonly Variant[]>("'[{}]'"),
      params: json<Variant>("'{}'"),
      targets: json<readonly AskedTarget[]>("'[{}]'"),
      priority: integer(0),
      queueTimeout: orNull(interval()),
      retryOf: orNull(bigint()),
      purpose: text<Purpose>("'test'"),
      incidentId: orNull(bigint()),
      createdAt: instant('grid_now()'),
      unfoldedAt: orNull(instant()),
      runCount: orNull(integer()),
      wait: boolean('false'),
      leftOut: orNull(json<readonly LeftOut[]>()),
      holdS: orNull(double()),
      repeats: orNull(bigints()),
      mailTo: orNull(text()),
      mailedAt: orNull(instant()),
      versions: orNull(json<Versions>()),
    },
    {
      foreignKeys: { submission_project_fk: ['projectId', 'project'] },
      checks: {
        submission_source_ck: oneOf('source', ['user', 'rule', 'schedule', 'grid']),
        submission_purpose_ck: oneOf('purpose', ['test', 'canary', 'recovery', 'trial']),
      },
      indices: {
        submission_pending_ix: { columns: ['id'], where: 'unfolded_at IS NULL' },
        submission_project_ix: { columns: ['projectId', 'id'] },
        submission_name_ix: { columns: ['projectId', 'name', 'id'] },
        submission_mail_ix: { columns: ['id'], where: 'mail_to IS NOT NULL AND mailed_at IS NULL' },
      },
    },
  ),

  /** What is under test in a submission. */
  artefact: table(
    'artefact',
    {
      submissionId: key(bigint()),
      name: key(text()),
      url: orNull(text()),
      blobDigest: orNull(text()),
      digest: orNull(text()),
      buildId: orNull(text()),
    },
    {
      foreignKeys: { artefact_submission_fk: ['submissionId', 'submission'] },
      checks: { artefact_where_ck: 'num_nonnulls(url, blob_digest) = 1' },
      indices: { artefact_blob_ix: { columns: ['blobDigest'], where: 'blob_digest IS NOT NULL' } },
    },
  ),

  /** Runs and their verdicts; partitioned by id. */
  run: table(
    'run',
    {
      id: key(sequence()),
      projectId: bigint(),
      submissionId: bigint(),
      purpose: text<Purpose>("'test'"),
      testId: bigint(),
      testName: text(),
      variant: json<Variant>("'{}'"),
      variantKey: text("''"),
      target: json<AskedTarget>("'{}'"),
      requirementKey: text(),
      retryOf: orNull(bigint()),
      createdAt: instant('grid_now()'),
      attempts: integer(0),
      verdict: orNull(text<Verdict['verdict']>()),
      noVerdict: orNull(text<NoVerdict>()),
      reason: orNull(text()),
      evidence: orNull(json<Details>()),
      marks: texts<Mark>("'{}'"),
      verdictAttempt: orNull(bigint()),
      judgedAt: orNull(instant()),
      failureSignature: orNull(text()),
    },
    {
      checks: {
        run_purpose_ck: oneOf('purpose', ['test', 'canary', 'recovery', 'trial']),
        run_verdict_ck: oneOf('verdict', ['passed', 'failed', 'skipped', 'none']),
        run_none_ck: "(verdict = 'none') = (no_verdict IS NOT NULL) OR verdict IS NULL",
        run_undone_ck: 'verdict IS NOT NULL OR (no_verdict IS NULL AND judged_at IS NULL)',
        run_done_ck: 'verdict IS NULL OR (judged_at IS NOT NULL AND reason IS NOT NULL)',
        run_proof_ck: "verdict IS NULL OR verdict = 'none' OR verdict_attempt IS NOT NULL",
      },
      indices: {
        run_project_ix: { columns: ['projectId', 'id'] },
        run_submission_ix: { columns: ['submissionId', 'id'] },
        run_own_ix: { columns: ['purpose', 'id'], where: "purpose <> 'test'" },
        run_test_ix: { columns: ['projectId', 'testName', 'id'] },
      },
    },
  ),

  /** What people and programs are to be told, until it is known to have arrived. */
  message: table(
    'message',
    {
      id: key(identity()),
      at: instant('grid_now()'),
      via: text<'mail' | 'web_hook' | 'digest'>(),
      recipient: text(),
      thread: text(),
      kind: text<NewsKind>(),
      topic: text(),
      text: text(),
      dueAt: instant('grid_now()'),
      tries: integer(0),
      error: orNull(text()),
      sentTo: orNull(text()),
      sentAt: orNull(instant()),
      givenUpAt: orNull(instant()),
    },
    {
      checks: { message_via_ck: oneOf('via', ['mail', 'web_hook', 'digest']) },
      indices: {
        message_due_ix: { columns: ['via', 'dueAt'], where: 'sent_at IS NULL AND given_up_at IS NULL' },
        message_thread_ix: { columns: ['thread', 'id'] },
        message_halt_ix: { columns: ['id'], where: "kind IN ('halted', 'resumed')" },
      },
    },
  ),

  /** Up to when each line of cron was looked at. */
  schedule: table('schedule', { name: key(text()), lookedAt: instant() }),

  /** Failures of a test that a person tied to an issue. */
  knownFailure: table(
    'known_failure',
    {
      id: key(identity()),
      projectId: bigint(),
      testName: text(),
      signature: text(),
      link: text(),
      why: text("''"),
      who: text(),
      at: instant('grid_now()'),
      removedAt: orNull(instant()),
      removedBy: orNull(text()),
    },
    {
      foreignKeys: { known_failure_project_fk: ['projectId', 'project'] },
      checks: { known_failure_removed_ck: '(removed_at IS NULL) = (removed_by IS NULL)' },
      indices: {
        known_failure_live_uq: {
          columns: ['projectId', 'testName', 'signature'],
          unique: true,
          where: 'removed_at IS NULL',
        },
      },
    },
  ),

  /** Tries of runs; partitioned by run. */
  attempt: table(
    'attempt',
    {
      runId: key(bigint()),
      id: key(sequence()),
      number: integer(),
      leaseId: bigint(),
      plan: json<readonly PlacePlan[]>(),
      createdAt: instant('grid_now()'),
      begunAt: orNull(instant()),
      chainDoneAt: orNull(instant()),
      tagsVerifiedAt: orNull(instant()),
      testStartedAt: orNull(instant()),
      endedAt: orNull(instant()),
      outcome: orNull(text<Outcome['kind']>()),
      detail: orNull(json<Details>()),
      decidedAt: orNull(instant()),
    },
    {
      checks: { attempt_end_ck: '(ended_at IS NULL) = (outcome IS NULL)' },
    },
  ),

  /** Where attempts took place; partitioned by run. */
  place: table(
    'place',
    {
      runId: key(bigint()),
      attemptId: key(bigint()),
      role: key(text()),
      hostId: bigint(),
      seat: integer(),
      requirement: text("''"),
      fresh: boolean('false'),
      bootId: orNull(text()),
      /** What was found where the host had been booted since it was left, by nobody's order. */
      unorderedBoot: orNull(text()),
      verified: orNull(json<readonly SeenTag[]>()),
      /** Digests of the blobs that are the parts of the environment record. */
      environment: orNull(json<Readonly<Partial<Record<SeenPart, string>>>>()),
      fingerprintBefore: orNull(json<Fingerprint>()),
      fingerprintAfter: orNull(json<Fingerprint>()),
      dirtied: orNull(text<Layer>()),
      outputBytes: bigint(0),
      outputCut: bigint(0),
      outputBlob: orNull(text()),
    },
    {
      indices: { place_host_ix: { columns: ['hostId', 'attemptId'] } },
    },
  ),

  /** What was carried out in an attempt, in order; partitioned by run. */
  stepRun: table(
    'step_run',
    {
      runId: key(bigint()),
      attemptId: key(bigint()),
      role: key(text()),
      seq: key(integer()),
      kind: text<'chain' | 'setup' | 'test' | 'teardown'>(),
      step: text(),
      layer: orNull(text<Layer>()),
      key: orNull(text()),
      startedAt: instant('grid_now()'),
      endedAt: orNull(instant()),
      result: orNull(text<'ok' | 'failed' | 'timed_out' | 'killed'>()),
      exitCode: orNull(integer()),
      durationMs: orNull(double()),
      message: orNull(text()),
    },
    {
      checks: { step_run_kind_ck: oneOf('kind', ['chain', 'setup', 'test', 'teardown']) },
    },
  ),

  /** Named parts of tests and what came of them; partitioned by run. */
  caseResult: table(
    'case_result',
    {
      runId: key(bigint()),
      attemptId: key(bigint()),
      seq: key(integer()),
      role: text(),
      name: text(),
      result: text<'pass' | 'fail' | 'skip' | 'unknown'>(),
      message: text("''"),
      at: instant('grid_now()'),
      /** Where in the output it was told. */
      atByte: orNull(bigint()),
    },
    {
      checks: { case_result_ck: oneOf('result', ['pass', 'fail', 'skip', 'unknown']) },
    },
  ),

  /** Numbers that tests reported; partitioned by run. */
  measurement: table('measurement', {
    runId: key(bigint()),
    attemptId: key(bigint()),
    seq: key(integer()),
    caseSeq: integer(),
    raw: text(),
    value: orNull(double()),
    unit: text("''"),
    /** Who measured it; '': the test itself. Of a handler's, case 0 is the run. */
    handler: text("''"),
    name: text("''"),
  }),

  /** Files that tests and handlers left. */
  attachment: table('attachment', {
    runId: key(bigint()),
    attemptId: key(bigint()),
    seq: key(integer()),
    role: text(),
    name: text(),
    mediaType: text(),
    caseName: orNull(text()),
    blobDigest: text(),
    bytes: bigint(),
    handler: text("''"),
  }),

  /** What runs ask for: equal ones share a row, with the one reason why they wait. */
  demand: table('demand', {
    key: key(text()),
    spec: json<Demand>(),
    reasonCode: text("'new'"),
    reason: text("'just accepted'"),
    since: instant('grid_now()'),
  }),

  /** Runs that are not done. */
  queue: table(
    'queue',
    {
      runId: key(bigint()),
      projectId: bigint(),
      purpose: text<Purpose>(),
      testId: bigint(),
      demand: text(),
      target: json<Target>("'{}'"),
      priority: integer(0),
      enqueuedAt: instant('grid_now()'),
      turnAt: instant('grid_now()'),
      owner: text("''"),
      state: text<'waiting' | 'held' | 'running' | 'ending'>("'waiting'"),
      since: instant('grid_now()'),
      reasonCode: text("'new'"),
      reason: text("'just accepted'"),
      notBefore: orNull(instant()),
      deadline: orNull(instant()),
      incidentId: orNull(bigint()),
      attempts: integer(0),
      memory: json<RunMemory>("'{}'"),
      cancelledBy: orNull(text()),
      stopWhy: orNull(text()),
      claimedAt: orNull(instant()),
      attemptId: orNull(bigint()),
      leaseId: orNull(bigint()),
      reportSeq: integer(0),
      ended: orNull(json<AttemptEnd>()),
      decided: orNull(json<AttemptEnd>()),
      judgeEarly: boolean('false'),
    },
    {
      uniques: { queue_attempt_uq: ['attemptId'] },
      foreignKeys: { queue_test_fk: ['testId', 'test'] },
      checks: {
        queue_state_ck: oneOf('state', ['waiting', 'held', 'running', 'ending']),
        queue_running_ck: "(state IN ('running', 'ending')) = (attempt_id IS NOT NULL)",
        queue_lease_ck: '(attempt_id IS NULL) = (lease_id IS NULL)',
        queue_held_ck: "state <> 'held' OR (incident_id IS NOT NULL AND deadline IS NOT NULL)",
        queue_ended_ck: 'ended IS NULL OR attempt_id IS NOT NULL',
        queue_decided_ck: 'decided IS NULL OR attempt_id IS NOT NULL',
        queue_early_ck: "NOT judge_early OR (decided IS NOT NULL AND state = 'running')",
      },
      indices: {
        queue_wait_ix: { columns: ['demand', 'owner', 'turnAt', 'runId'], where: "state = 'waiting'" },
        queue_ended_ix: { columns: ['runId'], where: 'ended IS NOT NULL' },
        queue_early_ix: { columns: ['runId'], where: 'judge_early' },
        queue_cancelled_ix: { columns: ['runId'], where: 'cancelled_by IS NOT NULL' },
        queue_lease_ix: { columns: ['leaseId'], where: 'lease_id IS NOT NULL' },
        queue_incident_ix: { columns: ['incidentId'], where: 'incident_id IS NOT NULL' },
        queue_deadline_ix: { columns: ['deadline'], where: 'deadline IS NOT NULL' },
        queue_put_off_ix: { columns: ['runId'], where: "not_before = 'infinity'" },
        queue_own_ix: { columns: ['runId'], where: "purpose <> 'test'" },
        queue_project_ix: { columns: ['projectId', 'runId'] },
      },
    },
  ),

  /** Seats that are taken. */
  hostSeat: table(
    'host_seat',
    {
      hostId: key(bigint()),
      seat: key(integer()),
      runId: bigint(),
      attemptId: bigint(),
      leaseId: bigint(),
      role: text(),
      takenAt: instant('grid_now()'),
      owner: text("''"),
    },
    {
      uniques: { host_seat_attempt_uq: ['attemptId', 'role'] },
      foreignKeys: { host_seat_host_fk: ['hostId', 'host'] },
      indices: { host_seat_lease_ix: { columns: ['leaseId'] } },
    },
  ),

  /** Host-seconds that people have used, as of a moment: they halve each day. */
  hostUse: table('host_use', { owner: key(text()), seconds: double(), asOf: instant('grid_now()') }),

  /** Which unit of an instrument serves which seat. */
  instrumentSeat: table(
    'instrument_seat',
    {
      resourceId: key(bigint()),
      unit: key(integer()),
      hostId: bigint(),
      seat: integer(),
      attemptId: bigint(),
    },
    {
      foreignKeys: {
        instrument_seat_resource_fk: ['resourceId', 'resource'],
        instrument_seat_seat_fk: {
          goesWith: 'host_seat',
          columns: ['hostId', 'seat'],
          named: ['hostId', 'seat'],
        },
      },
      checks: { instrument_seat_unit_ck: 'unit >= 1' },
      indices: { instrument_seat_seat_ix: { columns: ['hostId', 'seat'] } },
    },
  ),

  /** Output that has not become a blob yet. */
  outputSegment: table(
    'output_segment',
    {
      runId: key(bigint()),
      attemptId: key(bigint()),
      role: key(text()),
      seq: key(integer()),
      atByte: bigint(),
      at: instant('grid_now()'),
      data: bytes(),
    },
    {
      checks: { output_segment_size_ck: 'octet_length(data) <= 262144' },
    },
  ),

  /** What is kept beside the database. */
  blob: table('blob', {
    digest: key(text()),
    bytes: bigint(),
    storedBytes: bigint(),
    mediaType: text(),
    lineIndex: orNull(json<Details>()),
    createdAt: instant('grid_now()'),
  }),

  /** Root causes, with the scope that explains them. */
  incident: table(
    'incident',
    {
      id: key(identity()),
      scope: text<Scope>(),
      hostId: orNull(bigint()),
      step: orNull(text()),
      testName: orNull(text()),
      projectId: orNull(bigint()),
      signature: text(),
      title: text(),
      owner: text(),
      policy: text<'scope' | 'pool' | 'grid'>("'scope'"),
      openedAt: instant('grid_now()'),
      checks: integer(0),
      nextCheckAt: orNull(instant()),
      closedAt: orNull(instant()),
      closeReason: orNull(text()),
      resource: orNull(text()),
      pool: orNull(text()),
      image: orNull(text()),
      change: orNull(text()),
      settledAt: orNull(instant()),
    },
    {
      foreignKeys: { incident_host_fk: ['hostId', 'host'], incident_project_fk: ['projectId', 'project'] },
      checks: {
        incident_scope_ck: oneOf('scope', [
          'host',
          'step',
          'step_on_host',
          'test',
          'resource',
          'pool',
          'image',
          'change',
          'grid',
        ]),
        incident_policy_ck: oneOf('policy', ['scope', 'pool', 'grid']),
        incident_closed_ck: '(closed_at IS NULL) = (close_reason IS NULL)',
      },
      indices: {
        incident_open_ix: { columns: ['id'], where: 'closed_at IS NULL' },
        incident_host_ix: { columns: ['hostId'] },
        incident_over_ix: { columns: ['closedAt'], where: 'settled_at IS NOT NULL' },
      },
    },
  ),

  /** What speaks for or against an incident. */
  evidence: table(
    'evidence',
    {
      id: key(identity()),
      incidentId: orNull(bigint()),
      hostId: orNull(bigint()),
      work: text(),
      ok: boolean(),
      runId: orNull(bigint()),
      attemptId: orNull(bigint()),
      signature: text("''"),
      detail: text("''"),
      at: instant('grid_now()'),
    },
    {
      foreignKeys: { evidence_incident_fk: ['incidentId', 'incident'] },
      indices: {
        evidence_incident_ix: { columns: ['incidentId', 'id'], where: 'incident_id IS NOT NULL' },
        evidence_host_ix: { columns: ['hostId', 'id'] },
        evidence_work_ix: { columns: ['work', 'id'] },
      },
    },
  ),

  /** Places where new versions arrive. */
  watch: table(
    'watch',
    {
      name: key(text()),
      spec: json<WatchSpec>(),
      removedAt: orNull(instant()),
      askedAt: orNull(instant()),
      triedAt: orNull(instant()),
      readAt: orNull(instant()),
      mark: orNull(text()),
      trouble: orNull(text()),
      troubleSince: orNull(instant()),
    },
    { checks: { watch_trouble_ck: '(trouble IS NULL) = (trouble_since IS NULL)' } },
  ),

  /** What has versions, and the one that is trusted now. */
  component: table(
    'component',
    {
      id: key(identity()),
      projectId: bigint(),
      watch: text(),
      name: text(),
      kind: text<ComponentKind>(),
      owner: orNull(text()),
      baseline: orNull(text()),
      baselineChangeId: orNull(bigint()),
      baselineSince: orNull(instant()),
    },
    {
      foreignKeys: { component_project_fk: ['projectId', 'project'] },
      uniques: { component_name_uq: ['projectId', 'name'] },
      checks: {
        component_kind_ck: oneOf('kind', ['apt', 'dnf', 'git', 'image', 'test']),
        component_baseline_ck: '(baseline IS NULL) = (baseline_since IS NULL)',
      },
      indices: { component_watch_ix: { columns: ['watch', 'name'] } },
    },
  ),

  /** New versions of components. */
  change: table(
    'change',
    {
      id: key(identity()),
      componentId: bigint(),
      version: text(),
      previous: orNull(text()),
      author: orNull(text()),
      owner: orNull(text()),
      title: text(),
      link: orNull(text()),
      madeAt: orNull(instant()),
      seenAt: instant('grid_now()'),
      source: text<'seen' | 'pushed'>(),
      pushedBy: orNull(text()),
      blob: orNull(text()),
      facts: json<ChangeFacts>("'{}'"),
      position: bigint(),
      state: text<ChangeState>("'new'"),
      why: text(),
      stateSince: instant('grid_now()'),
    },
    {
      foreignKeys: { change_component_fk: ['componentId', 'component'] },
      uniques: { change_version_uq: ['componentId', 'version'] },
      checks: {
        change_source_ck: oneOf('source', ['seen', 'pushed']),
        change_pushed_ck: "(source = 'pushed') = (pushed_by IS NOT NULL)",
        change_state_ck: oneOf('state', CHANGE_STATES),
      },
      indices: {
        change_line_ix: { columns: ['componentId', 'position'] },
        change_position_uq: { columns: ['position'], unique: true },
        change_open_ix: { columns: ['position'], where: "state IN ('new', 'testing', 'uninstallable')" },
      },
    },
  ),

  /** What was trusted, from when until when. */
  baselineEntry: table(
    'baseline_entry',
    {
      id: key(identity()),
      componentId: bigint(),
      version: text(),
      changeId: orNull(bigint()),
      since: instant('grid_now()'),
      until: orNull(instant()),
      why: text(),
    },
    {
      foreignKeys: { baseline_entry_component_fk: ['componentId', 'component'] },
      checks: { baseline_entry_until_ck: 'until >= since' },
      indices: {
        baseline_entry_open_uq: { columns: ['componentId'], unique: true, where: 'until IS NULL' },
        baseline_entry_component_ix: { columns: ['componentId', 'since'] },
      },
    },
  ),

  /** Changes of one watch that came together, from their first run with all of them until each has its answer. */
  intake: table(
    'intake',
    {
      id: key(identity()),
      watch: text(),
      projectId: bigint(),
      line: json<readonly LinkedChange[]>(),
      tests: bigints(),
      flaky: bigints("'{}'"),
      without: bigints("'{}'"),
      state: text<'testing' | 'searching' | 'passed' | 'stopped'>("'testing'"),
      submissionId: orNull(bigint()),
      tries: integer(0),
      probed: boolean('false'),
      seen: json<readonly SeenBad[]>("'[]'"),
      held: bigints("'{}'"),
      atLimit: boolean('false'),
      openedAt: instant('grid_now()'),
      closedAt: orNull(instant()),
      why: text(),
    },
    {
      foreignKeys: { intake_project_fk: ['projectId', 'project'] },
      checks: {
        intake_state_ck: oneOf('state', ['testing', 'searching', 'passed', 'stopped']),
        intake_closed_ck: "(closed_at IS NOT NULL) = (state IN ('passed', 'stopped'))",
      },
      indices: {
        intake_open_uq: { columns: ['watch'], unique: true, where: 'closed_at IS NULL' },
        intake_at_limit_ix: { columns: ['watch', 'id'], where: 'at_limit' },
      },
    },
  ),

  /** Reds of tests that had passed the time before, until somebody has asked what has changed since. */
  newRed: table('new_red', { runId: key(bigint()) }, {}),

  /** Hunts for the change that broke something. */
  search: table(
    'search',
    {
      id: key(identity()),
      projectId: bigint(),
      intakeId: orNull(bigint()),
      testId: bigint(),
      predicate: text<Predicate>(),
      signature: text(),
      line: json<readonly LinkedChange[]>(),
      beside: json<Versions>(),
      partnerOf: orNull(bigint()),
      parentId: orNull(bigint()),
      value: json<Search>(),
      share: double(),
      actor: text(),
      openedAt: instant('grid_now()'),
      closedAt: orNull(instant()),
      why: text(),
      consequences: boolean('false'),
    },
    {
      foreignKeys: {
        search_project_fk: ['projectId', 'project'],
        search_intake_fk: ['intakeId', 'intake'],
        search_test_fk: ['testId', 'test'],
        search_parent_fk: ['parentId', 'search'],
      },
      checks: { search_predicate_ck: oneOf('predicate', ['fails', 'refused', 'lost']) },
      indices: {
        search_open_ix: { columns: ['id'], where: 'closed_at IS NULL' },
        search_intake_ix: { columns: ['intakeId'] },
        search_test_ix: { columns: ['testId', 'id'] },
        search_partner_ix: { columns: ['parentId'], where: 'partner_of IS NOT NULL' },
        search_record_ix: {
          columns: ['testId', 'id'],
          where:
            "predicate = 'fails' AND (value #>> '{conclusion,kind}' = 'flaky' OR value #>> '{conclusion,kind}' = 'culprit' AND value #>> '{question,mends}' IS DISTINCT FROM 'true')",
        },
      },
    },
  ),

  /** Experiments of searches, each a run of a submission of its own. */
  trial: table(
    'trial',
    {
      searchId: key(bigint()),
      id: key(integer()),
      submissionId: bigint(),
      asked: json<Trial>(),
      askedAt: instant('grid_now()'),
      outcome: orNull(text<TrialOutcome>()),
      toldAt: orNull(instant()),
    },
    {
      foreignKeys: { trial_search_fk: ['searchId', 'search'] },
      checks: { trial_told_ck: '(outcome IS NULL) = (told_at IS NULL)' },
      indices: { trial_open_ix: { columns: ['searchId', 'id'], where: 'told_at IS NULL' } },
    },
  ),

  /** Versions that components are held back to. */
  pin: table(
    'pin',
    {
      id: key(identity()),
      componentId: bigint(),
      version: text(),
      changeId: bigint(),
      searchId: bigint(),
      behind: json<readonly LeftBehind[]>("'[]'"),
      since: instant('grid_now()'),
      liftedAt: orNull(instant()),
      why: text(),
    },
    {
      foreignKeys: {
        pin_component_fk: ['componentId', 'component'],
        pin_change_fk: ['changeId', 'change'],
        pin_search_fk: ['searchId', 'search'],
      },
      indices: {
        pin_open_uq: { columns: ['componentId', 'changeId'], unique: true, where: 'lifted_at IS NULL' },
        pin_since_ix: { columns: ['since'] },
        pin_search_ix: { columns: ['searchId'] },
      },
    },
  ),

  /** Whose change it was found to be, and what they say to that. */
  accusation: table(
    'accusation',
    {
      id: key(identity()),
      searchId: bigint(),
      changeId: bigint(),
      owner: text(),
      madeAt: instant('grid_now()'),
      answer: orNull(text<'not_mine' | 'fixed_in' | 'snoozed'>()),
      detail: orNull(text()),
      answeredBy: orNull(text()),
      answeredAt: orNull(instant()),
      until: orNull(instant()),
      withdrawnAt: orNull(instant()),
      upheldBy: orNull(text()),
    },
    {
      foreignKeys: {
        accusation_search_fk: ['searchId', 'search'],
        accusation_change_fk: ['changeId', 'change'],
      },
      uniques: { accusation_uq: ['searchId', 'changeId'] },
      checks: {
        accusation_answer_ck: oneOf('answer', ['not_mine', 'fixed_in', 'snoozed']),
        accusation_answered_ck:
          '(answer IS NULL) = (answered_at IS NULL) AND (answer IS NULL) = (answered_by IS NULL)',
      },
      indices: {
        accusation_withdrawn_ix: { columns: ['changeId'], where: 'withdrawn_at IS NOT NULL' },
      },
    },
  ),

  /** What changed here and why; append-only, partitioned by month. */
  history: table(
    'history',
    {
      at: key(instant('grid_now()')),
      txid: transactionId('pg_current_xact_id()'),
      id: key(sequence()),
      projectId: orNull(bigint()),
      runId: orNull(bigint()),
      kind: text(),
      subject: text(),
      actor: text(),
      data: json<Details>("'{}'"),
    },
    {
      indices: {
        history_read_ix: { columns: ['txid', 'id'] },
        history_run_ix: { columns: ['runId', 'txid', 'id'], where: 'run_id IS NOT NULL' },
      },
    },
  ),
};
