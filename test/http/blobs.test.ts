import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FolderBlobs } from '../../src/adapters/folder-blobs.js';
import { BlobMissing } from '../../src/ports/blobs.js';

let folder: string;
let blobs: FolderBlobs;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'testyard-blobs-'));
  blobs = await FolderBlobs.open(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const read = async (digest: string, from?: number) => {
  const chunks: Buffer[] = [];
  for await (const chunk of await blobs.open(digest, from)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

test('what was put is there under its digest, whole and from any byte on', async () => {
  const bytes = randomBytes(300_000);
  const stored = await blobs.put([bytes.subarray(0, 100_000), bytes.subarray(100_000)]);
  expect(stored.digest).toBe(createHash('sha256').update(bytes).digest('hex'));
  expect(stored.bytes).toBe(bytes.length);
  expect((await blobs.get(stored.digest)).equals(bytes)).toBe(true);
  for (const from of [0, 1, 99_999, 100_000, 299_999, 300_000, 400_000]) {
    expect((await read(stored.digest, from)).equals(bytes.subarray(from)), String(from)).toBe(true);
  }
});

test('it takes less room than the bytes, and nothing at all is a blob too', async () => {
  const stored = await blobs.put([Buffer.alloc(1_000_000, 'line\n')]);
  expect(stored.storedBytes).toBeLessThan(20_000);
  const nothing = await blobs.put([]);
  expect(nothing.bytes).toBe(0);
  expect((await blobs.get(nothing.digest)).length).toBe(0);
});

test('the same bytes twice, at the same time as well, are one blob', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => blobs.put([Buffer.from('same')])));
  expect(new Set(all.map((one) => one.digest)).size).toBe(1);
  expect(await readdir(path.join(folder, 'tmp'))).toEqual([]);
});

test('bytes that break off leave nothing behind', async () => {
  const broken = (async function* () {
    yield Buffer.from('half');
    throw new Error('the wire was cut');
  })();
  await expect(blobs.put(broken)).rejects.toThrow('the wire was cut');
  expect(await readdir(path.join(folder, 'tmp'))).toEqual([]);
  expect(await readdir(folder)).toEqual(['tmp']);
});

test('what is no digest is no blob, whatever file it would name', async () => {
  await stat(folder);
  for (const digest of ['', '..', '../../../etc/passwd', 'A'.repeat(64), '0'.repeat(64)]) {
    expect(await blobs.has(digest)).toBe(false);
    await expect(blobs.open(digest)).rejects.toThrow(BlobMissing);
    await expect(blobs.get(digest)).rejects.toThrow(BlobMissing);
  }
});
