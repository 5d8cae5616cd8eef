import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Arrival } from '../domain/change.js';
import { fitsGlob } from '../domain/glob.js';
import { versionProblem } from '../domain/version/compare.js';
import { mailOf, ownerOf, type Signer, type WatchSpec } from '../domain/watch.js';
import type { Blobs } from '../ports/blobs.js';
import { Candidates, type Inspected, type PushedCandidate } from '../ports/candidates.js';
import { factsOf, paragraphsOf } from './deb-fields.js';
import { git } from './git-command.js';
import { oneLine } from './one-line.js';
import { runProgram } from './program.js';
import { COMMIT_NAMESPACE, checkSignature } from './signature.js';

/** A package that is pushed is read into memory. */
const LARGEST_BYTES = 256 * 1024 * 1024;
const PATIENCE_MS = 120_000;

/** What a package or a commit says of itself. */
interface Told {
  readonly name: string;
  readonly version: string;
  readonly arrival: Omit<Arrival, 'component' | 'version'>;
}

/** Packages that were uploaded, by the tools of their distribution; commits, by git. */
export class PushedCandidates extends Candidates {
  constructor(private readonly blobs: Blobs) {
    super();
  }

  override async inspect(pushed: PushedCandidate, signal: AbortSignal): Promise<Inspected> {
    const { watch, candidate } = pushed;
    switch (watch.place.kind) {
      case 'apt':
      case 'dnf':
        if (!('blob' in candidate)) return no(`'${watch.name}' takes packages: push a file`);
        return await this.packageIn(pushed, watch.place.kind, candidate.blob);
      case 'git':
        if (!('commit' in candidate))
          return no(`'${watch.name}' is a branch: push a commit of its repository`);
        return await commitIn(pushed, watch.place.url, candidate.commit, signal);
      case 'image':
        return no('an image is changed in the inventory: testyard inventory apply');
      case 'test':
        return no('a test is changed where it is: in the inventory, or by testyard submit');
    }
  }

  private async packageIn(pushed: PushedCandidate, kind: 'apt' | 'dnf', blob: string): Promise<Inspected> {
    const { watch, component, signature } = pushed;
    const bytes = await this.blobs.get(blob);
    if (bytes.length > LARGEST_BYTES) return no(`a candidate has at most ${LARGEST_BYTES} bytes`);
    // Nothing of it is looked into before it is known who made it.
    const name = component.slice(watch.name.length + 1);
    const signed = await signedBy(watch, [name], bytes, signature);
    if (!signed.ok) return signed;
    const told = await (kind === 'apt' ? debAt : rpmAt)(bytes);
    if (typeof told === 'string') return no(told);
    if (told.name !== name) return no(`it is package '${told.name}', not '${name}'`);
    const wrong = versionProblem(kind === 'apt' ? 'deb' : 'rpm', told.version);
    if (wrong !== undefined) return no(wrong);
    const owner = ownerOf(watch, [name], told.arrival.owner);
    const arrival = {
      component,
      version: told.version,
      ...told.arrival,
      ...(owner === undefined ? {} : { owner }),
    };
    return { ok: true, arrival, ...(signed.signer === undefined ? {} : { signer: signed.signer }) };
  }
}

function no(why: string): { readonly ok: false; readonly why: string } {
  return { ok: false, why };
}

/** Judges the signature, where the watch asks for one. */
async function signedBy(
  watch: WatchSpec,
  names: readonly string[],
  bytes: Uint8Array,
  signature: string | undefined,
  namespace?: string,
): Promise<{ readonly ok: true; readonly signer?: string } | { readonly ok: false; readonly why: string }> {
  if (watch.signers === undefined) return { ok: true };
  const signers = watch.signers.filter((signer) => isFor(signer, names));
  if (signers.length === 0)
    return no(`nobody is trusted to push ${names.join(', ') || 'to it'}: see 'signers' of '${watch.name}'`);
  return await checkSignature(signers, bytes, signature, namespace);
}

/** Every one of the names fits one of the signer's patterns. */
function isFor({ for: globs }: Signer, names: readonly string[]): boolean {
  return globs === undefined || names.every((name) => globs.some((glob) => fitsGlob(name, glob)));
}

async function inFile<Answer>(bytes: Uint8Array, use: (file: string) => Promise<Answer>): Promise<Answer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'testyard-pushed-'));
  try {
    const file = path.join(folder, 'package');
    await writeFile(file, bytes);
    return await use(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function debAt(bytes: Uint8Array): Promise<Told | string> {
  return await inFile(bytes, async (file) => {
    const ended = await runProgram(['dpkg-deb', '--field', file]);
    if (ended.code !== 0) return `it is no package for apt: ${ended.words.replaceAll(file, 'it')}`;
    const [fields] = paragraphsOf(ended.out.toString('utf8'));
    const [name, version] = [fields?.get('package'), fields?.get('version')];
    if (fields === undefined || name === undefined || version === undefined)
      return 'it is no package for apt';
    const maintainer = oneLine(fields.get('maintainer'));
    const owner = mailOf(maintainer);
    const arrival = {
      title: `${name} ${version}`,
      ...(maintainer === undefined ? {} : { author: maintainer }),
      ...(owner === undefined ? {} : { owner }),
      facts: factsOf(fields),
    };
    return { name, version, arrival };
  });
}

const RPM_FIELDS = [
  '%{NAME}',
  '%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}',
  '%{ARCH}',
  '%|PACKAGER?{%{PACKAGER}}|',
];

async function rpmAt(bytes: Uint8Array): Promise<Told | string> {
  return await inFile(bytes, async (file) => {
    const format = `${RPM_FIELDS.join('\\n')}\\n[%{REQUIRENAME}\\n]`;
    const ended = await runProgram(['rpm', '-qp', '--nosignature', '--qf', format, file]);
    if (ended.code !== 0) return `it is no package for dnf: ${ended.words.replaceAll(file, 'it')}`;
    const [name = '', full = '', architecture = '', packager, ...needs] = ended.out
      .toString('utf8')
      .split('\n');
    const version = full.replace(/^0:/, '');
    const author = oneLine(packager);
    const owner = mailOf(author);
    const depends = needs.filter((one) => one !== '' && !one.startsWith('rpmlib('));
    const arrival = {
      title: `${name} ${version}`,
      ...(author === undefined ? {} : { author }),
      ...(owner === undefined ? {} : { owner }),
      facts: { name, architecture, depends: depends.map((one) => ({ package: one })) },
    };
    return { name, version, arrival };
  });
}

/** A commit that its repository has: its author, what it touched, and the signature in it. */
async function commitIn(
  { watch }: PushedCandidate,
  url: string,
  commit: string,
  signal: AbortSignal,
): Promise<Inspected> {
  const folder = await mkdtemp(path.join(tmpdir(), 'testyard-commit-'));
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  const scheme = /^(https?|ssh|git|file):\/\//.exec(url)?.[1] ?? 'none';
  const say = async (...args: readonly string[]) => {
    const end = await git(args, { folder, signal: limit, scheme });
    return end.kind === 'ok' ? { out: end.out } : { words: end.kind === 'failed' ? end.words : end.kind };
  };
  try {
    const format = `--object-format=${commit.length === 64 ? 'sha256' : 'sha1'}`;
    await say('init', '--bare', '--quiet', '--template=', format);
    const options = ['--depth=2', '--no-tags', '--no-write-fetch-head', '--quiet', '--filter=blob:none'];
    const fetched = await say('fetch', ...options, '--', url, `+${commit}:refs/testyard/${commit}`);
    if ('words' in fetched) return no(`${url} does not give the commit ${commit}: ${fetched.words}`);
    const raw = await say('cat-file', 'commit', commit);
    const names = await say(
      'diff-tree',
      '-m',
      '-r',
      '-z',
      '--root',
      '--no-renames',
      '--name-only',
      '--no-commit-id',
      commit,
    );
    if ('words' in raw) return no(`the commit cannot be read: ${raw.words}`);
    if ('words' in names) return no(`what the commit touched cannot be read: ${names.words}`);
    const files = [...new Set(names.out.toString('utf8').split('\0').filter(Boolean))];
    const { payload, signature } = partsOf(raw.out);
    // Whoever signs a commit signs all that led to it.
    const signed = await signedBy(watch, [], payload, signature, COMMIT_NAMESPACE);
    if (!signed.ok) return signed;
    const arrival = commitArrival(watch, commit, payload.toString('utf8'), files);
    return { ok: true, arrival, ...(signed.signer === undefined ? {} : { signer: signed.signer }) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function commitArrival(watch: WatchSpec, commit: string, payload: string, files: readonly string[]): Arrival {
  const [head = '', ...message] = payload.split('\n\n');
  const [, who, seconds] = /^author (.*>) ([0-9]+) [+-][0-9]{4}$/m.exec(head) ?? [];
  const author = oneLine(who);
  const owner = ownerOf(watch, files, mailOf(who));
  return {
    component: watch.name,
    version: commit,
    title: oneLine(message.join('\n\n').split('\n')[0]) ?? commit,
    ...(author === undefined ? {} : { author }),
    ...(owner === undefined ? {} : { owner }),
    ...(seconds === undefined ? {} : { madeAt: new Date(Number(seconds) * 1000) }),
    facts: { files: files.slice(0, 500) },
  };
}

/** What of a commit is signed, and the signature that stands in its head (lines that go on begin with a space). */
function partsOf(raw: Buffer): { readonly payload: Buffer; readonly signature?: string } {
  // Bytes as they are: what was signed may be in any encoding.
  const text = raw.toString('latin1');
  const end = text.indexOf('\n\n');
  const head = text.slice(0, end + 1);
  const found = /^gpgsig(?:-sha256)? (.*\n(?: .*\n)*)/m.exec(head);
  if (found === null) return { payload: raw };
  const payload = head.replace(found[0], '') + text.slice(end + 1);
  return { payload: Buffer.from(payload, 'latin1'), signature: (found[1] ?? '').replace(/^ /gm, '') };
}
