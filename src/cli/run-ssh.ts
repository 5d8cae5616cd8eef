import { access, readFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import path from 'node:path';
import { knownKeys } from '../adapters/known-hosts.js';
import { HOST_KEY_TYPES, shownHostKey } from '../adapters/ssh-host-key.js';
import type { SshTransport } from '../domain/inventory.js';
import { Failure } from './failure.js';
import type { PlaceOptions } from './place.js';

const USER = /^[a-z_][a-z0-9_.-]{0,63}$/i;
const ADDRESS = /^[A-Za-z0-9:][A-Za-z0-9.:%_-]{0,252}$/;
const OWN_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
const SHOW_MS = 10_000;

/** The way to a host that was named on the command line, its key pinned; refused where nobody vouches for the key. */
export async function sshTransport(to: string, options: PlaceOptions): Promise<SshTransport> {
  const where = loginOf(to);
  const hostKeys = await pinned(where, options);
  return { kind: 'ssh', ...where, keyFile: await ownKey(options.key), hostKeys };
}

type Login = Pick<SshTransport, 'user' | 'address' | 'port'>;

/** Reads `user@host`, `user@host:port`, `user@[::1]:port`; without a user it is who types. */
function loginOf(to: string): Login {
  const match =
    /^(?:([^@]*)@)?(?:\[([^\]]+)\]|([^:[\]]+|[0-9A-Fa-f]*:[0-9A-Fa-f:.%]*))(?::([0-9]{1,5}))?$/.exec(to);
  const [, named, bracketed, bare, digits = '22'] = match ?? [];
  const user = named ?? userInfo().username;
  const address = bracketed ?? bare ?? '';
  const port = Number(digits);
  if (!USER.test(user) || !ADDRESS.test(address) || port < 1 || port > 65_535)
    throw new Failure(`'${to}' names no host: write user@host, user@host:port or user@[address]:port`);
  return { user, address, port };
}

async function ownKey(given: string | undefined): Promise<string> {
  const folder = path.join(homedir(), '.ssh');
  const files = given === undefined ? OWN_KEYS.map((name) => path.join(folder, name)) : [path.resolve(given)];
  for (const file of files) {
    const isThere = await access(file).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  throw new Failure(
    given === undefined
      ? `there is no private key in ${folder}: name one with --key FILE`
      : `there is no file ${given} (--key)`,
  );
}

async function pinned(where: Login, { hostKey, knownHosts }: PlaceOptions): Promise<readonly string[]> {
  if (hostKey !== undefined) return [await keyOf(where, hostKey)];
  const file = knownHosts ?? path.join(homedir(), '.ssh/known_hosts');
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    if (knownHosts === undefined) return '';
    throw new Failure(`${file} cannot be read (--known-hosts): ${error.message}`);
  });
  const { keys, revoked } = knownKeys(text, where.address, where.port);
  const usable = keys.filter((key) => HOST_KEY_TYPES.includes(key.split(' ')[0] ?? ''));
  if (usable.length > 0) return usable;
  if (revoked.length > 0)
    throw new Failure(`${file} says that the key of ${where.address} was stolen (@revoked)`);
  return refuse(where, file);
}

/** The host shows one key at a time; of which type the one is that was meant, its fingerprint does not tell. */
async function keyOf(where: Login, wanted: string): Promise<string> {
  if (!/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(wanted))
    throw new Failure(`'${wanted}' is no fingerprint: write --host-key SHA256:... as ssh-keygen -l shows it`);
  const shown: string[] = [];
  for (const type of HOST_KEY_TYPES) {
    const found = await shownBy(where, type);
    if (found?.fingerprint === wanted.replace(/=$/, '')) return found.key;
    if (found !== undefined) shown.push(`${type} ${found.fingerprint}`);
  }
  throw new Failure(
    `${where.address} has no key ${wanted}: it shows ${shown.join(', ') || 'none that can be used'}`,
    2,
    'Another machine may answer there, or it was installed anew: ask who runs it before you go on.',
  );
}

async function refuse(where: Login, file: string): Promise<never> {
  for (const type of HOST_KEY_TYPES) {
    const found = await shownBy(where, type);
    if (found === undefined) continue;
    throw new Failure(
      `the key of ${where.address}, port ${where.port}, is not in ${file}: nothing proves that it is the right machine`,
      2,
      `It shows ${type} ${found.fingerprint}. Compare that with what it says itself (ssh-keygen -lf /etc/ssh/ssh_host_${type.replace(/^ssh-|-.*$/g, '')}_key.pub); if they are equal, type:\n  --host-key ${found.fingerprint}`,
    );
  }
  throw new Failure(`${where.address} has no host key that can be used: ${HOST_KEY_TYPES.join(', ')}`);
}

function shownBy({ address, port }: Login, type: string) {
  return shownHostKey(address, port, type, SHOW_MS).catch((error: Error) => {
    throw new Failure(`${address}, port ${port}, cannot be reached: ${error.message}`, 3);
  });
}
