import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RpmRepository } from '../../../lab/rpm-repository.js';
import type { PackagesAction } from '../../../src/domain/step-action.js';
import type { ChainStep } from '../../../src/protocol/messages.js';
import { canRunSshdHosts, type LabHost, sshdHosts } from '../../lab.js';
import { aStep, StepBench } from './step-bench.js';

// Three times what it takes on a machine that has much else to do.
vi.setConfig({ testTimeout: 400_000 });

const PACKAGES = [
  { name: 'lab-tool', version: '1.0', depends: 'lab-lib >= 1' },
  { name: 'lab-tool', version: '2.0', depends: 'lab-lib >= 2' },
  { name: 'lab-lib', version: '1.5' },
  { name: 'lab-lib', version: '2.5' },
  { name: 'lab-odd', version: '1.0', depends: 'lab-lib < 2' },
];

function obstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'packages are put in by root';
  const needed = ['dnf', 'createrepo_c', 'rpmbuild', 'rpmsign', 'gpg', 'ip'];
  const missing = needed.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
  return missing.length > 0 ? `they need ${missing.join(', ')}` : canRunSshdHosts();
}

// The host is this machine: what is changed is a folder of the test's own.
describe.skipIf(obstacle())('packages by dnf, below a folder', () => {
  let host: LabHost;
  let bench: StepBench;
  let repository: RpmRepository;
  let root = '';

  beforeAll(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'testyard-dnf-'));
    [repository, bench, [host]] = await Promise.all([
      RpmRepository.start(),
      StepBench.start(),
      sshdHosts(1) as Promise<[LabHost]>,
    ]);
    await repository.publish(PACKAGES);
  }, 360_000);

  afterAll(async () => {
    await Promise.all([bench?.stop(), host?.stop(), repository?.stop()]);
    await rm(root, { recursive: true, force: true });
  });

  const packages = (name: string, action: Partial<PackagesAction>) =>
    aStep(
      name,
      {
        ...{ kind: 'packages', by: 'dnf', install: [], remove: [], hold: [], unhold: [], files: [], root },
        from: [{ resource: 'rpms', kind: 'dnf', url: repository.url, key: repository.key }],
        ...action,
      },
      { layer: 'packages' },
    );
  const state = () =>
    `rpm --root ${root} -qa | sort; cat ${root}/etc/dnf/testyard-holds; find ${root}/usr/share ${root}/var/lib/testyard/steps/*`;
  const versions = async () =>
    (await host.exec(`rpm --root ${root} -qa | grep ^lab- | sort`)).stdout.split('\n').filter(Boolean);
  const went = async (step: ChainStep) => {
    const { outcome, text } = await bench.run(host, [step]);
    return outcome.kind === 'ended' ? 'well' : `${JSON.stringify(outcome)} ${text}`;
  };

  it('are put in, twice; brought to an older version, and back to what was there', async () => {
    await host.exec(`mkdir -p ${root}/usr/share`);
    const newer = packages('newer', { install: [{ name: 'lab-tool', version: '2.0' }] });
    const older = packages('older', {
      install: [
        { name: 'lab-tool', version: '1.0' },
        { name: 'lab-lib', version: '1.5' },
      ],
      hold: ['lab-tool'],
    });
    const empty = (await host.exec(state())).stdout;
    expect(await went(newer)).toBe('well');
    expect(await went(newer)).toBe('well');
    expect(await versions()).toEqual(['lab-lib-2.5-1.noarch', 'lab-tool-2.0-1.noarch']);
    const before = (await host.exec(state())).stdout;
    expect(await went(older)).toBe('well');
    expect(await versions()).toEqual(['lab-lib-1.5-1.noarch', 'lab-tool-1.0-1.noarch']);
    for (const _ of ['once', 'twice']) {
      const { outcome, text } = await bench.undo(host, older);
      expect([outcome.kind, text]).toEqual(['ended', expect.any(String)]);
      expect((await host.exec(state())).stdout).toBe(before);
    }
    expect((await bench.undo(host, newer)).outcome.kind).toBe('ended');
    expect((await host.exec(state())).stdout).toBe(empty);
  });

  it('come as candidates that were pushed, newer or older than what is there', async () => {
    const pushed = async (version: string) => {
      const bytes = await readFile(repository.fileOf({ name: 'lab-lib', version }));
      const blob = createHash('sha256').update(bytes).digest('hex');
      bench.grid.blobs.set(blob, () => Readable.from([bytes]));
      return packages('candidate', {
        install: [{ name: 'lab-lib', version: `${version}-1`, file: { blob } }],
        from: [],
      });
    };
    const [older, newer] = [await pushed('1.5'), await pushed('2.5')];
    for (const [step, version] of [
      [older, '1.5'],
      [newer, '2.5'],
      [older, '1.5'],
    ] as const) {
      expect(await went(step)).toBe('well');
      expect(await versions()).toEqual([`lab-lib-${version}-1.noarch`]);
    }
    expect((await bench.undo(host, older)).outcome.kind).toBe('ended');
    expect(await versions()).toEqual([]);
  });

  it('tell whose failure it is', async () => {
    const failure = async (name: string, action: Partial<PackagesAction>) => {
      const { outcome } = await bench.run(host, [packages(name, action)]);
      return outcome.kind === 'chain_failed' ? [outcome.refused, outcome.resource, outcome.message] : outcome;
    };
    const none = await failure('none', { install: [{ name: 'lab-tool', version: '3.0' }] });
    expect(none).toEqual([
      true,
      undefined,
      expect.stringMatching(/^no repository has a version.*lab-tool.*2\.0.*its undo succeeded/s),
    ]);
    const both = await failure('both', {
      install: [{ name: 'lab-tool', version: '2.0' }, { name: 'lab-odd' }],
    });
    expect(both).toEqual([
      true,
      undefined,
      expect.stringMatching(/^what the packages depend on does not go together/),
    ]);
    await repository.server.down();
    const down = await failure('down', { install: [{ name: 'lab-tool' }] });
    expect(down).toEqual([undefined, 'rpms', expect.stringContaining('does not answer')]);
    await repository.server.up();
    const other = await RpmRepository.start();
    try {
      const from = [{ resource: 'stranger', kind: 'dnf' as const, url: repository.url, key: other.key }];
      expect(await failure('stranger', { install: [{ name: 'lab-tool' }], from })).toEqual([
        undefined,
        'stranger',
        expect.any(String),
      ]);
    } finally {
      await other.stop();
    }
    expect(await versions()).toEqual([]);
  });
});
