import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AptRepository } from '../../lab/apt-repository.js';
import { GitServer } from '../../lab/git-server.js';
import { AptArrivals } from '../../src/adapters/arrivals-apt.js';
import { GitArrivals } from '../../src/adapters/arrivals-git.js';
import { ImageArrivals } from '../../src/adapters/arrivals-images.js';
import { TestArrivals } from '../../src/adapters/arrivals-tests.js';
import { Cron } from '../../src/adapters/cron.js';
import { Arrivals, type Look } from '../../src/ports/arrivals.js';
import { Watcher } from '../../src/stages/watch.js';
import { watchesSeen } from '../../src/store/change-lists.js';
import { newChanges, readBaseline } from '../../src/store/changing.js';
import { applyInventory } from '../../src/store/inventory.js';
import { Store } from '../../src/store/store.js';
import { askForLook, imagesNow, testsNow } from '../../src/store/watching.js';
import { filesOf, inventoryOf } from '../adapters/inventory-lab.js';
import { type FreshDatabase, freshDatabase } from '../database.js';

let database: FreshDatabase;
let store: Store;
let debs: AptRepository;
let commits: GitServer;
let folder: string;

beforeAll(async () => {
  debs = await AptRepository.start();
  commits = await GitServer.start();
  folder = await mkdtemp(path.join(tmpdir(), 'testyard-watched-'));
}, 60_000);
afterAll(async () => {
  await debs?.stop();
  await commits?.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  database = await freshDatabase();
  store = await Store.open(database.url, { poolSize: 4 });
  await store.rows(`INSERT INTO project (name) VALUES ('net')`);
  await store.rows(`UPDATE grid_clock SET set_to = '2026-01-01T00:00:30Z'`);
});
afterEach(async () => {
  await store?.close();
  await database?.drop();
});

const publish = async (n: number) => {
  await debs.publish('stable', [
    { name: 'app', version: `1.${n}`, depends: 'lib' },
    { name: 'lib', version: `2.${n}` },
  ]);
};
const later = async (seconds: number) =>
  await store.rows(`UPDATE grid_clock SET set_to = set_to + make_interval(secs => $1)`, [seconds]);
const images = (digest: string) =>
  `images:\n  debian-12: {meaning: bare, owner: ivy@example.org, tags: [], file: /srv/debian, digest: ${digest.repeat(64)}}\n`;

async function apply(more: Readonly<Record<string, string>> = {}): Promise<void> {
  const key = debs.key.replaceAll('\n', '\\n');
  const watches = `watches:
  debs: {apt: {url: "${debs.url}", suite: stable, key: "${key}"}, every: '*/5 * * * *'}
  source: {git: {url: "${commits.url('a')}", branch: main}, hook: {env: HOOK}}
  images: {images: all}
  tests: {tests_of: default}
`;
  const inventory = inventoryOf(filesOf({ 'watches.yaml': watches, 'images.yaml': images('a'), ...more }));
  expect(await applyInventory(store, inventory)).toMatchObject({ kind: 'applied' });
}

const watcher = (apt: Arrivals = new AptArrivals()) =>
  new Watcher(
    store,
    {
      apt,
      dnf: apt,
      git: new GitArrivals(folder),
      image: new ImageArrivals(() => imagesNow(store)),
      test: new TestArrivals((project) => testsNow(store, project)),
    },
    new Cron(),
    () => undefined,
  );
const news = async (watch: string) =>
  (await newChanges(store, watch)).map(({ component, version }) => `${component} ${version}`);

describe('watches', () => {
  it('take what is there as it is, and tell what arrives by their lines of cron', async () => {
    await publish(1);
    await commits.commit('a', { file: '1' });
    await apply();
    expect(await watcher().look()).toBe(0);
    const { versions } = await readBaseline(store);
    expect([...versions.keys()].sort()).toEqual(
      expect.arrayContaining(['debs/app', 'debs/lib', 'images/debian-12', 'source']),
    );
    await publish(2);
    await later(60);
    expect(await watcher().look()).toBe(0);
    await later(300);
    expect(await watcher().look()).toBe(2);
    expect(await news('debs')).toEqual(['debs/lib 2.2', 'debs/app 1.2']);
    expect(await watcher().look()).toBe(0);
  });

  it('look at once when they are asked', async () => {
    await publish(1);
    await commits.commit('a', { file: '1' });
    await apply();
    await watcher().look();
    const commit = await commits.commit('a', { file: '2' });
    await later(1);
    expect(await watcher().look()).toBe(0);
    expect(await askForLook(store, 'source')).toBe(true);
    expect(await askForLook(store, 'nothing')).toBe(false);
    await later(1);
    expect(await watcher().look()).toBe(1);
    expect(await news('source')).toEqual([`source ${commit}`]);
  });

  it('see another image, and a test that was changed', async () => {
    await publish(1);
    await commits.commit('a', { file: '1' });
    await apply();
    await watcher().look();
    await apply({ 'images.yaml': images('b'), 'tests/reads.sh': '#!/bin/sh\n# owner: Tim\necho another\n' });
    await later(600);
    await watcher().look();
    expect(await news('images')).toEqual([`images/debian-12 ${'b'.repeat(64)}`]);
    // A test that nobody had seen is trusted as it is.
    expect(await news('tests')).toEqual([]);
    await apply({
      'images.yaml': images('b'),
      'tests/reads.sh': '#!/bin/sh\n# owner: Tim\necho once more\n',
    });
    await later(600);
    await watcher().look();
    expect(await news('tests')).toEqual([expect.stringMatching(/^tests\/reads [0-9a-f]+$/)]);
  });

  it('say why a place cannot be read, try it again soon, and see no change in that', async () => {
    await publish(1);
    await commits.commit('a', { file: '1' });
    await apply();
    await watcher().look();
    await publish(2);
    await debs.server.down();
    try {
      for (const _ of [1, 2]) {
        await later(301);
        await watcher().look();
      }
      const [seen] = (await watchesSeen(store, 'all')).filter(({ name }) => name === 'debs');
      expect(seen).toMatchObject({ trouble: expect.stringContaining(debs.url), open: 0, components: 2 });
      expect(await store.rows(`SELECT subject FROM history WHERE kind = 'watch.unreadable'`)).toEqual([
        { subject: 'watch:debs' },
      ]);
    } finally {
      await debs.server.up();
    }
    await later(301);
    expect(await watcher().look()).toBe(2);
    const [seen] = (await watchesSeen(store, 'all')).filter(({ name }) => name === 'debs');
    expect(seen).not.toHaveProperty('trouble');
  });

  it('lose nothing where a look is cut off after it has read', async () => {
    await publish(1);
    await commits.commit('a', { file: '1' });
    await apply();
    await watcher().look();
    await publish(2);
    await later(300);
    const cut = watcher(
      new (class extends Arrivals {
        override async look(...of: Parameters<Arrivals['look']>): Promise<Look> {
          await new AptArrivals().look(of[0], of[1]);
          throw new Error('killed');
        }
      })(),
    );
    await expect(cut.look()).rejects.toThrow('killed');
    expect(await news('debs')).toEqual([]);
    expect(await watcher().look()).toBe(2);
  });

  it('do not go back to what an older look has read', async () => {
    await publish(1);
    await commits.commit('a', { file: '1' });
    await apply();
    await watcher().look();
    await publish(2);
    await later(300);
    // Reads, and is overtaken by a look that has read more.
    const slow = watcher(
      new (class extends Arrivals {
        override async look(...of: Parameters<Arrivals['look']>): Promise<Look> {
          const old = await new AptArrivals().look(of[0], of[1]);
          await publish(3);
          await later(1);
          expect(await watcher().look()).toBe(2);
          return old;
        }
      })(),
    );
    expect(await slow.look()).toBe(0);
    expect(await news('debs')).toEqual(['debs/lib 2.3', 'debs/app 1.3']);
  });
});
