import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a file of known hosts says of one host. */
export interface KnownKeys {
  /** Public keys as `type base64`. */
  readonly keys: readonly string[];
  /** Keys that are marked as stolen. */
  readonly revoked: readonly string[];
}

/**
 * The keys of a host in the text of an OpenSSH `known_hosts` file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): lists with
 * `*`, `?` and `!`, hashed names, `[host]:port`, `@revoked`. Certificate authorities are passed over: what they
 * sign is no key that could be pinned.
 */
export function knownKeys(text: string, address: string, port: number): KnownKeys {
  const name = (port === 22 ? address : `[${address}]:${port}`).toLowerCase();
  const keys: string[] = [];
  const revoked: string[] = [];
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '' || words[0]?.startsWith('#')) continue;
    const marker = words[0]?.startsWith('@') ? words.shift() : undefined;
    const [hosts = '', type = '', key = ''] = words;
    if (key === '' || !isFor(hosts, name)) continue;
    if (marker === undefined) keys.push(`${type} ${key}`);
    else if (marker === '@revoked') revoked.push(`${type} ${key}`);
  }
  return { keys: keys.filter((key) => !revoked.includes(key)), revoked };
}

function isFor(hosts: string, name: string): boolean {
  if (hosts.startsWith('|1|')) return isHashOf(hosts, name);
  const patterns = hosts.toLowerCase().split(',');
  const fits = (pattern: string) => globOf(pattern).test(name);
  if (patterns.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1)))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && fits(pattern));
}

function isHashOf(hashed: string, name: string): boolean {
  const [, , salt = '', hash = ''] = hashed.split('|');
  const made = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  const given = Buffer.from(hash, 'base64');
  return given.length === made.length && timingSafeEqual(given, made);
}

function globOf(pattern: string): RegExp {
  const text = pattern.slice(0, 300).replace(/[\\^$+.()|{}[\]]/g, '\\$&');
  return new RegExp(`^${text.replace(/\*+/g, '.*').replaceAll('?', '.')}$`);
}
