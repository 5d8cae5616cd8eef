import { createContext, Script } from 'node:vm';

/** A line may take the pattern this long; what is not slow takes microseconds. */
const LONGEST_MS = 100;
/** So many lines that took longer, and the pattern is not asked any more. */
const MOST_SLOW = 5;
/** All lines together may take the pattern this long; a million good ones take a few seconds. */
const MOST_MS = 5000;

/** The groups of a pattern in each line; undefined where it does not match. */
export type Groups = Readonly<Record<string, string | undefined>> | undefined;

/**
 * Applies a pattern that somebody else wrote to lines that somebody else prints. Some patterns take for ever on some
 * lines: each is given its time, in which the rest of this process waits, and is given up in the end.
 */
export class LineMatcher {
  /** Lines that took the pattern too long. */
  slow = 0;
  private spentMs = 0;
  private readonly context: { lines: readonly string[] };
  private readonly script = new Script(
    'lines.map((line) => { const match = pattern.exec(line); return match && match.groups; })',
  );

  constructor(source: string, flags: string) {
    this.context = createContext({ pattern: new RegExp(source, flags), lines: [] }) as typeof this.context;
  }

  get hasGivenUp(): boolean {
    return this.slow >= MOST_SLOW || this.spentMs >= MOST_MS;
  }

  /** The groups of every line, in their order. */
  match(lines: readonly string[]): readonly Groups[] {
    if (this.hasGivenUp) return lines.map(() => undefined);
    const all = this.run(lines);
    if (all !== undefined) return all;
    // One of them is the slow one; all others are worth being read.
    if (lines.length > 1) return lines.flatMap((line) => this.match([line]));
    this.slow += 1;
    return [undefined];
  }

  private run(lines: readonly string[]): readonly Groups[] | undefined {
    this.context.lines = lines;
    const began = performance.now();
    try {
      const found = this.script.runInContext(this.context, { timeout: LONGEST_MS }) as (Groups | null)[];
      return found.map((groups) => groups ?? undefined);
    } catch (error) {
      if ((error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined;
      throw error;
    } finally {
      this.spentMs += performance.now() - began;
    }
  }
}
