import { createTask, type ScheduledTask, validateDetailed } from 'node-cron';
import { Calendar } from '../ports/calendar.js';

const MINUTE_MS = 60_000;
/** What was missed for longer than that is made up for once, however often it was. */
const MOST_MINUTES = 7 * 24 * 60;

/** What is wrong with a line of cron, or undefined. */
export function wrongCron(line: string): string | undefined {
  if (line.trim().split(/\s+/).length !== 5)
    return 'a line of cron has five fields, minute hour day month weekday, in UTC: 0 3 * * *';
  const { valid, errors } = validateDetailed(line);
  return valid ? undefined : (errors[0]?.message ?? 'it is no line of cron');
}

/** Lines of cron by node-cron, to the minute, in UTC. */
export class Cron extends Calendar {
  private readonly tasks = new Map<string, ScheduledTask>();

  override fallsBetween(line: string, after: Date, until: Date): boolean {
    const first = Math.floor(after.getTime() / MINUTE_MS) + 1;
    const last = Math.floor(until.getTime() / MINUTE_MS);
    const task = this.taskOf(line);
    for (let minute = Math.max(first, last - MOST_MINUTES); minute <= last; minute++)
      if (task.match(new Date(minute * MINUTE_MS))) return true;
    return false;
  }

  /** It is never started: only asked. */
  private taskOf(line: string): ScheduledTask {
    const known = this.tasks.get(line) ?? createTask(line, () => {}, { timezone: 'UTC' });
    this.tasks.set(line, known);
    return known;
  }
}
