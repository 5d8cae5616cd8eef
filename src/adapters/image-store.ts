import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { digestOf } from '../domain/digest.js';
import type { ImageSpec } from '../domain/image.js';
import type { Prepared, Preparing } from '../ports/images.js';
import type { OwnCommands } from '../ports/own-commands.js';

/** An image that nobody has asked for in 30 days goes when the next one is made. */
const KEPT_MS = 30 * 86_400_000;

/** The name of what was made by a recipe; a file that was kept is named by its SHA-256. */
const MADE = /^[0-9a-f]{32}$/;

/**
 * Images that this machine has made by their recipes, each once, under the digest of the recipe and of what it begins
 * with; and files of images, which are read again whenever they could have changed.
 */
export class ImageStore {
  private readonly making = new Map<string, Promise<Prepared>>();
  private readonly seen = new Map<string, { readonly mark: string; readonly digest: string }>();
  private folderMade: Promise<void> | undefined;

  constructor(
    private readonly folder: string,
    private readonly commands: OwnCommands,
  ) {}

  /** Where an image is; made where it is not there. */
  async take(request: Preparing): Promise<Prepared> {
    const { source } = request.image;
    if (source.kind === 'file') return await this.file(request, source);
    const key = keyOf(request.image);
    const at = path.join(this.folder, key);
    const made = this.making.get(key);
    // Whoever comes second is not stopped with the first: it makes the image itself then.
    if (made !== undefined && (await made).ok) return { ok: true, path: at };
    const mine = this.made(request, at);
    this.making.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.making.get(key) === mine) this.making.delete(key);
    }
  }

  private async made(request: Preparing, at: string): Promise<Prepared> {
    const { name, source } = request.image;
    if (source.kind === 'file') return await this.file(request, source);
    await this.place();
    if ((await stat(at).catch(() => undefined)) !== undefined) {
      await this.wasAskedFor(request.image);
      return { ok: true, path: at };
    }
    await this.trim();
    const base = source.base && (await this.take({ ...request, image: source.base }));
    if (base !== undefined && !base.ok) return base;
    const part = `${at}.part-${process.pid}`;
    await rm(part, { recursive: true, force: true });
    let tail = '';
    const end = await this.commands.run({
      command: ['/bin/sh', '-e', '-u', '-c', source.recipe],
      environment: { TESTYARD_OUT: part, ...(base === undefined ? {} : { TESTYARD_BASE: base.path }) },
      cwd: this.folder,
      timeoutMs: Math.min(source.timeoutMs, request.timeoutMs),
      stop: request.stop,
      onOutput: (bytes) => {
        tail = (tail + bytes.toString('utf8')).slice(-1000);
        request.onOutput(bytes);
      },
    });
    const isThere = (await stat(part).catch(() => undefined)) !== undefined;
    if (end.kind === 'exited' && end.code === 0 && isThere) {
      await rename(part, at);
      await this.wasAskedFor(request.image);
      return { ok: true, path: at };
    }
    await rm(part, { recursive: true, force: true });
    const how = end.kind === 'exited' && end.code === 0 ? 'left nothing at $TESTYARD_OUT' : end.words;
    return {
      ok: false,
      message: `the recipe of image '${name}' ${how}${tail === '' ? '' : `: ${tail.trim()}`}`,
    };
  }

  /** An image is wanted with all that it begins with: to make it anew takes those. */
  private async wasAskedFor(image: ImageSpec): Promise<void> {
    const { source } = image;
    if (source.kind === 'file') return;
    const now = new Date();
    await utimes(path.join(this.folder, keyOf(image)), now, now).catch(() => undefined);
    if (source.base !== undefined) await this.wasAskedFor(source.base);
  }

  /** Makes room: what nobody has asked for in so long is made again should somebody do so. A file that was kept cannot be. */
  private async trim(): Promise<void> {
    for (const name of (await readdir(this.folder)).filter((one) => MADE.test(one))) {
      const at = path.join(this.folder, name);
      const about = await stat(at).catch(() => undefined);
      if (about !== undefined && about.mtimeMs < Date.now() - KEPT_MS && !this.making.has(name))
        await rm(at, { recursive: true, force: true });
    }
  }

  /** A file where it was declared, or one that was kept while it was there. */
  private async file(
    { image: { name }, keeps, onOutput }: Preparing,
    { path: declared, digest }: { readonly path: string; readonly digest: string },
  ): Promise<Prepared> {
    const found = await this.checked(name, declared, digest);
    const at = path.join(this.folder, digest);
    if (!found.ok) {
      const kept = await this.checked(name, at, digest);
      return kept.ok ? kept : found;
    }
    if (keeps === true && (await stat(at).catch(() => undefined)) === undefined)
      await this.keep(declared, at).catch((error: Error) => {
        onOutput(Buffer.from(`[testyard: image '${name}' could not be kept: ${error.message}]\n`));
      });
    return found;
  }

  /** Where the disk can, both are one as long as neither is written to. */
  private async keep(file: string, at: string): Promise<void> {
    await this.place();
    // Several hosts may be given it at once: each of them makes a copy of its own, and the last one counts.
    const part = `${at}.part-${randomUUID()}`;
    try {
      await copyFile(file, part, constants.COPYFILE_FICLONE);
      await rename(part, at);
    } finally {
      await rm(part, { force: true });
    }
  }

  /** A file whose bytes are what the catalogue says. */
  private async checked(name: string, file: string, digest: string): Promise<Prepared> {
    try {
      const { mtimeMs, size, ino } = await stat(file);
      const mark = `${mtimeMs} ${size} ${ino}`;
      const known = this.seen.get(file);
      const found = known?.mark === mark ? known.digest : await digestOfFile(file);
      this.seen.set(file, { mark, digest: found });
      if (found === digest) return { ok: true, path: file };
      const message = `image '${name}' is not what the catalogue says: the SHA-256 of ${file} is ${found}`;
      return { ok: false, message };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { ok: false, message: `image '${name}' cannot be read: ${why}` };
    }
  }

  /** The folder, without what an earlier start left half made. */
  private place(): Promise<void> {
    this.folderMade ??= (async () => {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      for (const name of await readdir(this.folder))
        if (name.includes('.part-')) await rm(path.join(this.folder, name), { recursive: true, force: true });
    })();
    return this.folderMade;
  }
}

/** What an image is made of; owner and words about it change nothing. */
function keyOf({ source }: ImageSpec): string {
  if (source.kind === 'file') return source.digest;
  return digestOf({ recipe: source.recipe, base: source.base === undefined ? '' : keyOf(source.base) });
}

async function digestOfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
