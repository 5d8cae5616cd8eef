import { makeCatalogue } from '../domain/catalogue.js';
import { LAYERS } from '../domain/layer.js';
import { STANDARD_TAGS } from '../domain/look/standard-tags.js';
import type { Alias, Catalogue, Decay, Scheme, TagSpec, Value } from '../domain/tag.js';
import type { Thing } from './inventory-thing.js';
import { shown } from './yaml-source.js';

/** What can be said of a tag. */
export const TAG_KEYS = [
  ...['meaning', 'owner', 'kind', 'scheme', 'unit', 'attributes', 'probe', 'is', 'decays'],
];
/** What can be said of an alias. */
export const ALIAS_KEYS = ['meaning', 'is'];

/** The name of a tag, or of a family of tags: `vendor:*`. */
export const TAG_OR_FAMILY = /^[A-Za-z](?:[A-Za-z0-9._:+-]{0,99}|[A-Za-z0-9._+-]{0,50}:\*)$/;

const KINDS = ['flag', 'version', 'quantity', 'text', 'device'] as const;
const SCHEMES: readonly Scheme[] = ['deb', 'rpm', 'semver', 'kernel', 'date', 'natural'];
/** Base units; '' counts things. */
const UNITS = ['B', 'bit/s', 'Hz', 'W', 's'] as const;
const DECAYS: readonly Decay[] = ['test', ...LAYERS];
const ATTRIBUTE = /^[a-z][a-z0-9_-]{0,49}$/;
/** The lab's own tags and aliases, and the catalogue of them and the standard ones. */
export interface ReadTags {
  readonly tags: readonly TagSpec[];
  readonly aliases: readonly Alias[];
  readonly catalogue: Catalogue;
}

/** Reads tags and aliases, which may speak of each other in any order; `implied`: tags that follow from other things. */
export function readTags(
  tagThings: readonly Thing[],
  aliasThings: readonly Thing[],
  implied: readonly TagSpec[] = [],
): ReadTags {
  const standard = new Map(STANDARD_TAGS.map((tag) => [tag.name, tag]));
  const own = tagThings.filter(({ name, fields, at }) => {
    const known = standard.get(name);
    if (known === undefined) return true;
    const meaning = shown(known.meaning);
    fields.wrong(at, `'${name}' is a standard tag (${meaning}): leave it out, or choose another name`);
    return false;
  });
  const bare = [...own.map((thing) => readTag(thing)), ...implied];
  // Aliases are names while aliases are read, and are written out in the catalogue.
  const ofTags = new Set(bare.map(({ name }) => name));
  const flags = aliasThings.flatMap(({ name }) => (ofTags.has(name) ? [] : [word(name)]));
  const told = new Set<string>();
  const wrong = (things: readonly Thing[]) => (name: string, message: string) => {
    if (told.has(name)) return;
    told.add(name);
    const thing = things.find((one) => one.name === name);
    thing?.fields.wrong(thing.at, message);
  };
  const named = catalogueOf([...bare, ...flags], [], wrong(own));
  const written = aliasThings.map((thing) => readAlias(thing, named));
  const expanded = catalogueOf(bare, written, wrong([...aliasThings, ...own]));
  const tags = bare.map((spec, index): TagSpec => {
    const thing = own[index];
    if (spec.source.by !== 'formula' || thing === undefined) return spec;
    const is = thing.fields.requirement('is', expanded);
    if (is === '') thing.fields.wrong(thing.fields.at('is'), `'${thing.name}' would always be there`);
    return { ...spec, source: { by: 'formula', is } };
  });
  return {
    tags,
    aliases: written.map((alias) => expanded.alias(alias.name) ?? alias),
    catalogue: catalogueOf(tags, written, wrong(own)),
  };
}

function readAlias({ name, fields }: Thing, named: Catalogue): Alias {
  const is = fields.requirement('is', named);
  if (!fields.has('is')) fields.wrong(fields.start, "'is' is missing: the formula it stands for");
  else if (is === '') fields.wrong(fields.at('is'), 'it stands for nothing: write a formula over tags');
  return { name, meaning: fields.text('meaning') ?? '', is };
}

/** What cannot go into one catalogue is refused, and known as a plain word from then on, so that it is told once. */
function catalogueOf(
  tags: readonly TagSpec[],
  aliases: readonly Alias[],
  wrong: (name: string, message: string) => void,
): Catalogue {
  const made = makeCatalogue([...STANDARD_TAGS, ...tags], aliases);
  if ('catalogue' in made) return made.catalogue;
  for (const { name, message } of made.problems) wrong(name, message);
  const flawed = new Set(made.problems.map(({ name }) => name));
  const names = new Set(tags.map(({ name }) => name));
  const asWords = [
    ...tags.map((tag) => (flawed.has(tag.name) ? { ...tag, source: word('').source } : tag)),
    ...aliases.flatMap(({ name }) => (names.has(name) ? [] : [word(name)])),
  ];
  const again = makeCatalogue([...STANDARD_TAGS, ...asWords], []);
  if ('catalogue' in again) return again.catalogue;
  // A name that can be none.
  const never = new Set(again.problems.map(({ name }) => name));
  const rest = makeCatalogue([...STANDARD_TAGS, ...asWords.filter(({ name }) => !never.has(name))], []);
  return 'catalogue' in rest ? rest.catalogue : { find: word, alias: () => undefined, names: [] };
}

function word(name: string): TagSpec {
  return { name, meaning: '', kind: 'flag', source: { by: 'word' } };
}

function readTag({ name, fields, at }: Thing): TagSpec {
  const meaning = fields.required('meaning', fields.text('meaning'), 'what it says of a host');
  const owner = fields.line('owner');
  const decays = fields.oneOf('decays', DECAYS);
  const kind = fields.oneOf('kind', KINDS) ?? 'flag';
  const isFamily = name.endsWith(':*');
  if (fields.has('probe') && fields.has('is'))
    fields.wrong(fields.at('is'), "a tag is seen by a 'probe' or follows from others by 'is', not both");
  if (isFamily && (fields.has('probe') || fields.has('is')))
    fields.wrong(
      at,
      `'${name}' stands for many tags, which neither one probe nor one formula can tell apart`,
    );
  if (fields.has('is') && kind !== 'flag')
    fields.wrong(fields.at('kind'), `what follows from other tags is a flag, not a ${kind}`);
  if (fields.has('is') && decays !== undefined)
    fields.wrong(fields.at('decays'), 'what follows from other tags goes when they go: leave this out');
  for (const [key, of] of [
    ['scheme', 'version'],
    ['unit', 'quantity'],
    ['attributes', 'device'],
  ] as const)
    if (fields.has(key) && kind !== of)
      fields.wrong(fields.at(key), `'${key}' is for tags of kind ${of}, and this is a ${kind}`);
  const script = fields.text('probe');
  const about = {
    name,
    meaning,
    ...(owner === undefined ? {} : { owner }),
    ...(decays === undefined ? {} : { decays }),
    source:
      fields.has('is') && !isFamily
        ? ({ by: 'formula', is: '' } as const)
        : script === undefined
          ? ({ by: 'word' } as const)
          : ({ by: 'probe', script } as const),
  };
  switch (fields.has('is') ? 'flag' : kind) {
    case 'flag':
      return { ...about, kind: 'flag' };
    case 'text':
      return { ...about, kind: 'text' };
    case 'version':
      return { ...about, kind: 'version', scheme: readScheme(fields.text('scheme'), fields) };
    case 'quantity':
      return { ...about, kind: 'quantity', unit: fields.oneOf('unit', UNITS) ?? '' };
    case 'device':
      return { ...about, kind: 'device', attributes: readAttributes(fields) };
  }
}

function readScheme(text: string | undefined, fields: Thing['fields']): Scheme {
  if (text === undefined) fields.wrong(fields.start, `'scheme' is missing: one of ${SCHEMES.join(', ')}`);
  return fields.oneOf('scheme', SCHEMES) ?? 'natural';
}

/** `driver: text`, `firmware: version natural`, `speed: quantity bit/s`. */
function readAttributes(fields: Thing['fields']): Readonly<Record<string, Value>> {
  const source = fields.source('attributes');
  if (source === undefined) return { id: { kind: 'text' } };
  const form = "'text', 'version SCHEME' or 'quantity UNIT'";
  if (source.kind !== 'map') {
    fields.wrong(source.at, `'attributes' has lines of NAME: ${form}`);
    return {};
  }
  const pairs = source.entries.flatMap(({ key, at, value }): [string, Value][] => {
    if (key === 'id' || key === 'place') fields.wrong(at, `every device has '${key}': leave it out`);
    else if (!ATTRIBUTE.test(key) || key === 'x' || key === 'not')
      fields.wrong(at, `'${shown(key)}' cannot be the name of an attribute: small letters, digits, - and _`);
    else {
      const kind = value.kind === 'text' ? attributeKind(value.text) : undefined;
      if (kind !== undefined) return [[key, kind]];
      const found = value.kind === 'text' ? `'${shown(value.text)}'` : `a ${value.kind}`;
      fields.wrong(
        value.at,
        `an attribute is ${form} (${SCHEMES.join(', ')}; ${UNITS.join(', ')}), not ${found}`,
      );
    }
    return [];
  });
  return Object.fromEntries(
    [...pairs, ['id', { kind: 'text' }] as const].sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function attributeKind(text: string): Value | undefined {
  const [kind, of = '', more] = text.trim().split(/ +/);
  if (more !== undefined) return undefined;
  if (kind === 'text' && of === '') return { kind };
  const scheme = SCHEMES.find((one) => one === of);
  if (kind === 'version' && scheme !== undefined) return { kind, scheme };
  const unit = of === '' ? '' : UNITS.find((one) => one === of);
  return kind === 'quantity' && unit !== undefined ? { kind, unit } : undefined;
}
