import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { download, NotDownloaded } from './download.js';
import { runProgram } from './program.js';

/** A repository of packages cannot be read, or what it says cannot be believed; the message says why. */
export class NotReadable extends Error {
  override readonly name = 'NotReadable';
}

const PATIENCE_MS = 120_000;
const MOST_BYTES = 256 * 1024 * 1024;
const MOST_UNPACKED_BYTES = 1024 * 1024 * 1024;

/** A file below the address of a repository. Throws `NotReadable`. */
export async function fileOf(url: string, name: string, mostBytes = MOST_BYTES): Promise<Buffer> {
  const address = `${url.replace(/\/+$/, '')}/${name}`;
  const folder = await mkdtemp(path.join(tmpdir(), 'testyard-list-'));
  try {
    if (address.startsWith('file:')) return await readFileHere(fileURLToPath(address), mostBytes);
    const file = path.join(folder, 'file');
    await download(address, file, { mostBytes, patienceMs: PATIENCE_MS });
    return await readFile(file);
  } catch (error) {
    if (error instanceof NotDownloaded || (error as NodeJS.ErrnoException).code !== undefined)
      throw new NotReadable(`${address}: ${(error as Error).message}`);
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readFileHere(file: string, mostBytes: number): Promise<Buffer> {
  const { size } = await stat(file);
  if (size > mostBytes) throw new NotDownloaded(`it has more than ${mostBytes} bytes`);
  return await readFile(file);
}

/** Refuses bytes that are not those of a digest (hexadecimal). Throws `NotReadable`. */
export function believe(
  bytes: Uint8Array,
  algorithm: 'sha256' | 'sha512',
  digest: string,
  name: string,
): void {
  if (createHash(algorithm).update(bytes).digest('hex') !== digest.toLowerCase())
    throw new NotReadable(`${name} is not what the list of files says: it was changed, or is being changed`);
}

/** What is in a file, packed as its name says. Throws `NotReadable`. */
export async function unpacked(name: string, bytes: Buffer): Promise<Buffer> {
  const [program] = { xz: ['xz'], zst: ['zstd'] }[name.split('.').at(-1) as 'xz' | 'zst'] ?? [];
  if (name.endsWith('.gz'))
    return await promisify(gunzip)(bytes, { maxOutputLength: MOST_UNPACKED_BYTES }).catch((error: Error) => {
      throw new NotReadable(`${name} cannot be unpacked: ${error.message}`);
    });
  if (program === undefined) return bytes;
  const ended = await runProgram([program, '-dc'], { input: bytes, mostBytes: MOST_UNPACKED_BYTES });
  if (ended.code !== 0) throw new NotReadable(`${name} cannot be unpacked: ${ended.words}`);
  return ended.out;
}
