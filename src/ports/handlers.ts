import type { HandlerSpec, LeasedInstrument } from '../domain/handler.js';

/** What a handler is told; each is answered before the next one is told. */
export type HandlerNews =
  | {
      readonly event: 'run_start';
      readonly run: string;
      readonly attempt: string;
      readonly test: string;
      readonly host: string;
      readonly parameters: Readonly<Record<string, string>>;
      /** Leased with the host for this attempt. */
      readonly instruments: readonly LeasedInstrument[];
    }
  | { readonly event: 'case_start' | 'case_end'; readonly case: string }
  /** A signal of the test's own. */
  | { readonly event: 'signal'; readonly name: string; readonly words: readonly string[] }
  | { readonly event: 'run_end' }
  /** When the test is over: what came of each case, and then of all. */
  | { readonly event: 'case_post'; readonly case: string; readonly result: string }
  | { readonly event: 'run_post' };

/** What a handler has to say. */
export type HandlerWord =
  | {
      readonly kind: 'measurement';
      readonly case: string | undefined;
      readonly name: string;
      readonly value: string;
      readonly unit: string;
    }
  | {
      readonly kind: 'attachment';
      readonly case: string | undefined;
      readonly name: string;
      readonly mediaType: string;
      readonly bytes: Buffer;
    };

/** A handler at work for one attempt. */
export interface HandlerProcess {
  readonly name: string;
  /** Resolves when it has acted upon the news, or with why it never will: it has then been ended. */
  tell(news: HandlerNews, limitMs: number): Promise<string | undefined>;
  /** Ends it, and what it started. */
  end(): void;
}

/** What a handler is: as an admin declares it, or the bytes of a program that came with the test. */
export type HandlerCode = HandlerSpec | { readonly program: Buffer };

/** Grid-side code that answers signals. */
export abstract class Handlers {
  /** The list of this machine's admin. */
  abstract readonly known: ReadonlyMap<string, HandlerSpec>;
  /** Starts one in a process of its own, with these variables; what it says comes to `heard`. */
  abstract start(
    name: string,
    code: HandlerCode,
    environment: Readonly<Record<string, string>>,
    heard: (word: HandlerWord) => void,
  ): HandlerProcess;
}
