import { wrongRef, wrongUrl } from '../domain/submit/source.js';
import { MAIL_ADDRESS } from '../domain/tell/telling.js';
import type { Signer, SignerKey, WatchedPlace, WatchSpec } from '../domain/watch.js';
import { wrongCron } from './cron.js';
import { readSecret } from './inventory-telling.js';
import type { Thing } from './inventory-thing.js';
import { Fields, NAME } from './source-fields.js';
import type { Written } from './yaml-print.js';
import { shown } from './yaml-source.js';

const PLACES = ['apt', 'dnf', 'git', 'images', 'tests_of'] as const;

/** What can be said of a watch. */
export const WATCH_KEYS = [
  ...['meaning', ...PLACES, 'project', 'every', 'hook', 'owners', 'packages', 'signers', 'tests', 'share'],
  ...['rollbacks_per_day', 'dry_run'],
];

/** Where neither a line of cron nor a web hook is named. */
const EVERY = '*/10 * * * *';
const SHARE = 0.25;
const ROLLBACKS = 5;
const GLOB = /^[A-Za-z0-9*?._+:@/~=-]{1,200}$/;
const A_GLOB = 'a name, in which * and ? stand for others: linux-*';
const SUITE = /^[A-Za-z0-9][A-Za-z0-9./_+-]{0,199}$/;
const FINGERPRINT = /^(?:[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$/;
const SSH_KEY =
  /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]{30,}={0,2}(?: .*)?$/;
const PUBLIC_KEY = '-----BEGIN PGP PUBLIC KEY BLOCK-----';

/** Reads a place where new versions arrive. */
export function readWatch({ name, fields }: Thing): WatchSpec {
  const meaning = fields.line('meaning');
  const place = readPlace(name, fields);
  const hook = readSecret(fields, 'hook');
  const owners = readOwners(fields);
  const packages = fields.words('packages', GLOB, A_GLOB);
  if (place.kind === 'git' && packages.length > 0)
    fields.wrong(fields.at('packages'), 'a branch has no packages: leave this out');
  const signers = readSigners(fields, place.kind);
  const tests = fields.words('tests', NAME, 'the name or a label of a test');
  const every = readEvery(fields) ?? (hook === undefined ? EVERY : undefined);
  return {
    name,
    ...(meaning === undefined ? {} : { meaning }),
    place,
    project: fields.name('project') ?? 'default',
    ...(every === undefined ? {} : { every }),
    ...(hook === undefined ? {} : { hook }),
    ...(Object.keys(owners).length === 0 ? {} : { owners }),
    ...(packages.length === 0 ? {} : { packages }),
    ...(signers.length === 0 ? {} : { signers }),
    ...(tests.length === 0 ? {} : { tests }),
    share: readShare(fields),
    rollbacksPerDay: fields.integer('rollbacks_per_day', 0, 1000) ?? ROLLBACKS,
    ...(fields.flag('dry_run') === true ? { dryRun: true } : {}),
  };
}

function readPlace(name: string, fields: Fields): WatchedPlace {
  const said = PLACES.filter((key) => fields.has(key));
  const [kind = 'images'] = said;
  if (said.length !== 1)
    fields.wrong(
      said[1] === undefined ? fields.start : fields.at(said[1]),
      `say what '${name}' looks at, one of ${PLACES.join(', ')}: git: {url: https://git.example.org/a.git, branch: main}`,
    );
  switch (kind) {
    case 'apt':
      return readApt(fields);
    case 'dnf':
      return readDnf(fields);
    case 'git':
      return readGit(fields);
    case 'images':
      fields.oneOf('images', ['all'] as const);
      return { kind: 'image' };
    case 'tests_of':
      return { kind: 'test', project: fields.name('tests_of') ?? 'default' };
  }
}

function readApt(fields: Fields): WatchedPlace {
  const apt = fields.below('apt', ['url', 'suite', 'component', 'architecture', 'key', 'unsigned']);
  if (apt === undefined) return { kind: 'apt', url: '', suite: '', component: '' };
  const key = readKey(apt);
  if ((key !== undefined) === (apt.flag('unsigned') ?? false))
    apt.wrong(apt.start, "say by which public 'key: |' it is signed, or 'unsigned: yes'");
  const architecture = apt.matching(
    'architecture',
    /^[a-z0-9][a-z0-9-]{1,40}$/,
    'an architecture, such as amd64',
  );
  const suite = apt.matching('suite', SUITE, 'the name of a suite');
  return {
    kind: 'apt',
    url: readUrl(apt, 'https://deb.example.org/debian'),
    suite: apt.required('suite', suite, 'which suite of the repository'),
    component: apt.matching('component', SUITE, 'the name of a component') ?? 'main',
    ...(architecture === undefined ? {} : { architecture }),
    ...(key === undefined ? {} : { key }),
  };
}

function readDnf(fields: Fields): WatchedPlace {
  const dnf = fields.below('dnf', ['url', 'key']);
  if (dnf === undefined) return { kind: 'dnf', url: '' };
  const key = readKey(dnf);
  const url = readUrl(dnf, 'https://rpm.example.org/9');
  return { kind: 'dnf', url, ...(key === undefined ? {} : { key }) };
}

function readUrl(fields: Fields, example: string): string {
  const url = fields.required('url', fields.line('url'), `its address: ${example}`);
  const wrong = /^(?:https?|file):/.test(url) ? wrongUrl(url) : `write ${example}`;
  if (fields.has('url') && wrong !== undefined)
    fields.wrong(fields.at('url'), `'${shown(url)}' is no address of a repository: ${wrong}`);
  return url;
}

function readKey(fields: Fields): string | undefined {
  const key = fields.text('key');
  if (key !== undefined && !key.trim().startsWith(PUBLIC_KEY))
    fields.wrong(fields.at('key'), `this is no public key: it begins with ${PUBLIC_KEY}`);
  return key;
}

function readGit(fields: Fields): WatchedPlace {
  const git = fields.below('git', ['url', 'branch']);
  if (git === undefined) return { kind: 'git', url: '', branch: '' };
  const url = git.required('url', git.line('url'), 'its address: https://git.example.org/a.git');
  const wrong = wrongUrl(url);
  if (git.has('url') && wrong !== undefined)
    git.wrong(git.at('url'), `'${shown(url)}' is no address of a repository: ${wrong}`);
  const branch = git.required('branch', git.line('branch'), 'which branch: main');
  const badRef = branch === '' ? undefined : wrongRef(branch);
  if (badRef !== undefined) git.wrong(git.at('branch'), `'${shown(branch)}': ${badRef}`);
  return { kind: 'git', url, branch };
}

function readEvery(fields: Fields): string | undefined {
  const line = fields.line('every');
  const wrong = line === undefined ? undefined : wrongCron(line);
  if (wrong !== undefined)
    fields.wrong(fields.at('every'), `'${shown(line ?? '')}' is no line of cron: ${wrong}`);
  return line?.trim().replace(/\s+/g, ' ');
}

function readOwners(fields: Fields): Readonly<Record<string, string>> {
  const owners = fields.texts('owners', GLOB, A_GLOB);
  const source = fields.source('owners');
  for (const { key, value } of source?.kind === 'map' ? source.entries : [])
    if (owners[key] !== undefined && !MAIL_ADDRESS.test(owners[key]))
      fields.wrong(value.at, `'${shown(owners[key])}' is not an address of mail, ann@example.org`);
  return owners;
}

function readSigners(fields: Fields, kind: WatchedPlace['kind']): readonly Signer[] {
  const source = fields.source('signers');
  if (source === undefined) return [];
  if (source.kind !== 'map') {
    fields.wrong(source.at, "below 'signers:' stands each by name: ann: {ssh: ssh-ed25519 AAAA...}");
    return [];
  }
  const signers = source.entries.map(({ key: name, at, value }): Signer => {
    if (!NAME.test(name)) fields.wrong(at, `'${shown(name)}' is no name for a signer`);
    const keys = ['openpgp', 'key', 'ssh', 'for'];
    const below = value.kind === 'map' ? value.entries : [];
    if (value.kind !== 'map') fields.wrong(value.at, `here stand fields: ${keys.join(', ')}`);
    const signer = new Fields(below, keys, value.at, undefined, fields.problems);
    const packages = signer.words('for', GLOB, A_GLOB);
    if (kind === 'git' && packages.length > 0)
      signer.wrong(
        signer.at('for'),
        'a branch has no packages: whoever signs a commit signs all that led to it',
      );
    return { name, by: readSignerKey(signer), ...(packages.length === 0 ? {} : { for: packages }) };
  });
  return signers.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readSignerKey(signer: Fields): SignerKey {
  const fingerprint = signer.line('openpgp')?.replaceAll(' ', '');
  const key = readKey(signer);
  const ssh = signer.matching('ssh', SSH_KEY, 'a public key of SSH: ssh-ed25519 AAAA...');
  if ((ssh === undefined) === (fingerprint === undefined && key === undefined))
    signer.wrong(
      signer.start,
      "it is one of the two: {openpgp: FINGERPRINT, key: |...}, or {ssh: 'ssh-ed25519 AAAA...'}",
    );
  else if (ssh === undefined) {
    if (fingerprint !== undefined && !FINGERPRINT.test(fingerprint))
      signer.wrong(
        signer.at('openpgp'),
        `'${shown(fingerprint)}' is no fingerprint: write all its 40 hexadecimal digits`,
      );
    signer.required('openpgp', fingerprint, 'the fingerprint of the key, all its 40 hexadecimal digits');
    signer.required('key', key, 'the public key itself, armoured');
  }
  return ssh === undefined
    ? { kind: 'openpgp', fingerprint: (fingerprint ?? '').toUpperCase(), key: key ?? '' }
    : { kind: 'ssh', key: ssh };
}

/** A part of the grid: `0.25` or `25%`. */
function readShare(fields: Fields): number {
  const text = fields.text('share');
  if (text === undefined) return SHARE;
  const [, digits = '', sign] = /^([0-9]{0,3}\.[0-9]{1,4}|[0-9]{1,3}) ?(%?)$/.exec(text) ?? [];
  const share = digits === '' ? 0 : Number(digits) / (sign === '%' ? 100 : 1);
  if (!(share > 0 && share <= 1))
    fields.wrong(fields.at('share'), `'${shown(text)}' is no share of the grid: write 25%, or 0.25`);
  return share;
}

/** As the inventory writes it. */
export function watchFields(watch: WatchSpec): Record<string, Written | undefined> {
  const {
    meaning,
    place,
    project,
    every,
    hook,
    owners,
    packages,
    signers,
    tests,
    share,
    rollbacksPerDay,
    dryRun,
  } = watch;
  return {
    meaning,
    ...placeFields(place),
    project: project === 'default' ? undefined : project,
    every,
    hook: hook && { ...hook },
    owners,
    packages,
    signers: signers && Object.fromEntries(signers.map((signer) => [signer.name, signerFields(signer)])),
    tests,
    share: share === SHARE ? undefined : `${Number((share * 100).toFixed(2))}%`,
    rollbacks_per_day: rollbacksPerDay === ROLLBACKS ? undefined : `${rollbacksPerDay}`,
    dry_run: dryRun ? 'yes' : undefined,
  };
}

function placeFields(place: WatchedPlace): Record<string, Written | undefined> {
  switch (place.kind) {
    case 'apt': {
      const { url, suite, component, architecture, key } = place;
      return {
        apt: { url, suite, component, architecture, key, unsigned: key === undefined ? 'yes' : undefined },
      };
    }
    case 'dnf':
      return { dnf: { url: place.url, key: place.key } };
    case 'git':
      return { git: { url: place.url, branch: place.branch } };
    case 'image':
      return { images: 'all' };
    case 'test':
      return { tests_of: place.project };
  }
}

function signerFields({ by, for: packages }: Signer): Written {
  const key = by.kind === 'ssh' ? { ssh: by.key } : { openpgp: by.fingerprint, key: by.key };
  return { ...key, for: packages };
}
