import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BlobMissing } from '../ports/blobs.js';
import { LeaseDead, Refused } from '../protocol/terms.js';
import { pause, type Timing } from './timing.js';

/** An artefact cannot be had here: no finding about a test or a host. */
export class BlobUnavailable extends Error {
  override readonly name = 'BlobUnavailable';
}

/** Whoever fetched wants it no more. */
class FetchStopped extends Error {
  override readonly name = 'FetchStopped';
}

/** An artefact as a file on the executor's own disk; it stays at least until it is let go. */
export interface KeptBlob {
  readonly file: string;
  readonly bytes: number;
  readonly letGo: () => void;
}

/** How the cache keeps and fetches. */
export interface BlobCacheOptions {
  /** Where; undefined: in a temporary folder that goes with it. */
  readonly folder: string | undefined;
  /** Beyond it what was not used for longest goes, unless it is in use. */
  readonly limitBytes: number;
  /** How long a grid that cannot be asked, or sends other bytes, is asked again. */
  readonly patienceMs: number;
  readonly retryMs: number;
}

const DIGEST = /^[0-9a-f]{64}$/;

/** Artefacts that the grid has sent, each once, under the digest of its bytes. */
export class BlobCache {
  private folder: Promise<string> | undefined;
  private readonly fetching = new Map<string, Promise<void>>();
  private readonly users = new Map<string, number>();

  constructor(
    private readonly options: BlobCacheOptions,
    private readonly timing: Timing,
  ) {}

  /** The artefact, fetched where it is not here. Rejects with BlobUnavailable, and once `stop` is aborted. */
  async take(digest: string, fetch: () => Promise<Readable>, stop: AbortSignal): Promise<KeptBlob> {
    if (!DIGEST.test(digest)) throw new BlobUnavailable(`'${digest}' is no SHA-256`);
    this.users.set(digest, (this.users.get(digest) ?? 0) + 1);
    let isHeld = true;
    const letGo = () => {
      if (isHeld) this.letGo(digest);
      isHeld = false;
    };
    try {
      const file = join(await this.place(), digest);
      for (;;) {
        const there = await stat(file).catch(() => undefined);
        if (there !== undefined) {
          // By this the one that nobody used for longest is known, after a new start too.
          await utimes(file, new Date(), new Date()).catch(() => undefined);
          return { file, bytes: there.size, letGo };
        }
        if (stop.aborted) throw new FetchStopped('the attempt was stopped');
        const other = this.fetching.get(digest);
        if (other === undefined) await this.fetch(digest, file, fetch, stop);
        else await other.catch(passOver);
      }
    } catch (error) {
      letGo();
      throw error instanceof BlobUnavailable ? error : new BlobUnavailable(whyNot(digest, error));
    }
  }

  /** Removes the temporary folder, where it is one. */
  async close(): Promise<void> {
    if (this.options.folder !== undefined || this.folder === undefined) return;
    const folder = await this.folder.catch(() => undefined);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  private place(): Promise<string> {
    this.folder ??= made(this.options.folder).catch((error: unknown) => {
      this.folder = undefined;
      throw error;
    });
    return this.folder;
  }

  private fetch(
    digest: string,
    file: string,
    fetch: () => Promise<Readable>,
    stop: AbortSignal,
  ): Promise<void> {
    const work = this.fetchPatiently(digest, file, fetch, stop).finally(() => this.fetching.delete(digest));
    this.fetching.set(digest, work);
    return work;
  }

  private async fetchPatiently(
    digest: string,
    file: string,
    fetch: () => Promise<Readable>,
    stop: AbortSignal,
  ): Promise<void> {
    const { monotonicMs } = this.timing;
    const deadline = monotonicMs() + this.options.patienceMs;
    for (;;) {
      try {
        await arrive(await fetch(), digest, file, stop);
        await this.tidy();
        return;
      } catch (error) {
        if (stop.aborted) throw new FetchStopped('the attempt was stopped');
        if (isFinal(error) || monotonicMs() >= deadline) throw error;
      }
      await pause(this.timing, this.options.retryMs, stop);
    }
  }

  private letGo(digest: string): void {
    const left = (this.users.get(digest) ?? 1) - 1;
    if (left > 0) this.users.set(digest, left);
    else this.users.delete(digest);
    if (left === 0) void this.tidy().catch(() => undefined);
  }

  /** Removes what was used longest ago until the rest is within the limit. */
  private async tidy(): Promise<void> {
    const folder = await this.place();
    const kept: { name: string; bytes: number; usedMs: number }[] = [];
    for (const name of await readdir(folder)) {
      const about = DIGEST.test(name) ? await stat(join(folder, name)).catch(() => undefined) : undefined;
      if (about !== undefined) kept.push({ name, bytes: about.size, usedMs: about.mtimeMs });
    }
    let bytes = kept.reduce((sum, one) => sum + one.bytes, 0);
    for (const one of kept.sort((a, b) => a.usedMs - b.usedMs)) {
      if (bytes <= this.options.limitBytes) return;
      if (this.users.has(one.name)) continue;
      await rm(join(folder, one.name), { force: true });
      bytes -= one.bytes;
    }
  }
}

/** The folder, without what an earlier start had half fetched. */
async function made(folder: string | undefined): Promise<string> {
  if (folder === undefined) return await mkdtemp(join(tmpdir(), 'testyard-artefacts-'));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) {
    if (name.endsWith('.part')) await rm(join(folder, name), { force: true });
  }
  return folder;
}

/** Writes the bytes as they come; they get their name when they are shown to be the right ones, and on disk. */
async function arrive(bytes: Readable, digest: string, file: string, stop: AbortSignal): Promise<void> {
  const part = `${file}.part`;
  const hash = createHash('sha256');
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    await pipeline(bytes, measure, createWriteStream(part, { mode: 0o600, flush: true }), { signal: stop });
    const found = hash.digest('hex');
    if (found !== digest) throw new Error(`the grid sent other bytes: their SHA-256 is ${found}`);
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** One fetches for all who want the same; what was that one's own misfortune is no reason for another to give up. */
function passOver(error: unknown): void {
  const isItsOwn = error instanceof FetchStopped || error instanceof Refused || error instanceof LeaseDead;
  if (!isItsOwn) throw error;
}

/** Whether asking again would come to the same. */
function isFinal(error: unknown): boolean {
  if (error instanceof BlobMissing || error instanceof Refused || error instanceof LeaseDead) return true;
  return ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES'].includes(String((error as { code?: unknown }).code));
}

function whyNot(digest: string, error: unknown): string {
  const why = error instanceof Error ? error.message : String(error);
  return `artefact ${digest} could not be had: ${why}`;
}
