import type { Outcome } from '../../src/domain/outcome.js';
import type { Assignment, AttemptEvent, ChainStep, PlacePlan } from '../../src/protocol/messages.js';
import type { SimHost } from './host.js';

/** One piece of an attempt that is about to begin on a simulated host. */
export interface Piece {
  readonly what: 'connect' | 'chain' | 'verify' | 'setup' | 'test' | 'teardown';
  readonly assignment: Assignment;
  readonly place: PlacePlan;
  readonly host: SimHost;
  /** The name of the executor that does it. */
  readonly executor: string;
  /** Of the chain. */
  readonly step?: ChainStep;
  /** When it begins, in simulated seconds. */
  readonly atS: number;
  /** How long it takes unless fate says otherwise: of a step its declared cost. */
  readonly takesS: number;
}

/** What becomes of a piece; nothing said: it does its work, in the time that it takes. */
export interface Turn {
  readonly takesS?: number;
  /** Of a step, a setup or a teardown. */
  readonly result?: 'failed' | 'timed_out';
  readonly message?: string;
  /** Of a step that fails: what is asked for cannot be put in, by its own word. */
  readonly refused?: true;
  /** The step says that it has done its work, and has left nothing of what it gives. */
  readonly lies?: boolean;
  /** Of the test: its exit code, 0 unless said, and its cases. */
  readonly exit?: number;
  readonly cases?: readonly Pick<Extract<AttemptEvent, { kind: 'case' }>, 'name' | 'result'>[];
  /** The way into the host broke after `takesS`, in whatever phase this is. */
  readonly lost?: { readonly error: string; readonly message: string; readonly back?: boolean };
  /** The attempt ends so after `takesS`. */
  readonly outcome?: Outcome;
  /** The machine starts anew, and nobody ordered it. */
  readonly boots?: boolean;
}

/** What becomes of each piece of each attempt: all faults are injected here. Must depend on nothing but the piece and a seed. */
export type Fate = (piece: Piece) => Turn | undefined;
