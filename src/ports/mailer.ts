import type { Letter } from '../domain/tell/letter.js';
import type { MailSpec } from '../domain/tell/telling.js';

/** A letter with its envelope. */
export interface SentLetter extends Letter {
  readonly to: string;
  readonly replyTo?: string;
  /** Without angle brackets; the same however often it is tried. */
  readonly messageId: string;
  /** The first letter of its thread, which this one answers; undefined: it is the first. */
  readonly answers?: string;
  /** What the letters of this grid have in common, for filters. */
  readonly listId: string;
  /** What the thread is about: `i7`. */
  readonly thread: string;
}

/** Something could not be sent; the message is for the admin. */
export class NotSent extends Error {
  override readonly name = 'NotSent';
  constructor(
    message: string,
    /** Trying again comes to the same. */
    readonly isForGood: boolean,
  ) {
    super(message);
  }
}

/** A way for letters. */
export abstract class Mailer {
  /** Resolves when the server has taken the letter over. Rejects with NotSent. */
  abstract send(mail: MailSpec, letter: SentLetter): Promise<void>;
}
