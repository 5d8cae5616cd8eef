import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { TreeEntry } from '../ports/source.js';
import { asText, type Head, readHead, recordsOf } from './tar-head.js';
import { MOST_TREE_BYTES, MOST_TREE_FILES, TreeTooLarge, tooLarge } from './tree-archive.js';
import { leadsOut } from './tree-files.js';

const BLOCK = 512;
/** Headers and padding of as many files as a tree may have, with long names. */
const MOST_UNPACKED_BYTES = MOST_TREE_BYTES + MOST_TREE_FILES * 5 * BLOCK;
/** A name is shorter; more would only fill memory. */
const MOST_NAME_BYTES = 64 * 1024;

/** An archive that cannot be read, or is not taken; the message says what of it and why. */
export class BadArchive extends Error {
  override readonly name = 'BadArchive';
}

/** What lies in an archive. Contents are read from its file when they are asked for. */
export interface UnpackedTree {
  readonly entries: readonly TreeEntry[];
  /** What of it does not go along. */
  readonly notes: readonly string[];
}

/** What a file is by its first bytes; undefined: neither an archive nor compressed. */
export function archiveKind(head: Uint8Array): 'tar' | 'gzip' | 'other' | undefined {
  const [a = 0, b = 0, c = 0, d = 0] = head;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  const text = Buffer.from(head.subarray(0, 6)).toString('latin1');
  if (['\xfd7zXZ\0', 'BZh'].some((magic) => text.startsWith(magic))) return 'other';
  // Zstandard and ZIP.
  if ((a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) || text.startsWith('PK\x03\x04')) return 'other';
  return head.length >= BLOCK && readHead(Buffer.from(head.subarray(0, BLOCK))) !== undefined
    ? 'tar'
    : undefined;
}

/** Takes the compression off an archive; throws what it is where that fails. */
export async function unzipped(file: string, to: string): Promise<void> {
  let bytes = 0;
  await pipeline(
    createReadStream(file),
    createGunzip(),
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        if (bytes > MOST_UNPACKED_BYTES) throw new TreeTooLarge(tooLarge());
        yield chunk;
      }
    },
    createWriteStream(to, { mode: 0o600 }),
  ).catch((error: NodeJS.ErrnoException) => {
    if (/^Z_/.test(error.code ?? '')) throw new BadArchive(`its compression is damaged: ${error.message}`);
    throw error;
  });
}

/**
 * Reads a tar archive (POSIX ustar and pax, GNU's long names). One with a name or a link that leads out of it is
 * refused as a whole: nobody packs that by accident.
 */
export async function unpackedTree(file: string): Promise<UnpackedTree> {
  const handle = await open(file);
  try {
    return await new Unpacking(handle, file, (await handle.stat()).size).all();
  } finally {
    await handle.close();
  }
}

/** Where in the archive the bytes of a file are. */
interface Place {
  readonly at: number;
  readonly size: number;
}

/** What headers say of the entry after them. */
interface Said {
  path?: string;
  to?: string;
  size?: number;
}

class Unpacking {
  private readonly entries = new Map<string, TreeEntry>();
  private readonly places = new Map<string, Place>();
  private readonly notes: string[] = [];
  private bytes = 0;
  private count = 0;

  constructor(
    private readonly handle: FileHandle,
    private readonly file: string,
    private readonly length: number,
  ) {}

  async all(): Promise<UnpackedTree> {
    let said: Said = {};
    for (let at = 0; at + BLOCK <= this.length; ) {
      const block = await this.read({ at, size: BLOCK });
      if (block.every((byte) => byte === 0)) break;
      const head = readHead(block);
      if (head === undefined)
        throw new BadArchive(at === 0 ? 'it is no tar archive' : `it is damaged at byte ${at}`);
      const size = said.size ?? head.size;
      const place = { at: at + BLOCK, size };
      // What is not there cannot be read, and a size that nobody could have leads nowhere.
      if (!Number.isSafeInteger(size) || place.at + size > this.length)
        throw new BadArchive(`it ends in the middle: the entry at byte ${at} is cut off`);
      at = place.at + Math.ceil(size / BLOCK) * BLOCK;
      if ('LKxg'.includes(head.type)) await this.hear(head.type, place, said);
      else {
        this.take({ ...head, path: said.path ?? head.path, to: said.to ?? head.to }, place);
        said = {};
      }
      this.count++;
      if (this.count > 4 * MOST_TREE_FILES || this.entries.size > MOST_TREE_FILES)
        throw new TreeTooLarge(
          `it has more than ${MOST_TREE_FILES} files, the most that go along with a test`,
        );
    }
    this.refuseBelowOthers();
    return { entries: this.withoutFilledFolders(), notes: this.notes };
  }

  /** An entry that says something of the next one. */
  private async hear(type: string, place: Place, said: Said): Promise<void> {
    if (place.size > MOST_NAME_BYTES) throw new BadArchive(`a name in it has ${place.size} bytes`);
    const bytes = await this.read(place);
    if (type === 'L') said.path = asText(bytes);
    else if (type === 'K') said.to = asText(bytes);
    else if (type === 'x') {
      const records = recordsOf(bytes);
      if (records === undefined) throw new BadArchive(`it is damaged at byte ${place.at}`);
      const [path, to, size] = ['path', 'linkpath', 'size'].map((key) => records.get(key));
      if (path !== undefined) said.path = path;
      if (to !== undefined) said.to = to;
      if (size !== undefined) said.size = /^[0-9]{1,15}$/.test(size) ? Number(size) : Number.NaN;
    }
    // What is said of all entries (g) is a comment or their times.
  }

  private take({ type, path: raw, to, mode }: Head, place: Place): void {
    const path = cleanPath(raw);
    // The folder in which all of it lies.
    if (path === '') return;
    if (/[\p{C}\ufffd]/u.test(path)) {
      this.notes.push(`${shown(path)} does not go along: it is no name for a file`);
      return;
    }
    // Of twins the last one counts, as for whoever unpacks them.
    if (type === '5') this.put({ kind: 'folder', path });
    else if (type === '2') {
      if (leadsOut(path, to))
        throw new BadArchive(`${shown(path)} in it is a link that leads out, to ${shown(to)}`);
      this.put({ kind: 'link', path, to });
    } else if (['0', '\0', '7'].includes(type)) this.putFile(path, place, (mode & 0o111) !== 0);
    else if (type === '1') this.putTwin(path, cleanPath(to));
    else this.notes.push(`${path} does not go along: it is neither a file, a folder nor a link`);
  }

  private put(entry: TreeEntry): void {
    // A folder may be told after what is in it.
    this.entries.delete(entry.path);
    this.places.delete(entry.path);
    this.entries.set(entry.path, entry);
  }

  private putFile(path: string, place: Place, isExecutable: boolean): void {
    this.bytes += place.size;
    if (this.bytes > MOST_TREE_BYTES) throw new TreeTooLarge(tooLarge());
    this.put({ kind: 'file', path, isExecutable, content: () => contentOf(this.file, place) });
    this.places.set(path, place);
  }

  /** A second name for a file of the same archive. */
  private putTwin(path: string, of: string): void {
    const [entry, place] = [this.entries.get(of), this.places.get(of)];
    if (entry?.kind !== 'file' || place === undefined)
      throw new BadArchive(`${shown(path)} in it is a second name for ${shown(of)}, which is no file in it`);
    this.putFile(path, place, entry.isExecutable);
  }

  /** Below a link or a file nothing can lie: whoever unpacks that writes somewhere else. */
  private refuseBelowOthers(): void {
    for (const path of this.entries.keys())
      for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
        const above = path.slice(0, at);
        const kind = this.entries.get(above)?.kind ?? 'folder';
        if (kind !== 'folder')
          throw new BadArchive(`${shown(path)} in it lies below ${shown(above)}, which is a ${kind}`);
      }
  }

  private withoutFilledFolders(): readonly TreeEntry[] {
    const filled = new Set<string>();
    for (const path of this.entries.keys())
      for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
        filled.add(path.slice(0, at));
    return [...this.entries.values()].filter(({ kind, path }) => kind !== 'folder' || !filled.has(path));
  }

  private async read({ at, size }: Place): Promise<Buffer> {
    const { buffer, bytesRead } = await this.handle.read(Buffer.alloc(size), 0, size, at);
    return buffer.subarray(0, bytesRead);
  }
}

async function contentOf(file: string, { at, size }: Place): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    return (await handle.read(Buffer.alloc(size), 0, size, at)).buffer;
  } finally {
    await handle.close();
  }
}

/** A name from the root of the tree; one that leads out of it is refused. */
function cleanPath(raw: string): string {
  if (raw.startsWith('/')) throw new BadArchive(`${shown(raw)} in it begins with '/'`);
  const parts = raw.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new BadArchive(`${shown(raw)} in it leads out of it by '..'`);
  return parts.join('/');
}

function shown(text: string): string {
  return text.slice(0, 200).replace(/[\p{C}\ufffd]/gu, '?');
}
