import { fromCanonical, tagsOf } from '../requirement.js';
import type { Catalogue, Sighting, TagFacts, TagSpec } from '../tag.js';

/** How one tag is seen on a host: by a script of its own, or by a part of the standard look. */
export interface Sight {
  readonly tag: string;
  readonly kind?: TagSpec['kind'];
  readonly script?: string;
  readonly part?: string;
}

/** A requirement with all that is needed to say of a host, once its tags were seen, whether it holds there. */
export interface Promised {
  /** In canonical spelling. */
  readonly requirement: string;
  /** The catalogue's entries that it speaks of, also through derived tags. */
  readonly tags: readonly TagSpec[];
  /** What nobody can look at, as it was declared or given. */
  readonly known: readonly ({ readonly tag: string } & Sighting)[];
}

/** What must be seen on a host before work that needs `requirement`, where `facts` are what it should be by then. */
export function promiseOf(
  requirement: string,
  catalogue: Catalogue,
  facts: TagFacts,
): { readonly promised: Promised; readonly sights: readonly Sight[] } {
  const tags = specsBehind(tagsOf(fromCanonical(requirement)), catalogue);
  return {
    sights: tags.flatMap((spec) => sightOf(spec) ?? []),
    promised: {
      requirement,
      tags,
      known: tags
        .filter(({ source }) => source.by === 'word')
        .map(({ name }) => ({ tag: name, ...facts(name) })),
    },
  };
}

/** How a tag is seen; undefined where what is declared or given counts, or it follows from others. */
export function sightOf({ name: tag, kind, source }: TagSpec): Sight | undefined {
  if (source.by === 'probe') return { tag, kind, script: source.script };
  return source.by === 'look' ? { tag, kind, part: source.part } : undefined;
}

function specsBehind(names: readonly string[], catalogue: Catalogue): readonly TagSpec[] {
  const found = new Map<string, TagSpec>();
  const left = [...names];
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    const spec = catalogue.find(name);
    if (spec === undefined || found.has(name)) continue;
    found.set(name, spec);
    if (spec.source.by === 'formula') left.push(...tagsOf(fromCanonical(spec.source.is)));
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
