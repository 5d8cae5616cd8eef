/** How a value is compared with a tag's. */
export type Operator = '=' | '!=' | '>' | '>=' | '<' | '<=';

/** A test of one attribute of a device. */
export interface AttributeTest {
  readonly attribute: string;
  readonly operator: Operator;
  /** Source text, never a number. */
  readonly value: string;
}

/** A formula over tags; whoever walks one switches over `kind` so that the compiler names every place concerned. */
export type Requirement =
  /** The tag is there, whatever its value. */
  | { readonly kind: 'tag'; readonly name: string }
  /** Its value (of several: one of them; with `!=`: none of them) compares so. */
  | { readonly kind: 'compare'; readonly name: string; readonly operator: Operator; readonly value: string }
  /** At least `count` instances have this id, this place and these attributes, each within one instance. */
  | {
      readonly kind: 'device';
      readonly name: string;
      readonly id?: string;
      readonly place?: string;
      readonly where: readonly AttributeTest[];
      readonly count: number;
    }
  /** All of these hold; none of them: always true. */
  | { readonly kind: 'all'; readonly of: readonly Requirement[] }
  /** One of these holds. */
  | { readonly kind: 'any'; readonly of: readonly Requirement[] }
  /** It is known not to hold. */
  | { readonly kind: 'not'; readonly of: Requirement };

/** Whether a formula holds, where tags may be unknown. */
export type Truth = 'yes' | 'no' | 'unknown';

/** A clause that does not hold on a host, with what is known about it. */
export interface Miss {
  readonly clause: string;
  readonly truth: Exclude<Truth, 'yes'>;
}

/** A name a tag can have. */
export const TAG_NAME = /^[A-Za-z][A-Za-z0-9._:+-]{0,99}$/;

/** A problem with what somebody wrote, said once and clearly; `index` counts items from 0. */
export interface RequirementProblem {
  readonly index: number;
  readonly message: string;
}

/**
 * Reads the items of a requirement list against the catalogue's names. Every item must hold. An unknown
 * name is refused with its nearest neighbour: no requirement is ever ignored.
 */
export function readRequirement(
  items: readonly string[],
  known: ReadonlySet<string>,
): { readonly requirement: Requirement; readonly problems: readonly RequirementProblem[] } {
  const problems: RequirementProblem[] = [];
  const tags: Requirement[] = [];
  items.forEach((item, index) => {
    const name = item.trim();
    if (name === '') problems.push({ index, message: 'empty item: write a tag, or leave the line out' });
    else if (!TAG_NAME.test(name)) {
      problems.push({ index, message: `'${show(name)}' is not understood: an item is the name of one tag` });
    } else if (!known.has(name)) {
      const near = nearest(name, known);
      const hint = near === undefined ? 'the catalogue has no such tag' : `did you mean '${near}'?`;
      problems.push({ index, message: `unknown tag '${name}': ${hint}` });
    } else tags.push({ kind: 'tag', name });
  });
  return { requirement: normal({ kind: 'all', of: tags }), problems };
}

/** One formula of every set of equal ones: flat, without twins, in order. */
export function normal(requirement: Requirement): Requirement {
  if (requirement.kind === 'tag') return requirement;
  const flat = requirement.of.flatMap((part) => {
    const inner = normal(part);
    return inner.kind === 'all' ? inner.of : [inner];
  });
  const byText = new Map(flat.map((part) => [canonical(part), part]));
  const of = [...byText.entries()].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, part]) => part);
  const only = of[0];
  return of.length === 1 && only !== undefined ? only : { kind: 'all', of };
}

/** The one spelling of a requirement; equal requirements have equal texts, and the text reads back. */
export function canonical(requirement: Requirement): string {
  switch (requirement.kind) {
    case 'tag':
      return requirement.name;
    case 'all':
      return requirement.of.map(canonical).join(' & ');
  }
}

/** Reads what `canonical` wrote. */
export function fromCanonical(text: string): Requirement {
  const names = text === '' ? [] : text.split(' & ');
  return normal({ kind: 'all', of: names.map((name) => ({ kind: 'tag', name })) });
}

/** Every tag a formula speaks of, each once. */
export function tagsOf(requirement: Requirement): readonly string[] {
  switch (requirement.kind) {
    case 'tag':
      return [requirement.name];
    case 'all':
      return [...new Set(requirement.of.flatMap(tagsOf))];
  }
}

/** Whether a requirement holds, three-valued: one 'no' decides, else one 'unknown' does. */
export function holds(requirement: Requirement, presenceOf: (tag: string) => Presence): Truth {
  switch (requirement.kind) {
    case 'tag': {
      const presence = presenceOf(requirement.name);
      return presence === 'present' ? 'yes' : presence === 'absent' ? 'no' : 'unknown';
    }
    case 'all': {
      let result: Truth = 'yes';
      for (const part of requirement.of) {
        const truth = holds(part, presenceOf);
        if (truth === 'no') return 'no';
        if (truth === 'unknown') result = 'unknown';
      }
      return result;
    }
  }
}

/** The clauses that do not hold, those that are known not to first. */
export function misses(requirement: Requirement, presenceOf: (tag: string) => Presence): readonly Miss[] {
  const clauses = requirement.kind === 'all' ? requirement.of : [requirement];
  const found = clauses.flatMap((clause): readonly Miss[] => {
    const truth = holds(clause, presenceOf);
    return truth === 'yes' ? [] : [{ clause: canonical(clause), truth }];
  });
  return [
    ...found.filter((miss) => miss.truth === 'no'),
    ...found.filter((miss) => miss.truth === 'unknown'),
  ];
}

/** The catalogue's name that is fewest edits away from `name` (Levenshtein), if at most a third of it. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function show(text: string): string {
  const safe = text.replace(/[^\x20-\x7e]/g, '?');
  return safe.length > 60 ? `${safe.slice(0, 57)}...` : safe;
}
