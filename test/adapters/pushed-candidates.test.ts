import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RpmRepository } from '../../lab/rpm-repository.js';
import { FolderBlobs } from '../../src/adapters/folder-blobs.js';
import { PushedCandidates } from '../../src/adapters/pushed-candidates.js';
import { watchOf } from './arrivals.contract.js';

let rpms: RpmRepository;
let blobs: FolderBlobs;
let folder: string;
const never = new AbortController().signal;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'testyard-candidates-'));
  blobs = await FolderBlobs.open(folder);
  rpms = await RpmRepository.start();
  await rpms.publish([
    { name: 'app', version: '1.2', depends: 'lib >= 1', maintainer: 'Ann <ann@example.org>' },
  ]);
}, 120_000);
afterAll(async () => {
  await rpms?.stop();
  await rm(folder, { recursive: true, force: true });
});

const inspect = async (bytes: Uint8Array, component: string) => {
  const { digest } = await blobs.put([bytes]);
  const watch = watchOf({ kind: 'dnf', url: rpms.url });
  return await new PushedCandidates(blobs).inspect({ watch, component, candidate: { blob: digest } }, never);
};
const rpm = async () => {
  const response = await fetch(`${rpms.url}/noarch/app-1.2-1.noarch.rpm`);
  return new Uint8Array(await response.arrayBuffer());
};

describe('a package for dnf that is pushed', () => {
  it('is what it says of itself', async () => {
    expect(await inspect(await rpm(), 'w/app')).toMatchObject({
      ok: true,
      arrival: {
        ...{
          component: 'w/app',
          version: '1.2-1',
          author: 'Ann <ann@example.org>',
          owner: 'ann@example.org',
        },
        facts: { name: 'app', architecture: 'noarch', depends: [{ package: 'lib' }] },
      },
    });
  });

  it('is refused where it is another, cut off, or none at all', async () => {
    expect(await inspect(await rpm(), 'w/other')).toEqual({
      ok: false,
      why: "it is package 'app', not 'other'",
    });
    const none = { ok: false, why: expect.stringMatching(/^it is no package for dnf/) };
    expect(await inspect((await rpm()).subarray(0, 200), 'w/app')).toEqual(none);
    expect(await inspect(await readFile('package.json'), 'w/app')).toEqual(none);
  });
});
