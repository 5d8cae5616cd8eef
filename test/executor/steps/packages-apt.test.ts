import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AptRepository } from '../../../lab/apt-repository.js';
import type { PackagesAction } from '../../../src/domain/step-action.js';
import type { ChainStep } from '../../../src/protocol/messages.js';
import { canRunLightHosts, type LightHost, lightHosts } from '../../lab.js';
import { until } from '../fake-grid.js';
import { stepContract } from './step.contract.js';
import { aStep, StepBench } from './step-bench.js';

// Three times what it takes on a machine that has much else to do.
vi.setConfig({ testTimeout: 400_000 });

const PACKAGES = [
  { name: 'lab-tool', version: '1.0', depends: 'lab-lib (>= 1)' },
  { name: 'lab-tool', version: '2.0', depends: 'lab-lib (>= 2)' },
  { name: 'lab-lib', version: '1.5' },
  { name: 'lab-lib', version: '2.5' },
  { name: 'lab-odd', version: '1.0', depends: 'lab-lib (<< 2)' },
  {
    name: 'lab-slow',
    version: '1.0',
    postinst: '[ ! -e /var/tmp/slow ] || { rm /var/tmp/slow; echo in the middle; sleep 1000; }',
  },
  { name: 'lab-broken', version: '1.0', postinst: 'echo oh no; exit 3' },
  { name: 'lab-spoilt', version: '1.0' },
];

describe.skipIf(canRunLightHosts())('packages by apt, from a signed repository', () => {
  let host: LightHost;
  let bench: StepBench;
  let repository: AptRepository;

  beforeAll(async () => {
    [repository, bench, [host]] = await Promise.all([
      AptRepository.start(),
      StepBench.start(),
      lightHosts(1) as Promise<[LightHost]>,
    ]);
    await repository.publish('stable', PACKAGES);
  }, 360_000);

  afterAll(async () => {
    await Promise.all([bench?.stop(), host?.stop(), repository?.stop()]);
  });

  const packages = (name: string, action: Partial<PackagesAction>, more: Partial<ChainStep> = {}) =>
    aStep(
      name,
      {
        ...{ kind: 'packages', by: 'apt', install: [], remove: [], hold: [], unhold: [], files: [] },
        from: [
          { resource: 'lab-mirror', kind: 'apt', url: repository.url, suite: 'stable', key: repository.key },
        ],
        ...action,
      },
      { layer: 'packages', ...more },
    );

  const state =
    'dpkg -l | grep ^.i; apt-mark showhold; apt-mark showauto; find /etc/apt /usr/share/lab-* /var/lib/testyard/steps/* 2>/dev/null';
  const versions = async () =>
    (await host.exec("dpkg -l 'lab-*' 2>/dev/null | grep ^.i")).stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(/\s+/).slice(1, 3).join(' '))
      .sort();

  stepContract('put in', {
    bench: () => bench,
    host: () => host,
    step: () =>
      packages('put-in', {
        install: [{ name: 'lab-tool', version: '1.0' }, { name: 'lab-slow' }],
        hold: ['lab-tool'],
      }),
    isDone: `[ "$(cat /usr/share/lab-tool/version)" = 1.0 ] && apt-mark showhold | grep -x lab-tool && [ -e /usr/share/lab-slow ]`,
    state,
    midway: { prepare: 'touch /var/tmp/slow', printed: 'in the middle' },
  });

  it('are brought to an older version, held or not, and back to what was there, marks and all', async () => {
    const newer = packages('newer', { install: [{ name: 'lab-tool', version: '2.0' }], hold: ['lab-tool'] });
    const older = packages('older', {
      install: [
        { name: 'lab-tool', version: '1.0' },
        { name: 'lab-lib', version: '1.5' },
      ],
    });
    const odd = packages('odd', { install: [{ name: 'lab-odd' }], remove: ['lab-tool'] });
    expect((await bench.run(host, [newer])).outcome.kind).toBe('ended');
    expect(await versions()).toEqual(['lab-lib 2.5', 'lab-tool 2.0']);
    const before = (await host.exec(state)).stdout;
    expect((await bench.run(host, [older])).outcome.kind).toBe('ended');
    expect(await versions()).toEqual(['lab-lib 1.5', 'lab-tool 1.0']);
    expect((await bench.run(host, [odd])).outcome).toMatchObject({ kind: 'ended' });
    expect(await versions()).toEqual(['lab-lib 1.5', 'lab-odd 1.0']);
    expect((await bench.undo(host, odd)).outcome).toMatchObject({ kind: 'ended' });
    expect((await bench.undo(host, older)).outcome).toMatchObject({ kind: 'ended' });
    expect((await host.exec(state)).stdout).toBe(before);
    expect((await bench.undo(host, newer)).outcome).toMatchObject({ kind: 'ended' });
    expect(await versions()).toEqual([]);
  });

  it('tell whose failure it is: no such version, what does not go together, a package that breaks', async () => {
    const before = (await host.exec(state)).stdout;
    const failure = async (name: string, action: Partial<PackagesAction>) => {
      const { outcome } = await bench.run(host, [packages(name, action)]);
      expect((await host.exec(state)).stdout).toBe(before);
      return outcome.kind === 'chain_failed'
        ? { why: outcome.message, resource: outcome.resource, refused: outcome.refused }
        : outcome;
    };
    const none = await failure('none', { install: [{ name: 'lab-tool', version: '3.0' }] });
    expect(none).toMatchObject({
      why: expect.stringMatching(
        /^no repository has a version .*lab-tool=3.0 is not there; there is:.* 2\.0 /s,
      ),
    });
    expect(none).toMatchObject({
      why: expect.stringContaining('its undo succeeded'),
      resource: undefined,
      refused: true,
    });
    const both = await failure('both', {
      install: [{ name: 'lab-tool', version: '2.0' }, { name: 'lab-odd' }],
    });
    expect(both).toMatchObject({
      why: expect.stringMatching(/^what the packages depend on does not go together/),
      resource: undefined,
      refused: true,
    });
    const broken = await failure('broken', { install: [{ name: 'lab-broken' }] });
    expect(broken).toMatchObject({
      why: expect.stringMatching(/^apt itself failed.*exit status 3/s),
      resource: undefined,
      refused: undefined,
    });
  });

  it('name the repository that does not answer, serves other bytes than it says, or is not who it says', async () => {
    const failure = async (step: ChainStep) => {
      const { outcome } = await bench.run(host, [step]);
      return outcome.kind === 'chain_failed' ? [outcome.resource, outcome.message] : outcome;
    };
    const tool = { install: [{ name: 'lab-tool' }] };
    await repository.server.down();
    expect(await failure(packages('down', tool))).toEqual([
      'lab-mirror',
      expect.stringContaining('does not answer'),
    ]);
    await repository.server.up();
    await repository.spoil({ name: 'lab-spoilt', version: '1.0' });
    const spoilt = packages('spoilt', { install: [{ name: 'lab-spoilt' }] });
    expect(await failure(spoilt)).toEqual(['lab-mirror', expect.stringContaining('lab-mirror')]);
    const other = await AptRepository.start();
    try {
      const from = [
        {
          resource: 'lab-mirror',
          kind: 'apt' as const,
          url: repository.url,
          suite: 'stable',
          key: repository.key,
        },
        { resource: 'stranger', kind: 'apt' as const, url: repository.url, suite: 'stable', key: other.key },
      ];
      expect(await failure(packages('stranger', { ...tool, from }))).toEqual([
        'stranger',
        expect.any(String),
      ]);
    } finally {
      await other.stop();
    }
    expect(await versions()).toEqual([]);
  });

  it('wait for whoever works with packages already', async () => {
    const lock =
      'perl -e \'use Fcntl; $l = pack("ssx4qqi", F_WRLCK, 0, 0, 0, 0); open F, ">>", "/var/lib/dpkg/lock-frontend"; fcntl(F, F_SETLK, $l) or die; open G, ">", "/var/tmp/locked"; close G; sleep 1 while -e "/var/tmp/locked"\'';
    const holder = host.exec(lock);
    await until(async () => (await host.exec('ls /var/tmp/locked')).code === 0);
    const step = packages('waits', { install: [{ name: 'lab-lib' }] });
    const { heard } = bench.begin(host, [step]);
    await until(() => heard.output.includes('somebody else works with packages'), 60_000);
    expect(await versions()).toEqual([]);
    await host.exec('rm /var/tmp/locked');
    await holder;
    expect((await heard.ended).end.outcome.kind).toBe('ended');
    expect(await versions()).toEqual(['lab-lib 2.5']);
    expect((await bench.undo(host, step)).outcome.kind).toBe('ended');
  });

  it('come as candidates that were pushed, as upgrades too, at the version that was asked for', async () => {
    const pushed = async (version: string) => {
      const bytes = await readFile(repository.fileOf({ name: 'lab-lib', version }));
      const blob = createHash('sha256').update(bytes).digest('hex');
      bench.grid.blobs.set(blob, () => Readable.from([bytes]));
      return { name: 'lab-lib', version, file: { blob } };
    };
    const older = packages('candidate', { install: [await pushed('1.5')], from: [] });
    const newer = packages('candidate', { install: [await pushed('2.5')], from: [] });
    for (const [step, version] of [
      [older, '1.5'],
      [newer, '2.5'],
      [older, '1.5'],
    ] as const) {
      const ran = await bench.run(host, [step]);
      expect([ran.outcome.kind, ran.dirtied, ran.text]).toEqual(['ended', undefined, expect.any(String)]);
      expect(await versions()).toEqual([`lab-lib ${version}`]);
    }
    const wrong = packages('candidate', {
      install: [{ ...(await pushed('2.5')), version: '2.6' }],
      from: [],
    });
    expect((await bench.run(host, [wrong])).outcome).toMatchObject({
      message: expect.stringContaining('not what was asked for'),
    });
    expect((await bench.undo(host, older)).outcome.kind).toBe('ended');
    expect(await versions()).toEqual([]);
  });

  it("come as an artefact of a submission, and are nobody else's environment", async () => {
    const bytes = await readFile(repository.fileOf({ name: 'lab-lib', version: '1.5' }));
    const blob = createHash('sha256').update(bytes).digest('hex');
    bench.grid.blobs.set(blob, () => Readable.from([bytes]));
    const step = packages('ours', { files: ['my-lib.deb'], from: [] }, { artefacts: ['my-lib.deb'] });
    const artefacts = [{ name: 'my-lib.deb', variable: 'TESTYARD_ARTEFACT_MY_LIB_DEB', blob }];
    const ran = await bench.run(host, [step], { artefacts });
    expect([ran.outcome.kind, ran.dirtied, ran.text]).toEqual(['ended', 'packages', expect.any(String)]);
    expect(await versions()).toEqual(['lab-lib 1.5']);
    expect((await bench.undo(host, step)).outcome.kind).toBe('ended');
    const without = await bench.run(host, [step]);
    expect(without.outcome).toEqual({
      kind: 'never_started',
      why: "step 'ours' works with the artefact 'my-lib.deb', and the submission uploads none of that name",
    });
  });
});
