import { type LavaMapping, MAPPED, type Mapped } from '../domain/lava/mapping.js';
import type { Catalogue } from '../domain/tag.js';
import { Fields } from './source-fields.js';
import { type Source, shown } from './yaml-source.js';

/** What `lava.yaml` can say: for each list of LAVA metadata what its words ask of a host. */
export const LAVA_KEYS: readonly string[] = MAPPED;

/** The word for what asks nothing of a host. */
const NOTHING = 'nothing';

/** Reads what `lava.yaml` says; words that it does not name mean what they mean without it. */
export function readMapping(fields: Fields, catalogue: Catalogue): Partial<LavaMapping> | undefined {
  const said = MAPPED.flatMap((part): [Mapped, Readonly<Record<string, string>>][] => {
    const source = fields.source(part);
    if (source === undefined) return [];
    if (source.kind === 'map') return [[part, wordsOf(source, fields, catalogue)]];
    fields.wrong(
      source.at,
      `below '${part}' stands each word with what it asks of a host: WORD: TAG, or nothing`,
    );
    return [];
  });
  const filled = said.filter(([, words]) => Object.keys(words).length > 0);
  return filled.length === 0 ? undefined : Object.fromEntries(filled);
}

function wordsOf(source: Source & { readonly kind: 'map' }, fields: Fields, catalogue: Catalogue) {
  return Object.fromEntries(
    source.entries.map(({ key, at, value }): [string, string] => {
      const word = key.toLowerCase();
      if (key.length > 100) fields.wrong(at, `'${shown(key)}' is longer than 100 characters`);
      if (value.kind === 'text' && value.text.trim() === NOTHING) return [word, ''];
      const one = new Fields([{ key, at, value }], [key], at, undefined, fields.problems);
      const requirement = one.requirement(key, catalogue);
      if (requirement === '' && value.kind === 'text' && value.text.trim() === '')
        fields.wrong(at, `'${shown(key)}' says nothing: write what it asks of a host, or '${NOTHING}'`);
      return [word, requirement];
    }),
  );
}

/** A mapping as `lava.yaml` has it. */
export function mappingFields(mapping: Partial<LavaMapping>) {
  return Object.fromEntries(
    MAPPED.flatMap((part) => {
      const words = Object.entries(mapping[part] ?? {});
      if (words.length === 0) return [];
      return [[part, Object.fromEntries(words.map(([word, is]) => [word, is === '' ? NOTHING : is]))]];
    }),
  );
}
