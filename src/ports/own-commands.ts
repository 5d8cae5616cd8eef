/** How a command ended; `words` say it to people. */
export type CommandEnd =
  | { readonly kind: 'exited'; readonly code: number; readonly words: string }
  /** It was killed, could not be started, ran too long, or nobody wants it any more. */
  | { readonly kind: 'signalled' | 'never_started' | 'timed_out' | 'stopped'; readonly words: string };

/** What is run. */
export interface OwnCommand {
  readonly command: readonly string[];
  /** What it finds in its environment besides this machine's own. */
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs: number;
  readonly stop?: AbortSignal;
  /** Both of what it prints and what it complains of, in the order in which they come. */
  readonly onOutput: (bytes: Buffer) => void;
}

/** Runs commands of the admin's own on the executor's machine; all that a command started ends with it. */
export abstract class OwnCommands {
  abstract run(command: OwnCommand): Promise<CommandEnd>;
}
