import { type Caller, digestOfSecret, findCaller } from '../store/access.js';
import type { Sql } from '../store/store.js';
import { unauthorized } from './problem.js';

/** For how long a token that was good is taken to be so: revocation takes effect within it, everywhere. */
export const TOKEN_TRUST_MS = 5000;

const MOST_REMEMBERED = 10_000;

/** Knows whose a token is, and asks the database again after 5 seconds. */
export class TokensSeen {
  private readonly seen = new Map<string, { readonly caller: Caller; readonly untilMs: number }>();

  constructor(
    private readonly sql: Sql,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** The caller that an Authorization header names; rejects with what is wrong with it. */
  async identify(header: string | undefined): Promise<Caller> {
    if (header === undefined) {
      throw unauthorized('A token is needed: Authorization: Bearer ty_...');
    }
    const secret = /^Bearer +(ty_[A-Za-z0-9_-]{10,300})$/i.exec(header)?.[1];
    if (secret === undefined) throw unauthorized('This is no token: Authorization: Bearer ty_...');
    const digest = digestOfSecret(secret);
    const key = digest.toString('base64');
    const remembered = this.seen.get(key);
    if (remembered !== undefined && this.nowMs() < remembered.untilMs) return remembered.caller;
    this.seen.delete(key);
    const askedMs = this.nowMs();
    const caller = await findCaller(this.sql, digest);
    if (caller === 'unknown') throw unauthorized('This token is not known here');
    if (caller === 'revoked') throw unauthorized('This token has been revoked');
    if (caller === 'expired') throw unauthorized('This token has expired');
    if (this.seen.size >= MOST_REMEMBERED) this.forgetOldest();
    // From before the question: the answer is at least as old.
    this.seen.set(key, { caller, untilMs: askedMs + TOKEN_TRUST_MS });
    return caller;
  }

  /** Asks anew for every token from now on. */
  forget(): void {
    this.seen.clear();
  }

  private forgetOldest(): void {
    const oldest = this.seen.keys().next().value;
    if (oldest !== undefined) this.seen.delete(oldest);
  }
}
