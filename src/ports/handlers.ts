/** What a handler is told; each is answered before the next one is told. */
export type HandlerNews =
  | {
      readonly event: 'run_start';
      readonly run: string;
      readonly attempt: string;
      readonly test: string;
      readonly host: string;
      readonly parameters: Readonly<Record<string, string>>;
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

/** Grid-side code that answers signals, from the admin's list; what a test names beside it is nothing. */
export abstract class Handlers {
  /** The names in the list, and whether each acts for every test. */
  abstract readonly known: ReadonlyMap<string, { readonly always: boolean }>;
  /** Starts one in a process of its own; what it says comes to `heard`. */
  abstract start(name: string, heard: (word: HandlerWord) => void): HandlerProcess;
  /** What the list gives it. */
  abstract parametersOf(name: string): Readonly<Record<string, string>>;
}
