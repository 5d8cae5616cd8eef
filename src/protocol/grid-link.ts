import type { Readable } from 'node:stream';
import type {
  Claim,
  Claimed,
  Keep,
  Kept,
  Register,
  Registered,
  Renew,
  Renewed,
  Report,
  Reported,
} from './messages.js';

/**
 * What an executor sees of the grid; it knows nothing else. Counterparts: the grid in process, the grid over
 * HTTPS, and `testyard run`. Every method throws LeaseDead when the lease has ended, Refused where the executor is
 * not let in, and any other error when the grid cannot be asked just now: then the same call may be made again,
 * with the same content.
 */
export abstract class GridLink {
  abstract register(request: Register): Promise<Registered>;
  abstract claim(request: Claim): Promise<Claimed>;
  abstract renew(request: Renew): Promise<Renewed>;
  /** Idempotent: entries and segments already recorded are passed over. */
  abstract report(request: Report): Promise<Reported>;
  /** Gives the lease back; attempts that still run end as executor lost. */
  abstract release(lease: string, reason: string): Promise<void>;
  /**
   * The bytes of an artefact that is under test in an attempt of this lease; Refused where none is. Throws BlobMissing
   * where the grid has lost it.
   */
  abstract blob(lease: string, digest: string): Promise<Readable>;
  /** Keeps the bytes of a file that a test or a handler left; keeping the same twice keeps one. */
  abstract keep(request: Keep): Promise<Kept>;
}
