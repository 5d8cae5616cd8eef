import { createHash } from 'node:crypto';
import type { Arrival } from '../domain/change.js';
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
import { type ChangelogEntry, factsOf, newestEntry, type Paragraph, paragraphsOf } from './deb-fields.js';
import { oneLine } from './one-line.js';
import { checkOpenPgp } from './openpgp.js';
import { believe, fileOf, NotReadable, unpacked } from './repository-files.js';

type Place = Extract<WatchedPlace, { readonly kind: 'apt' }>;

/** Changelogs are asked for of no more new packages in one look. */
const MOST_CHANGELOGS = 100;
const MOST_CHANGELOG_BYTES = 1024 * 1024;
/** As debs call the machines that Node runs on. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'armhf',
  ia32: 'i386',
};

/** Repositories for apt: the newest version of each package, as a signed list says. */
export class AptArrivals extends Arrivals {
  override async look(watch: WatchSpec, known: KnownPlace): Promise<Look> {
    if (watch.place.kind !== 'apt') throw new Error(`'${watch.name}' is no repository for apt`);
    try {
      return await readRepository(watch, watch.place, known);
    } catch (error) {
      if (error instanceof NotReadable) return { kind: 'unreadable', why: error.message };
      throw error;
    }
  }
}

async function readRepository(watch: WatchSpec, place: Place, known: KnownPlace): Promise<Look> {
  const release = await releaseOf(place);
  const mark = createHash('sha256').update(release.text).digest('hex');
  if (mark === known.mark) return { kind: 'as_before' };
  const newest = new Map<string, Paragraph>();
  for (const fields of paragraphsOf(await packagesOf(place, release))) {
    const [name, version] = [fields.get('package'), fields.get('version')];
    if (name === undefined || version === undefined || !isWatched(watch, name)) continue;
    const other = newest.get(name)?.get('version');
    if (other === undefined || (compareVersions('deb', version, other) ?? -1) > 0) newest.set(name, fields);
  }
  const arrivals: Arrival[] = [];
  let asked = 0;
  for (const [name, fields] of newest) {
    const before = known.versions.get(componentName(watch, name));
    const isNew = before !== undefined && before !== fields.get('version');
    const changelog =
      isNew && release.changelogs !== undefined && asked++ < MOST_CHANGELOGS
        ? await changelogOf(fields, release.changelogs, place.component)
        : {};
    arrivals.push(arrivalOf(watch, place, name, fields, changelog));
  }
  return { kind: 'read', arrivals, isAll: true, mark };
}

function arrivalOf(
  watch: WatchSpec,
  place: Place,
  name: string,
  fields: Paragraph,
  changelog: ChangelogEntry,
): Arrival {
  const maintainer = fields.get('maintainer');
  const version = fields.get('version') ?? '';
  const author = oneLine(changelog.author ?? maintainer);
  const facts = factsOf(fields);
  const owner = ownerOf(watch, [name], mailOf(maintainer) ?? mailOf(changelog.author));
  return {
    component: componentName(watch, name),
    version,
    title: oneLine(changelog.title) ?? `${name} ${version}`,
    ...(author === undefined ? {} : { author }),
    ...(owner === undefined ? {} : { owner }),
    ...(facts.file === undefined ? {} : { link: `${place.url.replace(/\/+$/, '')}/${facts.file}` }),
    ...(changelog.madeAt === undefined ? {} : { madeAt: changelog.madeAt }),
    facts,
  };
}

/** What the head of a suite says. */
interface Release {
  readonly text: string;
  /** Digests of its files, by their path below the suite. */
  readonly files: ReadonlyMap<string, string>;
  readonly byHash: boolean;
  readonly architectures: readonly string[];
  /** Where changelogs are, with @CHANGEPATH@ in it. */
  readonly changelogs?: string;
}

async function releaseOf(place: Place): Promise<Release> {
  const text = await headOf(place);
  const [fields] = paragraphsOf(text);
  const lines = (fields?.get('sha256') ?? '').split('\n').map((line) => line.trim().split(/\s+/));
  const files = new Map(
    lines.flatMap(([digest = '', , name]) => (name === undefined ? [] : [[name, digest] as const])),
  );
  const changelogs = fields?.get('changelogs');
  const until = new Date(fields?.get('valid-until') ?? '');
  if (until.getTime() < Date.now())
    throw new NotReadable(
      `${place.url} ${place.suite} was valid until ${fields?.get('valid-until')}: it is stale`,
    );
  return {
    text,
    files,
    byHash: fields?.get('acquire-by-hash') === 'yes',
    architectures: (fields?.get('architectures') ?? '').split(/\s+/).filter(Boolean),
    ...(changelogs === undefined || changelogs === 'no' ? {} : { changelogs }),
  };
}

/** The text that was signed, and nothing around it. */
async function headOf({ url, suite, key }: Place): Promise<string> {
  const at = `dists/${suite}`;
  if (key === undefined) return (await fileOf(url, `${at}/Release`)).toString('utf8');
  const signed = await fileOf(url, `${at}/InRelease`);
  const checked = await checkOpenPgp({ keys: [key], signed, strangersToo: true });
  if (!checked.ok) throw new NotReadable(`${url} ${suite}: InRelease is not to be believed: ${checked.why}`);
  return checked.text.toString('utf8');
}

async function packagesOf(place: Place, release: Release): Promise<string> {
  const { url, suite, component } = place;
  const own = ARCHITECTURES[process.arch] ?? '';
  const listed = release.architectures.filter((one) => one !== 'all' && one !== 'source');
  const architecture = place.architecture ?? (listed.includes(own) ? own : (listed[0] ?? 'all'));
  const plain = `${component}/binary-${architecture}/Packages`;
  const names = ['.xz', '.gz', ''].map((end) => `${plain}${end}`).filter((name) => release.files.has(name));
  const [name] = names;
  if (name === undefined)
    throw new NotReadable(`${url} ${suite} has no packages of ${component} for ${architecture}`);
  const digest = release.files.get(name) ?? '';
  const folder = name.slice(0, name.lastIndexOf('/'));
  const at = release.byHash ? `${folder}/by-hash/SHA256/${digest}` : name;
  const bytes = await fileOf(url, `dists/${suite}/${at}`);
  believe(bytes, 'sha256', digest, `${url} ${suite} ${name}`);
  return (await unpacked(name, bytes)).toString('utf8');
}

/** What the newest entry of the changelog says; nothing, where it cannot be had: it is no reason to miss a change. */
async function changelogOf(
  fields: Paragraph,
  changelogs: string,
  component: string,
): Promise<ChangelogEntry> {
  const name = fields.get('package') ?? '';
  const [source = name, sourceVersion] = (fields.get('source') ?? name).split(/[ ()]+/);
  const version = (sourceVersion || fields.get('version') || '').replace(/^[0-9]+:/, '');
  const letters = source.startsWith('lib') ? source.slice(0, 4) : source.slice(0, 1);
  const path = `${component}/${letters}/${source}/${source}_${version}`;
  const address = changelogs.replace('@CHANGEPATH@', path);
  if (!/^(?:https?|file):\/\//.test(address)) return {};
  const cut = address.lastIndexOf('/');
  try {
    const bytes = await fileOf(address.slice(0, cut), address.slice(cut + 1), MOST_CHANGELOG_BYTES);
    return newestEntry(bytes.toString('utf8'));
  } catch (error) {
    if (error instanceof NotReadable) return {};
    throw error;
  }
}
