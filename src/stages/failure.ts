import type { Id } from '../domain/id.js';

/** A piece of work that failed on a host, for no fault of a test. */
export interface Failure {
  readonly host: Id;
  readonly work: string;
  readonly step?: string;
  readonly message: string;
  readonly run: Id;
  readonly attempt: Id;
}
