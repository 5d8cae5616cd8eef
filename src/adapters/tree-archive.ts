import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { TestTree } from '../domain/lava/definition.js';
import type { TreeEntry } from '../ports/source.js';

/** The most that all files of a tree may have together. */
export const MOST_TREE_BYTES = 256 * 1024 * 1024;
/** More are no folder of tests. */
export const MOST_TREE_FILES = 50_000;

const BLOCK = 512;
/** One moment for all that is in an archive: equal files make equal archives. Zero would be warned of. */
const MOMENT_S = 946_684_800;

/** A tree is larger than is taken. */
export class TreeTooLarge extends Error {
  override readonly name = 'TreeTooLarge';
}

/** The entries as a tar archive compressed by gzip, in the order of their paths; equal entries make equal bytes. */
export function archiveOf(entries: readonly TreeEntry[]): AsyncIterable<Uint8Array> {
  const ordered = [...entries].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  // Somebody waits for it, and the way is short: level 6 takes three times as long.
  return Readable.from(blocksOf(ordered)).pipe(createGzip({ level: 1 }));
}

/** Writes an archive to a file, and says what it is. */
export async function writeArchive(archive: AsyncIterable<Uint8Array>, file: string): Promise<TestTree> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(
    archive,
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(file, { mode: 0o600 }),
  );
  return { blob: hash.digest('hex'), bytes };
}

async function* blocksOf(entries: readonly TreeEntry[]): AsyncGenerator<Uint8Array> {
  let total = 0;
  for (const entry of entries) {
    if (entry.kind !== 'file') {
      yield headOf(entry, 0);
      continue;
    }
    const content = await entry.content();
    total += content.length;
    if (total > MOST_TREE_BYTES) throw new TreeTooLarge(tooLarge());
    yield headOf(entry, content.length);
    yield content;
    yield Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** What to say of a tree that is too large. */
export function tooLarge(): string {
  return `its files have more than ${MOST_TREE_BYTES / 1024 / 1024} MiB together, the most that goes along with a test`;
}

const TYPES = { file: '0', link: '2', folder: '5' } as const;

function headOf(entry: TreeEntry, size: number): Buffer {
  const path = entry.kind === 'folder' ? `${entry.path}/` : entry.path;
  const mode = entry.kind === 'file' && !entry.isExecutable ? 0o644 : 0o755;
  const to = entry.kind === 'link' ? entry.to : '';
  // The extension of GNU, which every tar in use knows, that of BusyBox too.
  return Buffer.concat([
    Buffer.byteLength(to) > 100 ? longName('K', to) : Buffer.alloc(0),
    Buffer.byteLength(path) > 100 ? longName('L', path) : Buffer.alloc(0),
    header(path, to, TYPES[entry.kind], entry.kind === 'link' ? 0o777 : mode, size),
  ]);
}

function longName(type: 'K' | 'L', name: string): Buffer {
  const bytes = Buffer.from(`${name}\0`);
  const padding = Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK);
  return Buffer.concat([header('././@LongLink', '', type, 0o644, bytes.length), bytes, padding]);
}

/** A header as POSIX.1-1988 has it, with the marks of GNU. */
function header(path: string, to: string, type: string, mode: number, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  // A name that is too long is told before; here it is cut.
  Buffer.from(path).copy(block, 0, 0, 100);
  block.write(octal(mode, 7), 100, 'latin1');
  block.write(octal(0, 7), 108, 'latin1');
  block.write(octal(0, 7), 116, 'latin1');
  block.write(octal(size, 11), 124, 'latin1');
  block.write(octal(MOMENT_S, 11), 136, 'latin1');
  block.write('        ', 148, 'latin1');
  block.write(type, 156, 'latin1');
  Buffer.from(to).copy(block, 157, 0, 100);
  block.write('ustar  \0', 257, 'latin1');
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
