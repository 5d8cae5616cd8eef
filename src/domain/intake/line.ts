import type { Versions } from '../baseline.js';
import type { ChangeFacts, Dependency } from '../change.js';
import type { Id } from '../id.js';
import { compareVersions } from '../version/compare.js';
import type { ComponentKind } from '../watch.js';

/** A change as part of a line: what it takes its component from, and to. */
export interface LinkedChange {
  readonly id: Id;
  readonly componentId: Id;
  readonly component: string;
  readonly kind: ComponentKind;
  /** The version of the baseline; undefined: there was none. */
  readonly from?: string;
  readonly to: string;
  readonly facts: ChangeFacts;
}

/**
 * What everything on a line is at once its first `count` changes are in. Of those that are not, the version before is
 * said too: the baseline may move meanwhile, and the state is to stay what it was. `beside`: what is there as well.
 */
export function versionsAt(line: readonly LinkedChange[], count: number, beside: Versions = {}): Versions {
  const versions: Record<string, string> = {};
  for (const { component, from } of [...line].reverse()) if (from !== undefined) versions[component] = from;
  for (const { component, to } of line.slice(0, count)) versions[component] = to;
  return { ...versions, ...beside };
}

/** Whether a line takes something through several versions: a later one may mend what an earlier one broke. */
export function mayMend(line: readonly LinkedChange[]): boolean {
  return new Set(line.map(({ component }) => component)).size < line.length;
}

/** What a component is at just before a change of a line; undefined: it was not there. */
export function versionBefore(line: readonly LinkedChange[], change: LinkedChange): string | undefined {
  const before = line.slice(
    0,
    line.findIndex(({ id }) => id === change.id),
  );
  return before.findLast(({ component }) => component === change.component)?.to ?? change.from;
}

/** A change that cannot be put in without another one, and what it wants. */
export interface LeftBehind {
  readonly change: Id;
  readonly why: string;
}

/** The versions that are there whatever the line brings, by the package's name. */
export type Standing = ReadonlyMap<string, string>;

/**
 * The changes of a line that can be put in together where those of `without` are not, and those that must stay behind
 * with these: a package that needs a version which nothing brings then, and on a branch every later commit.
 */
export function lineWithout(
  line: readonly LinkedChange[],
  without: ReadonlySet<Id>,
  standing: Standing,
): { readonly line: readonly LinkedChange[]; readonly behind: readonly LeftBehind[] } {
  const behind: LeftBehind[] = [];
  const branches = new Map<string, string>();
  let left = line.filter((change) => {
    if (without.has(change.id)) {
      if (change.kind === 'git') branches.set(change.component, change.to);
      return false;
    }
    const before = branches.get(change.component);
    if (before === undefined) return true;
    behind.push({ change: change.id, why: `it comes after ${before.slice(0, 12)}, which is held back` });
    return false;
  });
  for (;;) {
    const there = standingWith(line, left, standing);
    const unmet = left.flatMap((change) => {
      const need = change.facts.depends?.find((dependency) => !isMet(dependency, there, change.kind));
      return need === undefined ? [] : [{ change: change.id, why: `it needs ${spelled(need)}` }];
    });
    if (unmet.length === 0) return { line: left, behind };
    behind.push(...unmet);
    const gone = new Set(unmet.map(({ change }) => change));
    left = left.filter(({ id }) => !gone.has(id));
  }
}

/** What is there, by the package's name, where these changes of a line are in. */
function standingWith(
  line: readonly LinkedChange[],
  left: readonly LinkedChange[],
  standing: Standing,
): ReadonlyMap<string, string | undefined> {
  const there = new Map<string, string | undefined>(standing);
  for (const change of line) if (!there.has(nameOf(change))) there.set(nameOf(change), change.from);
  for (const change of left) there.set(nameOf(change), change.to);
  return there;
}

/** Whether a dependency is met; what nobody watches is taken to be there. */
function isMet(
  { or = [], ...first }: Dependency,
  there: ReadonlyMap<string, string | undefined>,
  kind: ComponentKind,
): boolean {
  return [first, ...or].some(({ package: name, operator = '=', version }) => {
    if (!there.has(name) || version === undefined) return true;
    const now = there.get(name);
    if (now === undefined) return false;
    const order = compareVersions(kind === 'dnf' ? 'rpm' : 'deb', now, version);
    if (order === undefined) return true;
    if (order === 0) return operator === '=' || operator === '<=' || operator === '>=';
    return order < 0 ? operator === '<' || operator === '<=' : operator === '>' || operator === '>=';
  });
}

function nameOf({ component, facts }: LinkedChange): string {
  return facts.name ?? component.split('/').at(-1) ?? component;
}

function spelled({ package: name, operator = '=', version }: Dependency): string {
  return version === undefined ? name : `${name} (${operator} ${version})`;
}
