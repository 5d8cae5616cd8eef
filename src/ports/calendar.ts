/** Lines of cron. */
export abstract class Calendar {
  /** Whether a moment of this line lies after the one and not after the other. */
  abstract fallsBetween(line: string, after: Date, until: Date): boolean;
}
