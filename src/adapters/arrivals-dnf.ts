import { XMLParser } from 'fast-xml-parser';
import type { Arrival, ChangeFacts, Dependency } from '../domain/change.js';
import { compareVersions } from '../domain/version/compare.js';
import {
  componentName,
  isWatched,
  mailOf,
  ownerOf,
  type WatchedPlace,
  type WatchSpec,
} from '../domain/watch.js';
import { Arrivals, type KnownPlace, type Look } from '../ports/arrivals.js';
import { oneLine } from './one-line.js';
import { checkOpenPgp } from './openpgp.js';
import { believe, fileOf, NotReadable, unpacked } from './repository-files.js';

type Place = Extract<WatchedPlace, { readonly kind: 'dnf' }>;

/** An element as the parser gives it: attributes begin with `@`, and each child is a list. */
type Element = { readonly [name: string]: readonly Element[] | string | undefined };

const PARSER = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  removeNSPrefix: true,
  parseTagValue: false,
  parseAttributeValue: false,
  isArray: (_name, _path, _isLeaf, isAttribute) => !isAttribute,
});

/** Comparisons as primary.xml writes them. */
const OPERATORS = { EQ: '=', LT: '<', LE: '<=', GT: '>', GE: '>=' } as const;

/** Repositories for dnf: the newest version of each package, as repomd.xml says. */
export class DnfArrivals extends Arrivals {
  override async look(watch: WatchSpec, known: KnownPlace): Promise<Look> {
    if (watch.place.kind !== 'dnf') throw new Error(`'${watch.name}' is no repository for dnf`);
    try {
      return await readRepository(watch, watch.place, known);
    } catch (error) {
      if (error instanceof NotReadable) return { kind: 'unreadable', why: error.message };
      throw error;
    }
  }
}

async function readRepository(watch: WatchSpec, place: Place, known: KnownPlace): Promise<Look> {
  const { digest, name, algorithm } = await primaryOf(place);
  if (digest === known.mark) return { kind: 'as_before' };
  const bytes = await fileOf(place.url, name);
  believe(bytes, algorithm, digest, `${place.url} ${name}`);
  const newest = new Map<string, Package>();
  for (const one of packagesIn((await unpacked(name, bytes)).toString('utf8'))) {
    if (one.architecture === 'src' || !isWatched(watch, one.name)) continue;
    const other = newest.get(one.name);
    if (other === undefined || (compareVersions('rpm', one.version, other.version) ?? -1) > 0)
      newest.set(one.name, one);
  }
  const arrivals = [...newest.values()].map((one) => arrivalOf(watch, place, one));
  return { kind: 'read', arrivals, isAll: true, mark: digest };
}

function arrivalOf(
  watch: WatchSpec,
  place: Place,
  { name, version, packager, madeAt, facts }: Package,
): Arrival {
  const author = oneLine(packager);
  const owner = ownerOf(watch, [name], mailOf(packager));
  return {
    component: componentName(watch, name),
    version,
    title: `${name} ${version}`,
    ...(author === undefined ? {} : { author }),
    ...(owner === undefined ? {} : { owner }),
    ...(facts.file === undefined ? {} : { link: `${place.url.replace(/\/+$/, '')}/${facts.file}` }),
    ...(madeAt === undefined ? {} : { madeAt }),
    facts,
  };
}

async function primaryOf({ url, key }: Place) {
  const repomd = await fileOf(url, 'repodata/repomd.xml');
  if (key !== undefined) {
    const signature = await fileOf(url, 'repodata/repomd.xml.asc');
    const checked = await checkOpenPgp({ keys: [key], signed: repomd, signature, strangersToo: true });
    if (!checked.ok) throw new NotReadable(`${url}: repomd.xml is not to be believed: ${checked.why}`);
  }
  const [root] = children(parsed(repomd.toString('utf8'), `${url} repomd.xml`), 'repomd');
  const primary = children(root, 'data').find((data) => data['@type'] === 'primary');
  const [checksum] = children(primary, 'checksum');
  const [location] = children(primary, 'location');
  const algorithm = checksum?.['@type'];
  const [name, digest] = [location?.['@href'], checksum?.['#text']];
  if (
    typeof name !== 'string' ||
    typeof digest !== 'string' ||
    (algorithm !== 'sha256' && algorithm !== 'sha512')
  )
    throw new NotReadable(`${url}: repomd.xml names no list of packages with a digest of SHA-256 or SHA-512`);
  return { name, digest, algorithm } as const;
}

/** A package of a list. */
interface Package {
  readonly name: string;
  /** `[EPOCH:]VERSION-RELEASE`; epoch 0 is left out. */
  readonly version: string;
  readonly architecture: string;
  readonly packager?: string;
  readonly madeAt?: Date;
  readonly facts: ChangeFacts;
}

/** Package by package, for all of them at once would be far larger than the text. */
function* packagesIn(xml: string): Generator<Package> {
  let from = 0;
  for (;;) {
    const begin = xml.indexOf('<package ', from);
    const end = begin < 0 ? -1 : xml.indexOf('</package>', begin);
    if (end < 0) return;
    from = end + '</package>'.length;
    const [element] = children(parsed(xml.slice(begin, from), 'primary.xml'), 'package');
    const one = element && packageOf(element);
    if (one !== undefined) yield one;
  }
}

function packageOf(element: Element): Package | undefined {
  const text = (name: string) => textOf(children(element, name)[0]);
  const [name, version] = [text('name'), versionOf(children(element, 'version')[0])];
  if (name === undefined || version === undefined) return undefined;
  const [format] = children(element, 'format');
  const depends = entriesOf(format, 'requires').filter((one) => !one.package.startsWith('rpmlib('));
  const provides = entriesOf(format, 'provides').map((one) => one.package);
  const source = textOf(children(format, 'sourcerpm')[0])?.replace(/-[^-]+-[^-]+\.(?:no)?src\.rpm$/, '');
  const group = textOf(children(format, 'group')[0]);
  const conflicts = entriesOf(format, 'conflicts');
  const file = children(element, 'location')[0]?.['@href'];
  const packager = text('packager') ?? textOf(children(format, 'vendor')[0]);
  const at = Number(children(element, 'time')[0]?.['@file']);
  return {
    name,
    version,
    architecture: text('arch') ?? '',
    ...(packager === undefined ? {} : { packager }),
    ...(at > 0 ? { madeAt: new Date(at * 1000) } : {}),
    facts: {
      name,
      source: source ?? name,
      ...(depends.length === 0 ? {} : { depends }),
      ...(conflicts.length === 0 ? {} : { conflicts }),
      ...(provides.length === 0 ? {} : { provides: [...new Set(provides)] }),
      ...(group === undefined ? {} : { section: group }),
      ...(typeof file === 'string' ? { file } : {}),
    },
  };
}

function versionOf(element: Element | undefined): string | undefined {
  const [epoch, version, release] = [element?.['@epoch'], element?.['@ver'], element?.['@rel']];
  if (typeof version !== 'string') return undefined;
  const full = typeof release === 'string' && release !== '' ? `${version}-${release}` : version;
  return typeof epoch === 'string' && epoch !== '0' && epoch !== '' ? `${epoch}:${full}` : full;
}

function entriesOf(format: Element | undefined, of: string): readonly Dependency[] {
  return children(children(format, of)[0], 'entry').flatMap((entry): readonly Dependency[] => {
    const [name, flags] = [entry['@name'], entry['@flags']];
    if (typeof name !== 'string') return [];
    const operator = OPERATORS[flags as keyof typeof OPERATORS];
    const version = versionOf(entry);
    return operator === undefined || version === undefined
      ? [{ package: name }]
      : [{ package: name, operator, version }];
  });
}

function parsed(xml: string, what: string): Element {
  try {
    return PARSER.parse(xml) as Element;
  } catch (error) {
    throw new NotReadable(`${what} is no XML: ${(error as Error).message}`);
  }
}

function children(element: Element | undefined, name: string): readonly Element[] {
  const found = element?.[name];
  return Array.isArray(found) ? (found as readonly Element[]) : [];
}

/** An element without attributes is its text alone. */
function textOf(element: Element | string | undefined): string | undefined {
  const text = typeof element === 'string' ? element : element?.['#text'];
  return typeof text === 'string' && text.trim() !== '' ? text.trim() : undefined;
}
