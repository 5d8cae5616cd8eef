import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ImageStore } from '../../src/adapters/image-store.js';
import { ProcessCommands } from '../../src/adapters/process-commands.js';
import type { ImageSpec } from '../../src/domain/image.js';

describe('images that this machine has made', () => {
  let folder: string;
  let store: ImageStore;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'testyard-image-store-'));
    store = new ImageStore(folder, new ProcessCommands());
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const anImage = (name: string, base?: ImageSpec): ImageSpec => ({
    name,
    meaning: name,
    tags: [],
    source: {
      kind: 'recipe',
      recipe: `echo ${name} $(cat "\${TESTYARD_BASE:-/dev/null}") >"$TESTYARD_OUT"`,
      timeoutMs: 60_000,
      ...(base && { base }),
    },
  });
  const take = async (image: ImageSpec): Promise<string> => {
    const stop = new AbortController().signal;
    const taken = await store.take({ image, timeoutMs: 60_000, stop, onOutput: () => {} });
    if (!taken.ok) throw new Error(taken.message);
    return taken.path;
  };
  const areOld = async (...files: readonly string[]) => {
    const then = new Date(Date.now() - 31 * 86_400_000);
    for (const file of files) await utimes(file, then, then);
  };

  it('are made once, from what they begin with', async () => {
    const [base, top] = [anImage('base'), anImage('top', anImage('base'))];
    const file = await take(top);
    expect((await readFile(file, 'utf8')).trim()).toBe('top base');
    expect(await take(top)).toBe(file);
    expect((await readFile(await take(base), 'utf8')).trim()).toBe('base');
    expect(await readdir(folder)).toHaveLength(2);
  });

  it('go when nobody has asked for them in 30 days and another one is made', async () => {
    const old = await take(anImage('old'));
    const lately = await take(anImage('lately'));
    await areOld(old);
    const next = await take(anImage('next'));
    expect((await readdir(folder)).sort()).toEqual([lately, next].map((file) => path.basename(file)).sort());
    expect((await readFile(await take(anImage('old')), 'utf8')).trim()).toBe('old');
  });

  it('are another thing than a file that was kept, which nobody can make again', async () => {
    const kept = path.join(folder, 'ab'.repeat(32));
    await writeFile(kept, 'from a file that is no longer there');
    await areOld(kept);
    await take(anImage('next'));
    expect(await readdir(folder)).toContain(path.basename(kept));
  });

  it('stay with all that an image begins with which somebody still asks for', async () => {
    const top = anImage('top', anImage('base'));
    await take(top);
    const files = await readdir(folder);
    await areOld(...files.map((name) => path.join(folder, name)));
    await take(top);
    const next = await take(anImage('next'));
    expect((await readdir(folder)).sort()).toEqual([...files, path.basename(next)].sort());
  });
});
