import { randomUUID } from 'node:crypto';
import type { HaltPolicy, Inventory } from '../../src/domain/inventory.js';
import { STANDARD_TAGS } from '../../src/domain/look/standard-tags.js';
import type { AttemptEnd, Outcome } from '../../src/domain/outcome.js';
import type { Assignment, AttemptEvent } from '../../src/protocol/messages.js';
import { PROTOCOL } from '../../src/protocol/terms.js';
import { Claims } from '../../src/stages/claims.js';
import { Heartbeat } from '../../src/stages/heartbeat.js';
import { RecordDesk } from '../../src/stages/record.js';
import { SETTINGS, type Settings } from '../../src/stages/settings.js';
import { applyInventory } from '../../src/store/inventory.js';
import { Store } from '../../src/store/store.js';
import { Wakeup } from '../../src/store/wakeup.js';
import { freshDatabase } from '../database.js';
import { aHost, aTest, exit, LOOKS } from './parts.js';

export { aHost, aStep, aTag, aTest, aWord, declared, exit, LOOKS, lostIn } from './parts.js';

/**
 * A whole grid on a real database whose executor is played by the test: beats are ticked by hand, time is set,
 * and every attempt ends as the test says.
 */
export class TestGrid {
  lease = '';
  private incarnation = '';
  private readonly kept: Assignment[] = [];
  private readonly seqs = new Map<string, number>();
  /** What probes see, per host; 'present' where nothing is said. */
  readonly sees = new Map<string, Record<string, 'present' | 'absent' | 'unknown'>>();

  private constructor(
    readonly store: Store,
    readonly desk: RecordDesk,
    /** The scheduler; another one after `newScheduler`. */
    public heartbeat: Heartbeat,
    readonly claims: Claims,
    readonly settings: Settings,
    readonly inventory: Inventory,
    /** Its database. */
    readonly url: string,
    private readonly drop: () => Promise<void>,
  ) {}

  static async open(
    parts: Partial<Omit<Inventory, 'grid'>> & {
      readonly settings?: Partial<Settings>;
      readonly default?: string;
      readonly halt?: HaltPolicy;
    } = {},
  ): Promise<TestGrid> {
    const database = await freshDatabase();
    const store = await Store.open(database.url, { poolSize: 5, plans: 'once' });
    const wakeup = new Wakeup(database.url);
    const settings = { ...SETTINGS, ...parts.settings };
    const inventory: Inventory = {
      grid: {
        name: 'test grid',
        admin: 'the-admin',
        default: parts.default ?? '',
        ...(parts.halt && { halt: parts.halt }),
      },
      tags: parts.tags ?? [],
      aliases: parts.aliases ?? [],
      pools: parts.pools ?? [{ name: 'default' }],
      resources: parts.resources ?? [],
      types: parts.types ?? [],
      hosts: parts.hosts ?? [aHost('one')],
      steps: parts.steps ?? [],
      tests: parts.tests ?? [aTest('plain')],
    };
    const claims = new Claims();
    const heartbeat = new Heartbeat(store, settings, (line) => grid.logged.push(line), claims);
    const grid: TestGrid = new TestGrid(
      store,
      new RecordDesk(store, wakeup, settings, claims),
      heartbeat,
      claims,
      settings,
      inventory,
      database.url,
      async () => {
        await wakeup.close();
        await store.close();
        await database.drop();
      },
    );
    await store.rows(`UPDATE grid_clock SET set_to = '2026-01-01T00:00:00Z'`);
    await store.rows(`UPDATE leadership SET beat_at = grid_now(), expires_at = grid_now()`);
    await store.rows('SELECT grid_ensure_partitions()');
    await applyInventory(store, inventory);
    // The hosts have been looked at before, but for the tags that a test brings.
    await store.rows(
      `INSERT INTO host_probe (host_id, probe, worked) SELECT h.id, probe, true FROM host h CROSS JOIN unnest($1::text[]) AS t(probe)`,
      [STANDARD_TAGS.filter(({ name }) => name !== 'cmd:*').map(({ name }) => name)],
    );
    await grid.executorStarts();
    return grid;
  }

  readonly logged: string[] = [];

  async close(): Promise<void> {
    await this.drop();
  }

  /** Declares the inventory anew, with these parts changed. */
  async declare(parts: Partial<Inventory>): Promise<void> {
    await applyInventory(this.store, { ...this.inventory, ...parts });
  }

  /** The executor starts (anew): an incarnation and a lease of its own. */
  async executorStarts(name = 'hands'): Promise<string> {
    this.incarnation = randomUUID();
    const { lease } = await this.desk.register({
      executor: name,
      incarnation: this.incarnation,
      protocol: PROTOCOL,
      capacity: 100,
    });
    this.lease = lease;
    return lease;
  }

  /** The scheduler ends and another one, with other settings, takes its place. */
  async newScheduler(settings: Partial<Settings>): Promise<void> {
    await this.heartbeat.stop();
    this.heartbeat = new Heartbeat(this.store, { ...this.settings, ...settings }, (line) =>
      this.logged.push(line),
    );
    await this.beat();
  }

  /** Lets time pass; the executor renews unless said otherwise. */
  async pass(seconds: number, options: { readonly renew?: boolean } = {}): Promise<void> {
    await this.store.rows(`UPDATE grid_clock SET set_to = set_to + $1 * interval '1 s'`, [seconds]);
    if (options.renew !== false) await this.desk.renew({ lease: this.lease, attempts: [], draining: false });
  }

  /** Beats until nothing is left to decide. */
  async beat(): Promise<void> {
    for (let i = 0; i < 30; i++) if (!(await this.heartbeat.beat())) return;
    throw new Error('the heartbeat never comes to rest');
  }

  /** Submits tests by name; gives the runs' ids. */
  async submit(
    names: string | readonly string[],
    more: {
      variants?: Record<string, string>[];
      targets?: object[];
      timeoutS?: number;
      priority?: number;
      wait?: boolean;
      project?: string;
      actor?: string;
    } = {},
  ): Promise<string[]> {
    const list = typeof names === 'string' ? [names] : names;
    const [row] = await this.store.rows<{ id: string }>(
      `INSERT INTO submission (project_id, source, actor, tests, variants, targets, queue_timeout, priority, wait)
       SELECT p.id, 'user', $8, ARRAY(SELECT (SELECT max(t.id) FROM test t WHERE t.project_id = p.id AND t.name = n)
         FROM unnest($1::text[]) WITH ORDINALITY AS u(n, i) ORDER BY i), $2, $3, $4 * interval '1 s', $5, $6
       FROM project p WHERE p.name = $7 RETURNING id`,
      [
        list,
        JSON.stringify(more.variants ?? [{}]),
        JSON.stringify(more.targets ?? [{}]),
        more.timeoutS ?? null,
        more.priority ?? 0,
        more.wait ?? false,
        more.project ?? 'default',
        more.actor ?? 'qe',
      ],
    );
    await this.beat();
    const runs = await this.store.rows<{ id: string }>(
      `SELECT id FROM run WHERE submission_id = $1 ORDER BY id`,
      [row?.id],
    );
    return runs.map((r) => r.id);
  }

  /** Work the grid has for the executor now. */
  async take(): Promise<readonly Assignment[]> {
    const { assignments } = await this.desk.claim({ lease: this.lease, waitMs: 0 });
    return [...this.kept.splice(0), ...assignments];
  }

  /** Takes the work for one run, and leaves other work for who asks next; fails where there is none. */
  async takeRun(run: string): Promise<Assignment> {
    const all = await this.take();
    const mine = all.find((a) => a.run === run);
    this.kept.push(...all.filter((a) => a !== mine));
    if (mine === undefined)
      throw new Error(
        `no work for r${run}; there is work for ${all.map((a) => `r${a.run}`).join(', ') || 'none'}`,
      );
    return mine;
  }

  /** Takes the canaries and checks that the grid gave itself, and leaves other work for who asks next. */
  async takeCanaries(): Promise<readonly Assignment[]> {
    const all = await this.take();
    this.kept.push(...all.filter((a) => a.test.name !== 'canary'));
    return all.filter((a) => a.test.name === 'canary');
  }

  /** Reports events of an attempt, numbered on. */
  async report(
    assignment: Assignment,
    events: readonly AttemptEvent[],
    lease = this.lease,
  ): Promise<string | number> {
    const first = (this.seqs.get(assignment.attempt) ?? 0) + 1;
    this.seqs.set(assignment.attempt, first + events.length - 1);
    const { attempts } = await this.desk.report({
      lease,
      entries: events.map((event, i) => ({
        run: assignment.run,
        attempt: assignment.attempt,
        seq: first + i,
        event,
      })),
      segments: [],
    });
    const answer = attempts[0];
    if (answer === undefined) throw new Error('a report names its attempts');
    return 'refused' in answer ? answer.refused : answer.recorded;
  }

  /** Plays an attempt to its end. */
  async end(
    assignment: Assignment,
    outcome: Outcome,
    more: Partial<AttemptEnd> & Played & { looksAfter?: typeof LOOKS } = {},
  ): Promise<void> {
    const { cases = [], looksAfter, looks = LOOKS, tookMs, ...end } = more;
    const answer = await this.report(assignment, [
      ...this.untilItsOutcome(assignment, outcome, { cases, looks, ...(tookMs !== undefined && { tookMs }) }),
      endOf(outcome, end, cameToLook(outcome) ? (looksAfter ?? looks) : undefined),
    ]);
    if (answer !== this.seqs.get(assignment.attempt))
      throw new Error(`the report was answered with ${answer}`);
    await this.beat();
  }

  /** Plays an attempt until its outcome is told; the host is not tidied up yet. */
  async decide(assignment: Assignment, outcome: Outcome, more: Played = {}): Promise<void> {
    await this.tell(assignment, outcome, more);
    await this.beat();
  }

  /** As `decide`, and nobody has looked at it yet. */
  async tell(assignment: Assignment, outcome: Outcome, more: Played = {}): Promise<void> {
    const answer = await this.report(assignment, [
      ...this.untilItsOutcome(assignment, outcome, more),
      { kind: 'decided', outcome },
    ]);
    if (answer !== this.seqs.get(assignment.attempt))
      throw new Error(`the report was answered with ${answer}`);
  }

  /** Plays the rest of an attempt whose outcome is told. */
  async tidyUp(assignment: Assignment, outcome: Outcome, end: Partial<AttemptEnd> = {}, looksAfter = LOOKS) {
    await this.tellEnd(assignment, outcome, end, looksAfter);
    await this.beat();
  }

  /** As `tidyUp`, and nobody has looked at it yet. */
  async tellEnd(assignment: Assignment, outcome: Outcome, end: Partial<AttemptEnd> = {}, looksAfter = LOOKS) {
    await this.report(assignment, [endOf(outcome, end, looksAfter)]);
  }

  private untilItsOutcome(
    assignment: Assignment,
    outcome: Outcome,
    { cases = [], looks = LOOKS, tookMs }: Played,
  ): AttemptEvent[] {
    const place = assignment.places[0];
    if (place === undefined) throw new Error('an assignment has a place');
    const seen = this.sees.get(place.host.name) ?? {};
    const tags = [...place.verify, ...(place.observe ?? [])].map(({ tag }) => ({
      tag,
      presence: seen[tag] ?? ('present' as const),
    }));
    const events: AttemptEvent[] = [{ kind: 'begun' }];
    const inChain = outcome.kind === 'chain_failed';
    if (cameToLook(outcome)) {
      events.push({ kind: 'seen', role: 'main', tags: [], fingerprint: looks });
      for (const [i, step] of place.chain.entries()) {
        const failed = inChain && outcome.step === step.name;
        events.push({
          kind: 'step_started',
          role: 'main',
          seq: i + 1,
          what: 'chain',
          step: step.name,
          layer: step.layer,
          key: step.key,
        });
        events.push({
          kind: 'step_ended',
          role: 'main',
          seq: i + 1,
          result: failed ? 'failed' : 'ok',
          durationMs: 1,
          message: '',
        });
        if (failed) break;
      }
      if (!inChain && outcome.kind !== 'stale') {
        events.push({ kind: 'chain_done' });
        events.push({ kind: 'verified', role: 'main', tags, fingerprint: looks });
        const n = place.chain.length;
        if (assignment.test.setup !== undefined) {
          events.push({ kind: 'step_started', role: 'main', seq: n + 1, what: 'setup', step: 'setup' });
          events.push({
            kind: 'step_ended',
            role: 'main',
            seq: n + 1,
            result: outcome.kind === 'setup_failed' ? 'failed' : 'ok',
            durationMs: 1,
            message: '',
          });
        }
        if (!['tag_lied', 'setup_failed', 'never_started'].includes(outcome.kind)) {
          events.push({ kind: 'test_started' });
          events.push(
            ...cases.map((c, i) => ({ kind: 'case' as const, role: 'main', seq: i + 1, message: '', ...c })),
          );
          if (tookMs !== undefined) {
            const step = { role: 'main', seq: n + 2 };
            events.push({ kind: 'step_started', ...step, what: 'test', step: 'test' });
            events.push({ kind: 'step_ended', ...step, result: 'ok', durationMs: tookMs, message: '' });
          }
        }
      }
    }
    return events;
  }

  /** The hosts' first look: canaries that the grid gives itself. Other work stays for who asks for it. */
  async lookAtHosts(): Promise<void> {
    await this.beat();
    for (const assignment of await this.takeCanaries()) await this.end(assignment, exit(0));
  }

  /** A run as it stands. */
  async run(id: string): Promise<RunNow> {
    const [row] = await this.store.rows<RunNow>(
      `SELECT r.verdict, r.no_verdict AS "noVerdict", r.marks, r.verdict_attempt AS proof, r.evidence,
         coalesce(q.state, 'done') AS state,
         coalesce(r.reason, CASE WHEN q.state = 'waiting' AND q.not_before IS NULL THEN d.reason ELSE q.reason END) AS reason,
         CASE WHEN q.state = 'waiting' AND q.not_before IS NULL THEN d.reason_code ELSE q.reason_code END AS code,
         q.incident_id AS incident
       FROM run r LEFT JOIN queue q ON q.run_id = r.id LEFT JOIN demand d ON d.key = q.demand WHERE r.id = $1`,
      [id],
    );
    if (row === undefined) throw new Error(`no run ${id}`);
    return row;
  }

  /** A host as it stands. */
  async host(
    name: string,
  ): Promise<{ health: string; why: string; dirty: string | null; used: boolean; stack: string[] }> {
    const [row] = await this.store.rows<{
      health: string;
      why: string;
      dirty: string | null;
      used: boolean;
      stack: string[];
    }>(
      `SELECT health, health_why AS why, dirty_from AS dirty, used_since_stack AS used,
         ARRAY(SELECT step FROM host_stack s WHERE s.host_id = h.id ORDER BY position) AS stack FROM host h WHERE name = $1`,
      [name],
    );
    if (row === undefined) throw new Error(`no host ${name}`);
    return row;
  }

  /** Somebody cancels a run. */
  async cancel(run: string, who: string): Promise<void> {
    await this.store.rows(`UPDATE queue SET cancelled_by = $2 WHERE run_id = $1`, [run, who]);
  }

  /** What history says about something: `r1`, `i2`; everything where nothing is named. */
  history(subject?: string): Promise<{ kind: string; subject: string; data: Record<string, unknown> }[]> {
    return this.store.rows(
      `SELECT kind, subject, data FROM history WHERE $1::text IS NULL OR subject = $1 ORDER BY id`,
      [subject ?? null],
    );
  }

  /** Incidents that are open. */
  incidents(): Promise<
    { id: string; scope: string; title: string; owner: string; host: string | null; step: string | null }[]
  > {
    return this.store.rows(
      `SELECT i.id, i.scope, i.title, i.owner, h.name AS host, i.step FROM incident i LEFT JOIN host h ON h.id = i.host_id
       WHERE i.closed_at IS NULL ORDER BY i.id`,
    );
  }
}

/** What is said and seen in an attempt that is played. */
interface Played {
  readonly cases?: readonly {
    name: string;
    result: 'pass' | 'fail' | 'skip';
    measurement?: { raw: string; unit: string };
  }[];
  readonly looks?: typeof LOOKS;
  /** How long the test itself ran; undefined: not told. */
  readonly tookMs?: number;
}

/** Whether an attempt of this outcome came so far that the host was seen. */
function cameToLook(outcome: Outcome): boolean {
  const early = ['host_lost', 'unclean', 'fenced', 'executor_unable'].includes(outcome.kind);
  return !early || ('phase' in outcome && outcome.phase === 'test');
}

function endOf(outcome: Outcome, end: Partial<AttemptEnd>, fingerprint?: typeof LOOKS): AttemptEvent {
  const looks = fingerprint === undefined ? {} : { fingerprint };
  const places = [{ role: 'main', ...looks, outputBytes: 0, outputCut: 0 }];
  return { kind: 'ended', end: { outcome, teardown: 'none', ...end }, places };
}

/** A run as tests look at it. */
export interface RunNow {
  verdict: string | null;
  noVerdict: string | null;
  marks: string[];
  proof: string | null;
  evidence: Record<string, unknown> | null;
  state: string;
  reason: string;
  code: string | null;
  incident: string | null;
}
