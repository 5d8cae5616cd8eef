import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline, Readable, Transform, Writable } from 'node:stream';
import { pipeline as piped } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { BlobMissing, Blobs, type StoredBlob } from '../ports/blobs.js';

/** A digest, so that no other text becomes a path. */
const DIGEST = /^[0-9a-f]{64}$/;

/** Blobs as gzip files in a folder, two levels deep: `ab/abcdef...gz`; `tmp` holds what is being written. */
export class FolderBlobs extends Blobs {
  private constructor(private readonly folder: string) {
    super();
  }

  /** Makes the folder where it is missing, and clears what a crash left half written. */
  static async open(folder: string): Promise<FolderBlobs> {
    const temporary = path.join(folder, 'tmp');
    await mkdir(temporary, { recursive: true, mode: 0o700 });
    const dayAgo = Date.now() - 86_400_000;
    for (const name of await readdir(temporary)) {
      const file = path.join(temporary, name);
      // Another process may be writing; nobody writes for a day.
      const info = await stat(file).catch(() => undefined);
      if (info !== undefined && info.mtimeMs < dayAgo) await rm(file, { force: true });
    }
    return new FolderBlobs(folder);
  }

  override async put(bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<StoredBlob> {
    const temporary = path.join(this.folder, 'tmp', randomUUID());
    const hash = createHash('sha256');
    let count = 0;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        const measure = new Transform({
          transform(chunk: Buffer, _encoding, done) {
            hash.update(chunk);
            count += chunk.length;
            done(null, chunk);
          },
        });
        const sink = new Writable({
          write(chunk: Buffer, _encoding, done) {
            file.appendFile(chunk).then(() => done(), done);
          },
        });
        await piped(Readable.from(bytes, { objectMode: false }), measure, createGzip(), sink);
        await file.sync();
      } finally {
        await file.close();
      }
      const digest = hash.digest('hex');
      const final = this.fileOf(digest);
      await mkdir(path.dirname(final), { recursive: true, mode: 0o700 });
      await rename(temporary, final);
      // The name has to survive as well.
      await syncFolder(path.dirname(final));
      await syncFolder(this.folder);
      return { digest, bytes: count, storedBytes: (await stat(final)).size };
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  override async has(digest: string): Promise<boolean> {
    if (!DIGEST.test(digest)) return false;
    const info = await stat(this.fileOf(digest)).catch(() => undefined);
    return info !== undefined;
  }

  override async open(digest: string, fromByte = 0): Promise<Readable> {
    if (!(await this.has(digest))) throw new BlobMissing(digest);
    let skip = fromByte;
    const rest = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        const kept = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - kept.length;
        done(null, kept);
      },
    });
    // Whoever reads `rest` sees an error of any part of it.
    return pipeline(createReadStream(this.fileOf(digest)), createGunzip(), rest, () => undefined);
  }

  override async get(digest: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of await this.open(digest)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  private fileOf(digest: string): string {
    return path.join(this.folder, digest.slice(0, 2), `${digest}.gz`);
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
