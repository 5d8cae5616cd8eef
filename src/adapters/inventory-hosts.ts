import path from 'node:path';
import { inOrder, readDeclared } from '../domain/inventory/declared.js';
import {
  DEFAULT_POOL,
  DEFAULT_TYPE,
  type DeclaredTag,
  type HostSpec,
  type HostTransport,
  type HostType,
  type Restore,
  type SshLogin,
} from '../domain/inventory.js';
import type { Catalogue } from '../domain/tag.js';
import { readHealthCheck } from './inventory-telling.js';
import type { Thing } from './inventory-thing.js';
import { type Fields, NAME } from './source-fields.js';

/** What can be said of a host. */
export const HOST_KEYS = [
  ...[
    'type',
    'pool',
    'owner',
    'seats',
    'expendable',
    'tags',
    'executor',
    'ssh',
    'local',
    'restore',
    'resources',
  ],
];
/** What can be said of a host type. */
export const TYPE_KEYS = ['meaning', 'health_check', ...HOST_KEYS.filter((key) => key !== 'type')];

const HOST_KEY = /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,}={0,3}( .*)?$/;
/** A name or an address; not one that ssh could take for an option. */
const ADDRESS = /^[A-Za-z0-9[:][A-Za-z0-9.:%_[\]-]{0,252}$/;
const USER = /^[a-z_][a-z0-9_.-]{0,63}$/i;
/** What is said of a way in over ssh. */
const LOGIN_KEYS = ['address', 'port', 'user', 'key_file', 'host_keys', 'jump'];
/** More machines than this are not gone through to reach a host. */
const MOST_JUMPS = 3;

/** What a host says to be rid of a tag of its type. */
const WITHOUT = /^not +(\S+)$/;

/** Reads what all hosts of a type have in common. */
export function readType(
  { name, fields, file }: Thing,
  catalogue: Catalogue,
  base: string | undefined,
): HostType {
  const meaning = fields.text('meaning');
  const said = common(fields, catalogue);
  if (said.without.length > 0)
    fields.wrong(fields.at('tags'), "'not' is for hosts, which leave out a tag of their type");
  if (fields.has('ssh') && fields.has('local'))
    fields.wrong(fields.start, "its hosts are reached one way: either 'ssh' or 'local'");
  const ssh = fields.below('ssh', ['port', 'user', 'key_file', 'jump']);
  const local = fields.below('local', ['network']);
  return {
    name,
    ...(meaning === undefined ? {} : { meaning }),
    ...readHealthCheck(fields),
    ...said.parts,
    tags: said.tags,
    ...(ssh === undefined ? {} : { ssh: readLogin(ssh, file, base) }),
    ...(local === undefined ? {} : { local: { network: local.flag('network') ?? false } }),
  };
}

/** Reads a host: what it says itself, and what its type says beside that. */
export function readHost(
  { name, fields, file }: Thing,
  catalogue: Catalogue,
  base: string | undefined,
  typeOf: ReadonlyMap<string, HostType>,
): HostSpec {
  const typeName = fields.name('type') ?? DEFAULT_TYPE;
  const type = typeOf.get(typeName) ?? { name: typeName, tags: [] };
  const { tags: own, without, parts } = common(fields, catalogue);
  const said = { ...type, ...parts };
  const transport = readTransport(fields, type, file, base);
  const host: HostSpec = {
    name,
    type: typeName,
    pool: said.pool ?? DEFAULT_POOL,
    ...(said.owner === undefined ? {} : { owner: said.owner }),
    seats: said.seats ?? 1,
    expendable: said.expendable ?? [],
    tags: together(fields, type.tags, own, without),
    ...(said.executor === undefined ? {} : { executor: said.executor }),
    transport: transport ?? { kind: 'local', network: false },
    ...(said.restore === undefined ? {} : { restore: said.restore }),
    resources: said.resources ?? [],
  };
  if (transport?.kind === 'local') checkLocal(fields, host);
  else if (host.expendable.includes('image') && host.restore === undefined)
    fields.wrong(
      fields.at('expendable'),
      "'image' is expendable, so say how it is put back: restore: {command: [...]}",
    );
  return host;
}

/** What a type and a host can both say. */
function common(fields: Fields, catalogue: Catalogue) {
  const pool = fields.name('pool');
  const owner = fields.line('owner');
  const seats = fields.integer('seats', 1, 1000);
  const executor = fields.name('executor');
  const restore = readRestore(fields);
  const resources = fields.words('resources', NAME, 'the name of a resource');
  const declared = readDeclarations(fields, catalogue);
  return {
    ...declared,
    parts: {
      ...(pool === undefined ? {} : { pool }),
      ...(owner === undefined ? {} : { owner }),
      ...(seats === undefined ? {} : { seats }),
      ...(fields.has('expendable') ? { expendable: fields.layers('expendable') } : {}),
      ...(executor === undefined ? {} : { executor }),
      ...(restore === undefined ? {} : { restore }),
      ...(fields.has('resources') ? { resources: [...resources].sort() } : {}),
    },
  };
}

function readDeclarations(fields: Fields, catalogue: Catalogue) {
  const tags = new Map<string, DeclaredTag>();
  const without: string[] = [];
  for (const { text, at } of fields.list('tags')) {
    const left = WITHOUT.exec(text)?.[1];
    if (left !== undefined) {
      without.push(left);
      continue;
    }
    const read = readDeclared(text, catalogue);
    if ('problem' in read) {
      fields.wrong(at, read.problem);
      continue;
    }
    const { tag, place } = read.tag;
    const hint = read.spec.kind === 'device' ? ': say where each is, @ PLACE' : '';
    if (tags.has(`${tag} ${place}`))
      fields.wrong(at, `'${tag}' stands twice${place === '' ? hint : ` at ${place}`}`);
    tags.set(`${tag} ${place}`, read.tag);
  }
  return { tags: inOrder([...tags.values()]), without };
}

/** A host's own word on a tag takes the place of all that its type says of that tag. */
function together(
  fields: Fields,
  ofType: readonly DeclaredTag[],
  own: readonly DeclaredTag[],
  without: readonly string[],
): readonly DeclaredTag[] {
  const said = new Set([...own.map(({ tag }) => tag), ...without]);
  for (const name of without) {
    if (!ofType.some(({ tag }) => tag === name))
      fields.wrong(
        fields.itemAt('tags', `not ${name}`),
        `'not ${name}' leaves out a tag of the host's type, which does not have it; what nobody declares is not there`,
      );
    else if (own.some(({ tag }) => tag === name))
      fields.wrong(fields.at('tags'), `'${name}' is there and left out`);
  }
  return inOrder([...ofType.filter(({ tag }) => !said.has(tag)), ...own]);
}

function checkLocal(fields: Fields, { name, expendable, tags, restore }: HostSpec): void {
  // The grid must not rebuild the machine it runs on, and a test there never is root.
  const below = expendable.filter((layer) => layer !== 'use');
  if (below.length > 0)
    fields.wrong(
      fields.at('expendable'),
      `'${name}' is a local host: of its layers only 'use' can be expendable, not ${below.join(', ')}`,
    );
  if (tags.some(({ tag }) => tag === 'root'))
    fields.wrong(fields.at('tags'), `'${name}' is a local host: tests there never run as root`);
  if (restore !== undefined)
    fields.wrong(fields.at('restore'), `'${name}' is a local host: it cannot be put back by an image`);
}

function readTransport(
  fields: Fields,
  type: HostType,
  file: string,
  base: string | undefined,
): HostTransport | undefined {
  const says = { ssh: fields.has('ssh'), local: fields.has('local') };
  const isSsh = says.ssh || (!says.local && type.ssh !== undefined);
  const isLocal = says.local || (!says.ssh && type.local !== undefined);
  if (isSsh === isLocal) {
    fields.wrong(fields.start, "say how the host is reached: either 'ssh: {address: ...}' or 'local: {}'");
    return undefined;
  }
  if (isLocal) {
    const local = fields.below('local', ['network']);
    return { kind: 'local', network: local?.flag('network') ?? type.local?.network ?? false };
  }
  const ssh = fields.below('ssh', LOGIN_KEYS);
  if (ssh === undefined) {
    if (!says.ssh) fields.wrong(fields.start, "'ssh' is missing: its address and host keys are its own");
    return undefined;
  }
  return { kind: 'ssh', ...wholeLogin(ssh, { ...type.ssh, ...readLogin(ssh, file, base) }) };
}

/** What is said of a login, and what must be said of each. */
function wholeLogin(ssh: Fields, { port, user, keyFile, jump }: Partial<SshLogin>): SshLogin {
  const hostKeys = ssh.words('host_keys', HOST_KEY, "a public host key such as 'ssh-ed25519 AAAA...'");
  if (!ssh.has('host_keys') || ssh.list('host_keys').length === 0)
    ssh.wrong(
      ssh.at('host_keys'),
      "'host_keys' is missing: `ssh-keyscan ADDRESS` shows them, to be compared",
    );
  return {
    address: ssh.required(
      'address',
      ssh.matching('address', ADDRESS, 'a host name or address'),
      'where it is',
    ),
    port: port ?? 22,
    user: ssh.required('user', user, 'who logs in'),
    keyFile: ssh.required('key_file', keyFile, 'the path of the private key'),
    hostKeys,
    ...(jump === undefined ? {} : { jump }),
  };
}

function readLogin(
  ssh: Fields,
  file: string,
  base: string | undefined,
  depth = 0,
): NonNullable<HostType['ssh']> {
  const port = ssh.integer('port', 1, 65_535);
  const user = ssh.matching('user', USER, 'a user name');
  const keyFile = ssh.line('key_file');
  const by = depth < MOST_JUMPS ? ssh.below('jump', LOGIN_KEYS) : undefined;
  if (depth >= MOST_JUMPS && ssh.has('jump'))
    ssh.wrong(ssh.at('jump'), `a host is reached over at most ${MOST_JUMPS} others`);
  return {
    ...(by === undefined ? {} : { jump: wholeLogin(by, readLogin(by, file, base, depth + 1)) }),
    ...(port === undefined ? {} : { port }),
    ...(user === undefined ? {} : { user }),
    ...(keyFile === undefined ? {} : { keyFile: pathOf(keyFile, ssh, file, base) }),
  };
}

/** A path from the root, or from the home of whoever runs the executor; a relative one begins at the file. */
function pathOf(keyFile: string, ssh: Fields, file: string, base: string | undefined): string {
  if (keyFile.startsWith('~/') || path.isAbsolute(keyFile)) return path.normalize(keyFile);
  if (base !== undefined) return path.resolve(base, path.dirname(file), keyFile);
  ssh.wrong(
    ssh.at('key_file'),
    "'key_file' is on the executor's machine: write the path from the root, or from its home as ~/...",
  );
  return keyFile;
}

function readRestore(fields: Fields): Restore | undefined {
  const restore = fields.below('restore', ['command']);
  if (restore === undefined) return undefined;
  const command = restore.list('command').map(({ text }) => text);
  if (command[0] === undefined || command[0] === '')
    restore.wrong(restore.at('command'), "'command' is missing: a list of program and arguments");
  return { kind: 'command', command };
}
