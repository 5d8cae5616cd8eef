import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AptRepository } from '../../lab/apt-repository.js';
import { GitServer } from '../../lab/git-server.js';
import { RpmRepository } from '../../lab/rpm-repository.js';
import { AptArrivals } from '../../src/adapters/arrivals-apt.js';
import { DnfArrivals } from '../../src/adapters/arrivals-dnf.js';
import { GitArrivals } from '../../src/adapters/arrivals-git.js';
import { ImageArrivals } from '../../src/adapters/arrivals-images.js';
import { TestArrivals } from '../../src/adapters/arrivals-tests.js';
import { inLine } from '../../src/domain/change.js';
import type { ImageSpec } from '../../src/domain/image.js';
import {
  type ArrivalsBench,
  keepsTheContract,
  knownAfter,
  NOTHING,
  read,
  watchOf,
} from './arrivals.contract.js';

const never = new AbortController().signal;
const aptPlace = (repository: AptRepository) =>
  ({ kind: 'apt', url: repository.url, suite: 'stable', component: 'main', key: repository.key }) as const;

describe('a repository for apt', () => {
  keepsTheContract(async () => {
    const repository = await AptRepository.start();
    return {
      arrivals: new AptArrivals(),
      place: aptPlace(repository),
      ...{ component: 'w/hello', pattern: 'hel*' },
      publish: async (n) => {
        await repository.publish('stable', [
          { name: 'hello', version: `1.${n}-1` },
          { name: 'other', version: '2' },
        ]);
        return `1.${n}-1`;
      },
      spoil: () => repository.server.down(),
      mend: () => repository.server.up(),
      stop: () => repository.stop(),
    } satisfies ArrivalsBench;
  });

  describe('in detail', () => {
    let repository: AptRepository;
    const look = async (more = {}, place = {}) =>
      await new AptArrivals().look(watchOf({ ...aptPlace(repository), ...place }, more), NOTHING);
    beforeAll(async () => {
      repository = await AptRepository.start();
      await repository.publish('stable', [
        {
          name: 'app',
          version: '1.0',
          depends: 'libfoo (>= 2.1) | libfoo-compat, base:any',
          conflicts: 'old-app (<< 1)',
        },
        { name: 'app', version: '1.0~rc1' },
        { name: 'app', version: '1:0.5' },
        { name: 'libfoo', version: '2.2', depends: 'base' },
        { name: 'base', version: '3' },
      ]);
    }, 60_000);
    afterAll(async () => await repository?.stop());

    it('the newest version counts, in the order of Debian', async () => {
      const seen = read(await look()).arrivals.map(({ component, version }) => `${component} ${version}`);
      expect(seen.sort()).toEqual(['w/app 1:0.5', 'w/base 3', 'w/libfoo 2.2']);
    });

    it('what a search goes by is told', async () => {
      await repository.publish('stable', [
        {
          name: 'app',
          version: '2',
          depends: 'libfoo (>= 2.1) | libfoo-compat, base:any',
          conflicts: 'old-app (<< 1)',
        },
        { name: 'libfoo', version: '2.2', depends: 'base' },
        { name: 'base', version: '3' },
      ]);
      const { arrivals } = read(await look());
      expect(arrivals.find((one) => one.component === 'w/app')).toMatchObject({
        author: 'Lab <lab@testyard.invalid>',
        owner: 'lab@testyard.invalid',
        link: `${repository.url}/pool/app_2_all.deb`,
        facts: {
          name: 'app',
          source: 'app',
          depends: [
            { package: 'libfoo', operator: '>=', version: '2.1', or: [{ package: 'libfoo-compat' }] },
            { package: 'base' },
          ],
          conflicts: [{ package: 'old-app', operator: '<', version: '1' }],
        },
      });
      expect(inLine(arrivals).map((one) => one.component)).toEqual(['w/base', 'w/libfoo', 'w/app']);
    });

    it('only what is watched is told', async () => {
      const { arrivals } = read(await look({ packages: ['lib*', 'b?se'] }));
      expect(arrivals.map((one) => one.component).sort()).toEqual(['w/base', 'w/libfoo']);
    });

    it('the changelog of a new version says what was done, where the suite names one', async () => {
      const root = path.join(repository.fileOf({ name: 'x', version: '1' }), '../..');
      await mkdir(path.join(root, 'changelogs/main/a/app'), { recursive: true });
      await writeFile(
        path.join(root, 'changelogs/main/a/app/app_2'),
        'app (2) lab; urgency=low\n\n  * Mends the pump.\n\n -- Pat <pat@example.org>  Mon, 05 Jan 2026 10:00:00 +0000\n',
      );
      const head = path.join(root, 'dists/stable/Release');
      const release = await readFile(head, 'utf8');
      await writeFile(head, `Changelogs: ${repository.url}/changelogs/@CHANGEPATH@\n${release}`);
      const watch = watchOf({ ...aptPlace(repository), key: undefined } as never);
      const known = {
        versions: new Map([
          ['w/app', '1'],
          ['w/base', '2'],
        ]),
      };
      const { arrivals } = read(await new AptArrivals().look(watch, known));
      expect(arrivals.find((one) => one.component === 'w/app')).toMatchObject({
        ...{ title: 'Mends the pump.', author: 'Pat <pat@example.org>', owner: 'lab@testyard.invalid' },
        madeAt: new Date('2026-01-05T10:00:00Z'),
      });
      // Of what has none the list alone tells.
      expect(arrivals.find((one) => one.component === 'w/base')).toMatchObject({ title: 'base 3' });
      await writeFile(head, release);
    });

    it.each(['xz', 'gz'])('a list may be packed by %s', async (how) => {
      const root = path.join(repository.fileOf({ name: 'x', version: '1' }), '../../dists/stable');
      const [folder = ''] = (await readdir(path.join(root, 'main'))).filter((name) => name !== 'binary-all');
      const list = path.join(root, 'main', folder, 'Packages');
      execFileSync(how === 'xz' ? 'xz' : 'gzip', ['-kf', list]);
      const bytes = await readFile(`${list}.${how}`);
      const digest = createHash('sha256').update(bytes).digest('hex');
      const line = ` ${digest} ${bytes.length} main/${folder}/Packages.${how}`;
      const architecture = folder.replace('binary-', '');
      const head = path.join(root, 'Release');
      const before = await readFile(head, 'utf8');
      await writeFile(head, `Architectures: ${architecture}\nSHA256:\n${line}\n`);
      const watch = watchOf({ ...aptPlace(repository), key: undefined } as never);
      expect(read(await new AptArrivals().look(watch, NOTHING)).arrivals).toHaveLength(3);
      await writeFile(head, before);
      await rm(`${list}.${how}`);
    });

    it('a list that nobody who is trusted has signed is not believed', async () => {
      const stranger = await AptRepository.start();
      const { key } = stranger;
      await stranger.stop();
      expect(await look({}, { key })).toMatchObject({ kind: 'unreadable', why: /nobody here knows the key/ });
    });

    it('a list that was changed since it was signed is not believed', async () => {
      const packages = path.join(repository.fileOf({ name: 'x', version: '1' }), '../../dists/stable/main');
      for (const folder of await readdir(packages))
        await writeFile(path.join(packages, folder, 'Packages'), 'Package: evil\nVersion: 1\n');
      expect(await look()).toMatchObject({ kind: 'unreadable', why: /is not what the list of files says/ });
      const head = path.join(packages, '../InRelease');
      await writeFile(head, 'Origin: evil\n');
      expect(await look()).toMatchObject({ kind: 'unreadable', why: /there is no OpenPGP signature/ });
    });
  });
});

describe('a repository for dnf', () => {
  keepsTheContract(async () => {
    const repository = await RpmRepository.start();
    return {
      arrivals: new DnfArrivals(),
      place: { kind: 'dnf', url: repository.url, key: repository.key },
      ...{ component: 'w/hello', pattern: 'hel*' },
      publish: async (n) => {
        await repository.publish([
          { name: 'hello', version: `1.${n}`, depends: n > 1 ? 'base >= 2' : 'base' },
        ]);
        return `1.${n}-1`;
      },
      spoil: () => repository.server.down(),
      mend: () => repository.server.up(),
      stop: () => repository.stop(),
    } satisfies ArrivalsBench;
  });
});

describe('a branch of git', () => {
  keepsTheContract(async () => {
    const server = await GitServer.start();
    const folder = await mkdtemp(path.join(tmpdir(), 'testyard-watched-'));
    return {
      arrivals: new GitArrivals(folder),
      place: { kind: 'git', url: server.url('a'), branch: 'main' },
      ...{ component: 'w', pattern: 'src/*' },
      publish: async (n) => await server.commit('a', { 'src/file': `${n}` }),
      spoil: () => server.down(),
      mend: () => server.up(),
      stop: async () => {
        await server.stop();
        await rm(folder, { recursive: true, force: true });
      },
    } satisfies ArrivalsBench;
  });

  it('tells every commit since the last look in order, each with what it touched', async () => {
    const server = await GitServer.start();
    const folder = await mkdtemp(path.join(tmpdir(), 'testyard-watched-'));
    try {
      const look = async (known = NOTHING) =>
        await new GitArrivals(folder).look(
          watchOf({ kind: 'git', url: server.url('a'), branch: 'main' }),
          known,
          never,
        );
      await server.commit('a', { base: '1' });
      const first = await look();
      expect(read(first).arrivals).toHaveLength(1);
      const commits = [];
      for (const n of [1, 2, 3])
        commits.push(await server.commit('a', { [`f${n} with space`]: `${n}`, base: `${n + 1}` }));
      const { arrivals } = read(await look(knownAfter(first)));
      expect(arrivals.map(({ version }) => version)).toEqual(commits);
      expect(arrivals[1]).toMatchObject({
        author: 'Lab <lab@testyard.invalid>',
        owner: 'lab@testyard.invalid',
        title: 'a commit of the lab',
        madeAt: expect.any(Date),
        facts: { files: ['base', 'f2 with space'] },
      });
      // A branch that was written anew begins where it parted.
      const other = await server.commit('a', { other: '1' }, 'other');
      const gone = { versions: new Map([['w', 'f'.repeat(40)]]) };
      expect(read(await look(gone)).arrivals.map(({ version }) => version)).toEqual([commits[2]]);
      const parted = { versions: new Map([['w', other]]) };
      expect(read(await look(parted)).arrivals.map(({ version }) => version)).toEqual([commits[2]]);
    } finally {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('that is not there is told as such', async () => {
    const server = await GitServer.start();
    const folder = await mkdtemp(path.join(tmpdir(), 'testyard-watched-'));
    try {
      await server.commit('a', { base: '1' });
      const watch = watchOf({ kind: 'git', url: server.url('a'), branch: 'nowhere' });
      expect(await new GitArrivals(folder).look(watch, NOTHING, never)).toEqual({
        kind: 'unreadable',
        why: `${server.url('a')} has no branch 'nowhere'`,
      });
    } finally {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

/** Something that can fail to be read. */
function listed<Thing>(of: (n: number) => Thing) {
  let [things, isOut]: [Thing[], boolean] = [[], false];
  return {
    read: async () => {
      if (isOut) throw new Error('the database does not answer');
      return things;
    },
    set: (n: number) => {
      things = [of(n)];
    },
    spoil: async () => {
      isOut = true;
    },
    mend: async () => {
      isOut = false;
    },
  };
}

describe('the image catalogue', () => {
  keepsTheContract(async () => {
    const digest = (n: number) => `${n}`.repeat(64);
    const images = listed(
      (n): ImageSpec => ({
        ...{ name: 'debian', meaning: 'bare', owner: 'ivy@example.org', tags: [] },
        source: { kind: 'file', path: '/srv/debian', digest: digest(n) },
      }),
    );
    return {
      arrivals: new ImageArrivals(images.read),
      place: { kind: 'image' },
      ...{ component: 'w/debian', pattern: 'debian', spoil: images.spoil, mend: images.mend },
      publish: async (n) => {
        images.set(n);
        return digest(n);
      },
      stop: async () => undefined,
    } satisfies ArrivalsBench;
  });
});

describe('the tests of a project', () => {
  keepsTheContract(async () => {
    const tests = listed((n) => ({
      ...{ name: 'boots', digest: `digest ${n}`, owner: 'Tim <tim@example.org>', madeAt: new Date(n) },
    }));
    return {
      arrivals: new TestArrivals(tests.read),
      place: { kind: 'test', project: 'default' },
      ...{ component: 'w/boots', pattern: 'boots', spoil: tests.spoil, mend: tests.mend },
      publish: async (n) => {
        tests.set(n);
        return `digest ${n}`;
      },
      stop: async () => undefined,
    } satisfies ArrivalsBench;
  });
});
