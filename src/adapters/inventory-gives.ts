import { declaredText, readDeclared } from '../domain/inventory/declared.js';
import type { Catalogue } from '../domain/tag.js';
import type { Fields } from './source-fields.js';

/** What a step or an image leaves on a host: each `tag` or `tag = value`, in order. */
export function readGives(fields: Fields, key: 'gives' | 'tags', catalogue: Catalogue): readonly string[] {
  const given = new Map<string, string>();
  for (const { text, at } of fields.list(key)) {
    const spec = catalogue.find(text);
    // What is looked at afterwards need not be told beforehand.
    const isSeen = spec?.source.by === 'probe' || spec?.source.by === 'look';
    if (spec !== undefined && isSeen && spec.kind !== 'device' && !text.endsWith(':*')) {
      if (given.has(text)) fields.wrong(at, `'${text}' stands twice in '${key}'`);
      given.set(text, text);
      continue;
    }
    const read = readDeclared(text, catalogue);
    if ('problem' in read) fields.wrong(at, read.problem);
    else if (read.spec.kind === 'device')
      fields.wrong(at, `'${read.spec.name}' is a device: a step puts none in, it gives flags and values`);
    else if (given.has(read.tag.tag)) fields.wrong(at, `'${read.tag.tag}' stands twice in '${key}'`);
    else given.set(read.tag.tag, declaredText(read.tag));
  }
  return [...given.values()].sort();
}
