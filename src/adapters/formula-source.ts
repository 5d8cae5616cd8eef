import type { Item } from '../domain/language/read.js';
import { type Position, type Source, shown } from './yaml-source.js';

/** What a map among the items of a requirement can be. */
const FORMS = ['any', 'all', 'not', 'prefer'] as const;
/** Every unknown name is compared with the whole catalogue, so a formula has an end. */
const MAX_ITEMS = 500;

/** The items of a requirement as a file has them; `wrong` is told of what can be none. */
export function formulaItems(
  source: Source | undefined,
  key: string,
  wrong: (at: Position, message: string) => void,
): Item[] {
  let left = MAX_ITEMS;
  const list = (from: Source): Item[] => (from.kind === 'list' ? from.items : [from]).flatMap(item);
  const item = (from: Source): Item[] => {
    left -= 1;
    if (left < 0) {
      if (left === -1) wrong(from.at, `'${key}' has more than ${MAX_ITEMS} items`);
      return [];
    }
    if (from.kind === 'text') return [{ kind: 'text', text: from.text.trim(), at: from.at }];
    if (from.kind === 'list') {
      wrong(from.at, 'a list within a list: say what it means, {any: [...]} or {all: [...]}');
      return [];
    }
    const [entry, second] = from.entries;
    const form = FORMS.find((word) => word === entry?.key);
    if (entry === undefined || form === undefined || second !== undefined) {
      const found = from.entries.map((one) => `'${shown(one.key)}'`).join(', ') || 'nothing';
      wrong(from.at, `here stands one of ${FORMS.join(', ')}, for example {any: [...]}, not ${found}`);
      return [];
    }
    return [{ kind: form, of: list(entry.value), at: from.at }];
  };
  return source === undefined ? [] : list(source);
}
