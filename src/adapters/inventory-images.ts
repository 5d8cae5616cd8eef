import { isAbsolute } from 'node:path';
import type { ImageSpec } from '../domain/image.js';
import { nearest } from '../domain/language/nearest.js';
import type { Catalogue } from '../domain/tag.js';
import { readGives } from './inventory-gives.js';
import type { Thing } from './inventory-thing.js';
import { NAME } from './source-fields.js';
import { shown } from './yaml-source.js';

/** What can be said of an image. */
export const IMAGE_KEYS = ['meaning', 'owner', 'tags', 'file', 'digest', 'recipe', 'base', 'timeout'];

const RECIPE_MS = 3_600_000;

/** Reads the catalogue of images; each stands on the one that it names as its base. */
export function readImages(things: readonly Thing[], catalogue: Catalogue): readonly ImageSpec[] {
  const known = new Map(things.map((thing) => [thing.name, thing]));
  const done = new Map<string, ImageSpec>();
  const read = (thing: Thing, above: readonly string[]): ImageSpec => {
    const before = done.get(thing.name);
    if (before !== undefined) return before;
    const image = readImage(thing, catalogue, baseOf(thing, above));
    done.set(thing.name, image);
    return image;
  };
  const baseOf = ({ name, fields }: Thing, above: readonly string[]): ImageSpec | undefined => {
    const base = fields.matching('base', NAME, 'the name of an image');
    if (base === undefined) return undefined;
    const thing = known.get(base);
    if (thing === undefined) fields.wrong(fields.at('base'), unknownImage(base, [...known.keys()]));
    else if ([...above, name].includes(base))
      fields.wrong(fields.at('base'), `'${base}' stands on '${name}' itself`);
    else return read(thing, [...above, name]);
    return undefined;
  };
  return things.map((thing) => read(thing, []));
}

function readImage({ name, fields }: Thing, catalogue: Catalogue, base: ImageSpec | undefined): ImageSpec {
  const owner = fields.line('owner');
  if (fields.has('file') === fields.has('recipe'))
    fields.wrong(
      fields.start,
      "say where the image comes from: either 'file:' and 'digest:', or 'recipe: |'",
    );
  for (const key of fields.has('file') ? ['base', 'timeout'] : ['digest'])
    if (fields.has(key))
      fields.wrong(
        fields.at(key),
        `'${key}' is not said of an image that ${fields.has('file') ? 'is a file' : 'a recipe makes'}`,
      );
  const path = fields.line('file') ?? '';
  if (fields.has('file') && !isAbsolute(path))
    fields.wrong(fields.at('file'), `'${shown(path)}' is no path from the root of the executor's machine`);
  const digest = fields.matching('digest', /^[0-9a-f]{64}$/, 'a SHA-256 (64 hexadecimal digits)');
  if (fields.has('file') && digest === undefined)
    fields.wrong(fields.at('file'), "'digest' is missing: the SHA-256 by which the file is known");
  return {
    name,
    meaning: fields.required('meaning', fields.text('meaning'), 'what it is'),
    ...(owner === undefined ? {} : { owner }),
    tags: readGives(fields, 'tags', catalogue),
    source: fields.has('file')
      ? { kind: 'file', path, digest: digest ?? '' }
      : {
          kind: 'recipe',
          recipe: fields.text('recipe') ?? '',
          ...(base === undefined ? {} : { base }),
          timeoutMs: fields.duration('timeout') ?? RECIPE_MS,
        },
  };
}

/** What to say of an image that nobody declared. */
export function unknownImage(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  const hint = near === undefined ? 'it is declared nowhere in images.yaml' : `did you mean '${near}'?`;
  return `unknown image '${shown(name)}': ${hint}`;
}
