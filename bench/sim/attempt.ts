import type { Outcome, Phase, Teardown } from '../../src/domain/outcome.js';
import type { Catalogue } from '../../src/domain/tag.js';
import { dirtiedBy } from '../../src/executor/dirt.js';
import { brokenPromise } from '../../src/executor/promised.js';
import type {
  Assignment,
  AttemptEvent,
  ChainStep,
  PlacePlan,
  TagProbe,
  TagSeen,
} from '../../src/protocol/messages.js';
import type { Fate, Piece, Turn } from './fate.js';
import type { SimHost } from './host.js';

/** What is told now, and how long nothing is told after it. */
export interface Told {
  readonly events: readonly AttemptEvent[];
  readonly thenS: number;
}

/** What an attempt is played with. */
export interface Stage {
  readonly host: SimHost;
  readonly executor: string;
  readonly catalogue: Catalogue;
  readonly fate: Fate;
  readonly nowS: () => number;
  /** Whether the attempt has been told to stop. */
  readonly isStopped: () => boolean;
}

const ROLE = 'main';
/** What pieces take of which nobody says it. */
const CONNECT_S = 0.1;
const VERIFY_S = 0.2;
const SETUP_S = 1;
const TEST_S = 2;
const TEARDOWN_S = 0.2;

/** One attempt as its executor would carry it out and tell of it, in the order of the protocol. */
export function* play(assignment: Assignment, stage: Stage): Generator<Told, void, void> {
  const [place] = assignment.places;
  if (place === undefined) throw new Error('an assignment has a place');
  yield* new Attempt(assignment, place, stage).whole();
}

/** The executor was killed: nobody tells any more, and what was under way stays half done. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

/** The attempt is over before its time. */
class Over extends Error {
  constructor(readonly outcome: Outcome) {
    super(outcome.kind);
  }
}

class Attempt {
  private seq = 0;
  private touched = false;
  private killed: string | undefined;
  private teardown: Teardown = 'none';
  private before: ReturnType<SimHost['looks']> | undefined;

  constructor(
    private readonly assignment: Assignment,
    private readonly place: PlacePlan,
    private readonly stage: Stage,
  ) {}

  *whole(): Generator<Told, void, void> {
    yield { events: [{ kind: 'begun' }], thenS: 0 };
    let outcome: Outcome;
    try {
      yield* this.reach();
      yield* this.chain();
      yield* this.setUp();
      outcome = yield* this.test();
      if (outcome.kind === 'ended') yield { events: [{ kind: 'decided', outcome }], thenS: 0 };
      yield* this.tearDown();
    } catch (error) {
      if (error instanceof Killed) return this.cutOff('the middle');
      if (!(error instanceof Over)) throw error;
      outcome = error.outcome;
    }
    yield { events: [this.end(outcome)], thenS: 0 };
  }

  private *reach(): Generator<Told, void, void> {
    yield* this.piece('connect', CONNECT_S);
    const { host } = this.stage;
    this.before = host.looks();
    yield { events: [{ kind: 'seen', role: ROLE, tags: [], fingerprint: this.before }], thenS: 0 };
    const { expected } = this.place;
    if (expected === undefined) return;
    const looks = this.before;
    const differs = (Object.keys(expected) as (keyof typeof expected)[]).filter(
      (part) => expected[part] !== looks[part],
    );
    if (differs.length > 0)
      throw new Over({ kind: 'stale', message: `changed since it was left: ${differs.join(', ')}` });
  }

  private *chain(): Generator<Told, void, void> {
    for (const step of this.place.chain) yield* this.chainStep(step);
    yield { events: [{ kind: 'chain_done' }], thenS: 0 };
    yield* this.piece('verify', VERIFY_S);
    const { host } = this.stage;
    this.before = host.looks();
    const probes = [...this.place.verify, ...(this.place.observe ?? [])];
    const tags = probes.map((probe) => seenAs(probe, host));
    yield { events: [{ kind: 'verified', role: ROLE, tags, fingerprint: this.before }], thenS: 0 };
    const { promised } = this.place;
    const seen = probes.map((probe) => ({ ...probe, sighting: host.sees(probe.tag) }));
    const broken = promised && brokenPromise(promised, seen);
    if (broken !== undefined) throw new Over({ kind: 'tag_lied', ...broken });
  }

  private *chainStep(step: ChainStep): Generator<Told, void, void> {
    const { name, layer, key } = step;
    const { host, catalogue } = this.stage;
    const seq = ++this.seq;
    yield {
      events: [{ kind: 'step_started', role: ROLE, seq, what: 'chain', step: name, layer, key }],
      thenS: 0,
    };
    host.begin(step);
    const failed = (result: 'failed' | 'timed_out' | 'killed', message: string, refused?: true): never => {
      host.spoil(layer);
      throw new Over({
        kind: 'chain_failed',
        step: name,
        layer,
        result,
        message,
        ...(refused && { refused }),
      });
    };
    let turn: Turn & { takesS: number };
    try {
      turn = yield* this.piece('chain', step.costS, step);
    } catch (error) {
      host.spoil(layer);
      throw error;
    }
    const can = turn.result === undefined && (turn.lies === true || host.carryOut(step, catalogue));
    const message = turn.message ?? (turn.result === undefined && !can ? `${step.needs} is not there` : '');
    yield { events: [this.stepEnded(seq, turn, can, message)], thenS: 0 };
    if (!can) failed(turn.result ?? 'failed', message, turn.refused);
  }

  private stepEnded(
    seq: number,
    { takesS, result }: { takesS: number; result?: 'failed' | 'timed_out' },
    ok: boolean,
    message: string,
  ): AttemptEvent {
    const durationMs = takesS * 1000;
    return {
      kind: 'step_ended',
      role: ROLE,
      seq,
      result: ok ? 'ok' : (result ?? 'failed'),
      durationMs,
      message,
    };
  }

  private *setUp(): Generator<Told, void, void> {
    if (this.assignment.test.setup === undefined) return;
    const seq = ++this.seq;
    yield { events: [{ kind: 'step_started', role: ROLE, seq, what: 'setup', step: 'setup' }], thenS: 0 };
    this.touched = true;
    const turn = yield* this.piece('setup', SETUP_S);
    const message = turn.message ?? '';
    yield { events: [this.stepEnded(seq, turn, turn.result === undefined, message)], thenS: 0 };
    if (turn.result !== undefined) throw new Over({ kind: 'setup_failed', result: turn.result, message });
  }

  private *test(): Generator<Told, Outcome, void> {
    const seq = ++this.seq;
    yield {
      events: [
        { kind: 'test_started' },
        { kind: 'step_started', role: ROLE, seq, what: 'test', step: 'test' },
      ],
      thenS: 0,
    };
    this.touched = true;
    const turn = yield* this.piece('test', TEST_S);
    const { dirties } = this.assignment.test;
    if (dirties !== undefined && dirties !== 'nothing') this.stage.host.spoil(dirties);
    const cases = (turn.cases ?? []).map(
      (one, i): AttemptEvent => ({ kind: 'case', role: ROLE, seq: i + 1, message: '', ...one }),
    );
    yield {
      events: [...cases, this.stepEnded(seq, turn, turn.exit === undefined || turn.exit === 0, '')],
      thenS: 0,
    };
    return {
      kind: 'ended',
      exit: { kind: 'exited', code: turn.exit ?? 0 },
      missing: { needed: [], underTest: [] },
    };
  }

  private *tearDown(): Generator<Told, void, void> {
    if (this.assignment.test.teardown === undefined) return;
    const seq = ++this.seq;
    yield {
      events: [{ kind: 'step_started', role: ROLE, seq, what: 'teardown', step: 'teardown' }],
      thenS: 0,
    };
    const turn = yield* this.piece('teardown', TEARDOWN_S);
    this.teardown = turn.result ?? 'ok';
    yield { events: [this.stepEnded(seq, turn, turn.result === undefined, turn.message ?? '')], thenS: 0 };
  }

  /** Lets a piece take its time; throws where the attempt is over with it. */
  private *piece(
    what: Piece['what'],
    takesS: number,
    step?: ChainStep,
  ): Generator<Told, Turn & { takesS: number }, void> {
    const { host, executor, fate, nowS, isStopped } = this.stage;
    const { assignment, place } = this;
    const piece = { what, assignment, place, host, executor, atS: nowS(), takesS, ...(step && { step }) };
    const turn = { takesS, ...fate(piece) };
    yield { events: [], thenS: turn.takesS };
    if (turn.boots) host.boot();
    if (isStopped()) this.over(what, { kind: 'cancelled' });
    if (turn.outcome !== undefined) this.over(what, turn.outcome);
    if (turn.lost !== undefined)
      this.over(what, { kind: 'host_lost', phase: what satisfies Phase, ...turn.lost });
    return turn;
  }

  private over(what: Piece['what'], outcome: Outcome): never {
    this.cutOff(what);
    throw new Over(outcome);
  }

  private cutOff(where: string): void {
    if (!this.touched) return;
    this.killed = `cut off in ${where}`;
    this.stage.host.spoil(lowestSpoilt(this.assignment));
  }

  private end(outcome: Outcome): AttemptEvent {
    const { host } = this.stage;
    const isGone = outcome.kind === 'host_lost' && outcome.back !== true;
    const after = isGone || this.before === undefined ? undefined : host.looks();
    const { before, touched, killed, teardown } = this;
    const declared = this.assignment.test.dirties;
    const dirt = dirtiedBy({ local: false, uid: 0, declared, touched, killed, teardown, before, after });
    return {
      kind: 'ended',
      end: { outcome, teardown, ...(dirt && { dirtied: dirt.layer, dirtiedBy: dirt.why }) },
      places: [{ role: ROLE, ...(after && { fingerprint: after }), outputBytes: 0, outputCut: 0 }],
    };
  }
}

/** What a test that was cut off may have changed: what it declares, and the boot layer at least. */
function lowestSpoilt({ test: { dirties } }: Assignment): 'image' | 'packages' | 'boot' {
  return dirties === 'image' || dirties === 'packages' ? dirties : 'boot';
}

function seenAs({ tag, part }: TagProbe, host: SimHost): TagSeen {
  const sighting = host.sees(tag);
  const source = part === undefined ? 'probe' : 'look';
  if (sighting.presence !== 'present') return { tag, source, presence: sighting.presence };
  return {
    tag,
    source,
    presence: 'present',
    instances: sighting.instances.map(({ place, raw }) => ({ place, raw })),
  };
}
