import { homedir } from 'node:os';
import path from 'node:path';
import type { GridSpec, HostSpec, HostTransport } from '../domain/inventory.js';
import { LAYERS } from '../domain/layer.js';
import type { StepAction, StepSpec } from '../domain/step.js';
import type { TagSpec } from '../domain/tag.js';
import { type Fields, NAME } from './source-fields.js';

/** What `grid.yaml` can say. */
export const GRID_KEYS = ['name', 'admin', 'default'];
/** What can be said of a tag. */
export const TAG_KEYS = ['meaning', 'owner', 'probe'];
/** What can be said of a host. */
export const HOST_KEYS = [
  ...['type', 'pool', 'owner', 'seats', 'expendable', 'tags', 'executor', 'ssh', 'local', 'restore'],
];
/** What can be said of a step. */
export const STEP_KEYS = [
  ...['layer', 'needs', 'gives', 'script', 'restore', 'undo', 'no_undo', 'owner', 'timeout', 'cost'],
];

const STEP_TIMEOUT_MS = 600_000;
const HOST_KEY = /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,}={0,3}( .*)?$/;
/** A name or an address; not one that ssh could take for an option. */
const ADDRESS = /^[A-Za-z0-9[:][A-Za-z0-9.:%_[\]-]{0,252}$/;
const USER = /^[a-z_][a-z0-9_.-]{0,63}$/i;

/** Reads what `grid.yaml` says; the default requirement is checked when the tags are known. */
export function readGrid(fields: Fields, known: ReadonlySet<string>): GridSpec {
  return {
    name: required(fields, 'name', fields.name('name'), "the grid's name"),
    admin: required(fields, 'admin', fields.line('admin'), 'who is told wherever no owner is declared'),
    default: fields.requirement('default', known),
  };
}

/** Reads a tag of the catalogue. */
export function readTag(name: string, fields: Fields): TagSpec {
  const owner = fields.line('owner');
  const probe = fields.text('probe');
  return {
    name,
    meaning: required(fields, 'meaning', fields.text('meaning'), 'what it says of a host'),
    ...(owner === undefined ? {} : { owner }),
    kind: 'flag',
    ...(probe === undefined ? {} : { probe }),
  };
}

/** Reads a host; `folder` is where the file lies that names its key file. */
export function readHost(name: string, fields: Fields, known: ReadonlySet<string>, folder: string): HostSpec {
  const owner = fields.line('owner');
  const executor = fields.name('executor');
  const transport = readTransport(fields, folder);
  const restore = readRestore(fields);
  const expendable = fields.layers('expendable');
  const tags = fields.tags('tags', known);
  if (transport?.kind === 'local') {
    // The grid must not rebuild the machine it runs on, and a test there never is root.
    const below = expendable.filter((layer) => layer !== 'use');
    if (below.length > 0)
      fields.wrong(
        fields.at('expendable'),
        `'${name}' is a local host: of its layers only 'use' can be expendable, not ${below.join(', ')}`,
      );
    if (tags.includes('root'))
      fields.wrong(fields.at('tags'), `'${name}' is a local host: tests there never run as root`);
    if (restore !== undefined)
      fields.wrong(fields.at('restore'), `'${name}' is a local host: it cannot be put back by an image`);
  } else if (expendable.includes('image') && restore === undefined)
    fields.wrong(
      fields.at('expendable'),
      `'image' is expendable, so say how it is put back: restore: {command: [...]}`,
    );
  return {
    name,
    type: fields.name('type') ?? 'generic',
    pool: fields.name('pool') ?? 'default',
    ...(owner === undefined ? {} : { owner }),
    seats: fields.integer('seats', 1, 1000) ?? 1,
    expendable,
    tags,
    ...(executor === undefined ? {} : { executor }),
    transport: transport ?? { kind: 'local', network: false },
    ...(restore === undefined ? {} : { restore }),
  };
}

function readTransport(fields: Fields, folder: string): HostTransport | undefined {
  if (fields.has('ssh') === fields.has('local')) {
    fields.wrong(fields.start, "say how the host is reached: either 'ssh: {address: ...}' or 'local: {}'");
    return undefined;
  }
  if (fields.has('local')) {
    const local = fields.below('local', ['network']);
    return { kind: 'local', network: local?.flag('network') ?? false };
  }
  const ssh = fields.below('ssh', ['address', 'port', 'user', 'key_file', 'host_keys']);
  if (ssh === undefined) return undefined;
  const keyFile = required(ssh, 'key_file', ssh.line('key_file'), 'the path of the private key');
  const hostKeys = ssh.words('host_keys', HOST_KEY, "a public host key such as 'ssh-ed25519 AAAA...'");
  if (!ssh.has('host_keys') || ssh.list('host_keys').length === 0)
    ssh.wrong(
      ssh.at('host_keys'),
      "'host_keys' is missing: `ssh-keyscan ADDRESS` shows them, to be compared",
    );
  return {
    kind: 'ssh',
    address: required(
      ssh,
      'address',
      matching(ssh, 'address', ADDRESS, 'a host name or address'),
      'where it is',
    ),
    port: ssh.integer('port', 1, 65_535) ?? 22,
    user: required(ssh, 'user', matching(ssh, 'user', USER, 'a user name'), 'who logs in'),
    keyFile: keyFile.startsWith('~/')
      ? path.join(homedir(), keyFile.slice(2))
      : path.resolve(folder, keyFile),
    hostKeys,
  };
}

function readRestore(fields: Fields): HostSpec['restore'] {
  const restore = fields.below('restore', ['command']);
  if (restore === undefined) return undefined;
  const command = restore.list('command').map(({ text }) => text);
  if (command[0] === undefined || command[0] === '')
    restore.wrong(restore.at('command'), "'command' is missing: a list of program and arguments");
  return { kind: 'command', command };
}

/** Reads a provisioning step. */
export function readStep(name: string, fields: Fields, known: ReadonlySet<string>): StepSpec {
  const owner = fields.line('owner');
  if (!fields.has('layer')) fields.wrong(fields.start, `'layer' is missing: one of ${LAYERS.join(', ')}`);
  const layer = fields.oneOf('layer', LAYERS) ?? 'use';
  const gives = fields.tags('gives', known);
  if (gives.length === 0)
    fields.wrong(fields.at('gives'), `'${name}' gives no tag, so that no chain would ever use it`);
  const action = readAction(fields);
  if (action.kind === 'restore' && layer !== 'image')
    fields.wrong(fields.at('layer'), `a step that restores an image is of layer 'image', not '${layer}'`);
  return {
    name,
    ...(owner === undefined ? {} : { owner }),
    layer,
    needs: fields.requirement('needs', known),
    gives,
    action,
    undo: readUndo(fields),
    timeoutMs: fields.duration('timeout') ?? STEP_TIMEOUT_MS,
    costS: (fields.duration('cost') ?? 10_000) / 1000,
  };
}

function readAction(fields: Fields): StepAction {
  if (fields.has('script') === fields.has('restore'))
    fields.wrong(fields.start, "say what the step does: either 'script: |' or 'restore: IMAGE'");
  if (!fields.has('restore')) return { kind: 'script', script: fields.text('script') ?? '' };
  return { kind: 'restore', image: matching(fields, 'restore', NAME, 'the name of an image') ?? '' };
}

function readUndo(fields: Fields): StepSpec['undo'] {
  if (fields.has('undo') === fields.has('no_undo'))
    fields.wrong(fields.start, "say either 'undo: |' or in 'no_undo: ...' why there is none");
  return fields.has('undo') ? { script: fields.text('undo') ?? '' } : { none: fields.line('no_undo') ?? '' };
}

function matching(fields: Fields, key: string, rule: RegExp, what: string): string | undefined {
  const text = fields.text(key);
  if (text !== undefined && text !== '' && !rule.test(text))
    fields.wrong(fields.at(key), `'${text}' is not ${what}`);
  return text;
}

function required(fields: Fields, key: string, text: string | undefined, what: string): string {
  if (text === undefined) fields.wrong(fields.start, `'${key}' is missing: ${what}`);
  return text ?? '';
}
