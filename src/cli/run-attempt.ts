import type { Environment } from '../domain/environment/environment.js';
import { type Judged, judgedOf } from '../domain/judge/attribution.js';
import { type Decision, judge } from '../domain/judge/judge.js';
import { attributed } from '../domain/judge/said.js';
import type { AttemptEnd, Verdict } from '../domain/outcome.js';
import type { TestSpec } from '../domain/test.js';
import type { Assignment, AttemptEvent, PlacePlan, TagSeen } from '../protocol/messages.js';
import { executeHere } from './local-executor.js';
import { LocalLink } from './local-link.js';
import type { Needs } from './local-tags.js';
import type { RunPlace } from './place.js';
import type { UnderTest } from './run-artefacts.js';
import type { Lack } from './run-lacks.js';
import type { PackedTree } from './run-tree.js';

/** One test in one variant, as it is to be run. */
export interface PlannedRun {
  /** The path it was read from; undefined: a test of an inventory. */
  readonly file?: string;
  /** With its variant in its environment. */
  readonly spec: TestSpec;
  readonly variant: Readonly<Record<string, string>>;
  /** The test's name, with its variant where it has one. */
  readonly title: string;
  readonly needs: Needs;
  /** What goes along with it, as a file here. */
  readonly packed?: PackedTree;
}

/** What came of a run. */
export interface DoneRun {
  readonly run: PlannedRun;
  readonly verdict: Verdict;
  readonly cases: readonly SaidCase[];
  /** What it needs that is not here. */
  readonly lacks: readonly Lack[];
  /** RFC 3339. */
  readonly startedAt: string;
  /** How long the test's own process ran. */
  readonly durationMs?: number;
  /** The last lines that it printed. */
  readonly tail: string;
  /** Why nothing more can be run there, where that has come out. */
  readonly gone?: string;
}

/** A case as the test reported it, and what that is worth where it is not the whole truth. */
export type SaidCase = Extract<AttemptEvent, { kind: 'case' }> & { readonly judged?: Judged };

/** Who is told what happens while a test runs. */
export interface Witness {
  event(event: AttemptEvent): void;
  output(bytes: Uint8Array): void;
  /** A file that the test or a handler left. */
  left?(attachment: Attachment, bytes: Uint8Array): void;
}

/** A file that was left, without its bytes. */
export type Attachment = Extract<AttemptEvent, { kind: 'attachment' }>;

const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;
const TAIL_BYTES = 8192;
const TAIL_LINES = 40;

/** Carries out one run where it is wanted, and judges it as a grid would. */
export class RunAttempt {
  private readonly link: LocalLink;
  private readonly cases: SaidCase[] = [];
  private readonly steps = new Map<number, string>();
  private tail = Buffer.alloc(0);
  private end: AttemptEnd | undefined;
  private testStarted = false;
  private durationMs: number | undefined;
  private broken: unknown;
  private readonly kept = new Map<string, Buffer>();
  private seen: Extract<AttemptEvent, { kind: 'verified' }> | undefined;
  /** What the test ran on; undefined: it was not looked at. */
  environment: Environment | undefined;

  constructor(
    private readonly place: RunPlace,
    private readonly run: PlannedRun,
    private readonly witnesses: readonly Witness[],
    /** What the test runs on is recorded. */
    private readonly isRecorded: boolean,
    private readonly host: PlacePlan['host'],
    private readonly underTest?: UnderTest,
  ) {
    this.link = new LocalLink(
      this.assignment(),
      {
        event: (event) => this.heard(event),
        output: (bytes) => this.printed(bytes),
        kept: (digest, bytes) => void this.kept.set(digest, bytes),
      },
      filesFor(run, underTest),
    );
  }

  /** Ends it: it is then cancelled. */
  cancel(why: string): void {
    this.link.cancel(why);
  }

  /** Resolves when it is over; `masked` folders of this machine are out of its sight. */
  async carryOut(masked: readonly string[]): Promise<DoneRun> {
    const startedAt = new Date().toISOString();
    await executeHere(this.link, masked);
    if (this.broken !== undefined) throw this.broken;
    if (this.end === undefined) throw new Error('the attempt ended without an end');
    const lacks = await this.lacks(this.end);
    const gone = goneAfter(this.end);
    return {
      run: this.run,
      verdict: this.verdictOf(this.end, lacks),
      cases: this.judgedCases(this.end),
      lacks,
      startedAt,
      ...(this.durationMs === undefined ? {} : { durationMs: this.durationMs }),
      tail: this.tail.toString('utf8').split('\n').slice(-TAIL_LINES).join('\n'),
      ...(gone === undefined ? {} : { gone }),
    };
  }

  private assignment(): Assignment {
    const { spec, needs } = this.run;
    const isLocal = this.host.transport.kind === 'local';
    const { handlers } = this.place.inventory?.grid ?? {};
    return {
      run: '1',
      // A host over ssh refuses a number lower than one that it has seen.
      attempt: isLocal ? '1' : String(Date.now()),
      number: 1,
      places: [
        {
          role: 'main',
          host: this.host,
          seat: 1,
          chain: [],
          ...('lacks' in needs ? { verify: [] } : needs),
          fresh: isLocal,
          record: this.isRecorded,
        },
      ],
      test: { ...spec, environment: { ...spec.environment, ...this.underTest?.environment } },
      outputLimitBytes: OUTPUT_LIMIT_BYTES,
      ...(this.underTest === undefined ? {} : { artefacts: this.underTest.artefacts }),
      ...(handlers === undefined ? {} : { handlers }),
    };
  }

  private heard(event: AttemptEvent): void {
    if (event.kind === 'test_started') this.testStarted = true;
    if (event.kind === 'case') this.cases.push(event);
    if (event.kind === 'step_started') this.steps.set(event.seq, event.what);
    if (event.kind === 'step_ended' && this.steps.get(event.seq) === 'test')
      this.durationMs = event.durationMs;
    if (event.kind === 'verified') this.seen = event;
    if (event.kind === 'environment') this.environment = this.recorded(event.parts);
    if (event.kind === 'ended') this.end = event.end;
    if (event.kind === 'attachment') this.left(event);
    this.tell((witness) => witness.event(event));
  }

  private left(attachment: Attachment): void {
    const bytes = this.kept.get(attachment.digest);
    this.kept.delete(attachment.digest);
    if (bytes !== undefined) this.tell((witness) => witness.left?.(attachment, bytes));
  }

  /** A witness that fails, as on a full disk, must not hold up the report: the attempt is ended, and then it is said. */
  private tell(news: (witness: Witness) => void): void {
    try {
      for (const witness of this.witnesses) news(witness);
    } catch (error) {
      this.broken ??= error;
      this.link.cancel('what came of it cannot be kept');
    }
  }

  /** The parts that were kept just before. */
  private recorded(parts: Extract<AttemptEvent, { kind: 'environment' }>['parts']): Environment {
    const bytes = Object.entries(parts).map(([part, digest]) => [part, this.kept.get(digest)] as const);
    for (const digest of Object.values(parts)) this.kept.delete(digest);
    return Object.fromEntries(
      bytes.flatMap(([part, content]) =>
        content === undefined ? [] : [[part, JSON.parse(content.toString('utf8'))]],
      ),
    );
  }

  private printed(bytes: Uint8Array): void {
    this.tail = Buffer.concat([this.tail, bytes.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
    this.tell((witness) => witness.output(bytes));
  }

  private async lacks({ outcome }: AttemptEnd): Promise<readonly Lack[]> {
    const { needs } = this.run;
    if (outcome.kind !== 'tag_lied' || 'lacks' in needs || needs.promised === undefined) return [];
    const { factsSeen, lacksOf } = await import('./run-lacks.js');
    const tags: readonly TagSeen[] = this.seen?.tags ?? [];
    const isLocal = this.place.transport.kind === 'local';
    const facts = factsSeen(tags, needs.promised);
    return lacksOf(needs.promised.requirement, facts, await this.place.knowledge(), isLocal);
  }

  private judgedCases({ outcome }: AttemptEnd): readonly SaidCase[] {
    const worths = attributed(outcome, { spec: this.run.spec, cases: this.cases })?.cases ?? [];
    return this.cases.map((one, index) => {
      const judged = judgedOf(worths[index]);
      return judged === undefined ? one : { ...one, judged };
    });
  }

  private verdictOf(end: AttemptEnd, lacks: readonly Lack[]): Verdict {
    const { outcome } = end;
    if (outcome.kind === 'tag_lied') {
      const why = outcome.why ?? `${outcome.tag} is ${outcome.presence} on this machine`;
      return noVerdict('not_compatible', lacks.length === 0 ? why : reasonOf(lacks));
    }
    if (outcome.kind === 'cancelled') return noVerdict('cancelled', 'stopped by Ctrl-C');
    const decision: Decision = judge(end, {
      spec: this.run.spec,
      purpose: 'test',
      host: this.host,
      attempt: '1',
      testStarted: this.testStarted,
      // The throw-away view of this machine is fresh; of a host over ssh nobody here knows what ran before.
      fresh: this.host.transport.kind === 'local',
      cases: this.cases,
      ranBefore: [],
      freshCanBeHad: false,
      memory: {},
    });
    if (decision.do === 'verdict') return decision.verdict;
    // A grid would try elsewhere, or ask the test's owner; here there is no elsewhere.
    return noVerdict(outcome.kind === 'setup_failed' ? 'setup_failed' : 'host_lost', decision.reason);
  }
}

/** Paths here by digest of all that is brought to the host. */
function filesFor({ packed }: PlannedRun, underTest: UnderTest | undefined) {
  const files = new Map(underTest?.files);
  if (packed !== undefined) files.set(packed.tree.blob, packed.file);
  return files;
}

/** Why nothing can be run there any more: no way in, or something that cannot be shown dead. */
function goneAfter({ outcome }: AttemptEnd): string | undefined {
  if (outcome.kind === 'host_lost' && outcome.phase === 'connect') return outcome.message;
  if (outcome.kind === 'executor_unable' || outcome.kind === 'unclean') return outcome.message;
  return undefined;
}

/** All that is lacking, in one line. */
export function reasonOf(lacks: readonly Lack[]): string {
  const more = lacks.length > 3 ? `; and ${lacks.length - 3} more` : '';
  const [only] = lacks;
  const hint = lacks.length === 1 && only?.hint !== undefined ? ` (${only.hint})` : '';
  return `${lacks
    .slice(0, 3)
    .map(({ why }) => why)
    .join('; ')}${more}${hint}`;
}

/** That there is no verdict, and why. */
export function noVerdict(
  noVerdict: Extract<Verdict, { verdict: 'none' }>['noVerdict'],
  reason: string,
): Verdict {
  return { verdict: 'none', noVerdict, reason, marks: [] };
}
