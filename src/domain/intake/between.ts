import type { Versions } from '../baseline.js';
import type { LinkedChange } from './line.js';

/** A version that a component had, in the line of all changes. */
export interface Recorded extends LinkedChange {
  /** Its place in the line. */
  readonly position: bigint;
  /** A candidate that somebody pushed: it stands on the baseline, on nothing of the line. */
  readonly pushed: boolean;
}

/** What was recorded of components: their changes, and versions that were there before any. */
export interface Past {
  readonly changes: readonly Recorded[];
  readonly found: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * The changes that lead from some versions to others, in their line, each with the version before it; and what is the
 * same in both. Or what is wrong, by component.
 */
export function lineBetween(
  from: Versions,
  to: Versions,
  past: Past,
):
  | { readonly line: readonly LinkedChange[]; readonly beside: Versions }
  | { readonly wrong: readonly { readonly component: string; readonly message: string }[] } {
  const wrong: { component: string; message: string }[] = [];
  const beside: Record<string, string> = {};
  const line: Recorded[] = [];
  for (const [component, end] of Object.entries(to)) {
    const begin = from[component];
    if (begin === end || begin === undefined) {
      beside[component] = end;
      continue;
    }
    const steps = stepsOf(component, begin, end, past);
    if (typeof steps === 'string') wrong.push({ component, message: steps });
    else line.push(...steps);
  }
  if (wrong.length > 0) return { wrong };
  line.sort((a, b) => (a.position < b.position ? -1 : 1));
  return { line: line.map(({ position: _, pushed: __, ...change }) => change), beside };
}

/** The changes of one component, each from the one before it; a text: why there are none. */
function stepsOf(
  component: string,
  begin: string,
  end: string,
  { changes, found }: Past,
): readonly Recorded[] | string {
  const own = changes.filter((change) => change.component === component);
  const last = own.find(({ to }) => to === end);
  const first = own.find(({ to }) => to === begin);
  const isFound = (version: string) => found.get(component)?.has(version) === true;
  if (first === undefined && !isFound(begin)) return `no version ${begin} of it was ever seen`;
  if (last === undefined)
    return isFound(end)
      ? `${end} was there before any change was seen: it does not come after ${begin}`
      : `no version ${end} of it was ever seen`;
  if (last.pushed) return [{ ...last, from: begin }];
  const start = first?.position ?? -1n;
  if (last.position < start) return `${end} does not come after ${begin}`;
  let before = begin;
  return own
    .filter(({ position, pushed }) => !pushed && position > start && position <= last.position)
    .sort((a, b) => (a.position < b.position ? -1 : 1))
    .map((change) => {
      const step = { ...change, from: before };
      before = change.to;
      return step;
    });
}
