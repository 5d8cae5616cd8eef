import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Controller, Inject, StreamableFile } from '@nestjs/common';
import { BlobMissing, type Blobs } from '../ports/blobs.js';
import { maySubmitAnywhere } from '../store/access.js';
import { findArtefactBlob, noteUpload } from '../store/blob.js';
import type { Store } from '../store/store.js';
import type { BlobView } from './contract.js';
import { INJECT } from './deps.js';
import { forbidden, notFound, Refusal, unprocessable, unreadable } from './problem.js';
import { printable } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';

/** What is under test, as files. */
@Controller()
export class BlobController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.blobs) private readonly blobs: Blobs,
    @Inject(INJECT.artefactLimitBytes) private readonly limitBytes: number,
  ) {}

  @Serves('upload')
  async upload(@Ask() ask: Asked<'upload'>): Promise<BlobView> {
    if (!maySubmitAnywhere(ask.caller)) throw forbidden('This takes the role submitter of a project');
    if (Number(ask.header('content-length') ?? 0) > this.limitBytes) throw tooLarge(this.limitBytes);
    const stored = await this.blobs.put(checked(ask.body, this.limitBytes, ask.query.digest));
    await noteUpload(this.store, stored);
    return { digest: stored.digest, bytes: stored.bytes };
  }

  @Serves('download')
  async download(@Ask() ask: Asked<'download'>): Promise<StreamableFile> {
    const { digest } = ask.params;
    const what = `artefact '${printable(digest)}'`;
    if (!/^[0-9a-f]{64}$/.test(digest)) throw notFound(what);
    const found = await findArtefactBlob(this.store, ask.visible, digest);
    if (found === undefined) throw notFound(what);
    return new StreamableFile(await opened(this.blobs, digest, what), {
      type: 'application/octet-stream',
      length: found.bytes,
    });
  }
}

/** The bytes of a blob; 404 where they are gone. */
export async function opened(blobs: Blobs, digest: string, what: string): Promise<Readable> {
  try {
    return await blobs.open(digest);
  } catch (error) {
    throw error instanceof BlobMissing ? notFound(what) : error;
  }
}

/** The bytes as they come; ends with a refusal before they are kept where they are too many or not those expected. */
async function* checked(
  body: Readable,
  limitBytes: number,
  expected: string | undefined,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of received(body)) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw tooLarge(limitBytes);
    if (expected !== undefined) hash.update(chunk);
    yield chunk;
  }
  if (expected === undefined) return;
  const digest = hash.digest('hex');
  if (digest !== expected)
    throw unprocessable(`The bytes are not those that were announced: their SHA-256 is ${digest}`, [
      { where: 'digest', message: `${expected} was expected: send the same bytes, or their own digest` },
    ]);
}

async function* received(body: Readable): AsyncGenerator<Buffer> {
  try {
    // Left open, so that whoever sends too much can still be told so.
    yield* body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  } catch {
    throw unreadable('The upload broke off before its end');
  }
}

function tooLarge(limitBytes: number): Refusal {
  return new Refusal(
    413,
    'content-too-large',
    `An artefact has at most ${limitBytes} bytes here (TESTYARD_ARTEFACT_LIMIT_BYTES is the admin's to change)`,
  );
}
