import type { Readable } from 'node:stream';

/** What was put away: the SHA-256 of the bytes in hex, how many there are, and how much room they take. */
export interface StoredBlob {
  readonly digest: string;
  readonly bytes: number;
  readonly storedBytes: number;
}

/** There is no such blob here. */
export class BlobMissing extends Error {
  override readonly name = 'BlobMissing';
  constructor(readonly digest: string) {
    super(`There is no blob ${digest}`);
  }
}

/** Keeps bytes under the digest of their content; what is there once stays as it is. */
export abstract class Blobs {
  /** Resolves when the bytes would survive a loss of power; putting the same twice keeps one. */
  abstract put(bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<StoredBlob>;
  abstract has(digest: string): Promise<boolean>;
  /** The bytes as they were put, from `fromByte` on. Rejects with BlobMissing. */
  abstract open(digest: string, fromByte?: number): Promise<Readable>;
  /** All of it at once. Rejects with BlobMissing. */
  abstract get(digest: string): Promise<Buffer>;
}
