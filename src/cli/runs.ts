import type { RunView } from '../http/contract.js';
import { ago, type Screen } from './screen.js';
import type { Setting } from './setting.js';
import { reasonOf, standing, testOf } from './words.js';

/** Which runs are wanted. */
export interface RunsOptions {
  readonly state?: string;
  readonly verdict?: string;
  readonly test?: string;
  readonly submission?: string;
  readonly project?: string;
  readonly limit?: number;
}

/** The newest runs of a kind. */
export async function runs({ client, screen, json }: Setting, options: RunsOptions): Promise<number> {
  const { limit = 50, ...rest } = options;
  const found: RunView[] = [];
  let cursor: string | undefined;
  do {
    const wanted = Math.min(limit - found.length, 500);
    const page = await client.runs({ ...rest, limit: wanted, cursor });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined && found.length < limit);
  if (json) screen.json(found);
  else if (found.length === 0) screen.note('no such run');
  else {
    showRuns(screen, found);
    if (cursor !== undefined) screen.note(`there are more: --limit ${limit * 2}`);
  }
  return 0;
}

/** A table of runs. */
export function showRuns(screen: Screen, list: readonly RunView[]): void {
  const head = ['RUN', 'TEST', 'VERDICT', 'HOST', 'WHEN', 'WHY'].map((text) => ({
    text,
    tone: 'quiet' as const,
  }));
  const rows = list.map((run) => [
    run.id,
    testOf(run),
    standing(run),
    run.host ?? '-',
    ago(run.judgedAt ?? run.createdAt),
    reasonOf(run),
  ]);
  screen.table([head, ...rows]);
}
