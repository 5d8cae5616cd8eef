import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { GitServer } from '../../../lab/git-server.js';
import type { BuildAction, GitSource } from '../../../src/domain/step-action.js';
import { canRunLightHosts, type LightHost, lightHosts } from '../../lab.js';
import { until } from '../fake-grid.js';
import { stepContract } from './step.contract.js';
import { aStep, StepBench } from './step-bench.js';

// Three times what it takes on a machine that has much else to do.
vi.setConfig({ testTimeout: 400_000 });

describe.skipIf(canRunLightHosts())('steps from git', () => {
  let hosts: LightHost[] = [];
  let bench: StepBench;
  let server: GitServer;
  let commit = '';

  beforeAll(async () => {
    [server, bench, hosts] = await Promise.all([GitServer.start(), StepBench.start(), lightHosts(2)]);
    await server.commit('inner', { deep: 'deep\n' });
    const lib = await server.commit('lib', { 'lib.txt': 'the library\n' }, 'main', {
      deeper: server.url('inner'),
    });
    expect(lib).toMatch(/^[0-9a-f]{40}$/);
    commit = await server.commit('tool', { 'tool.sh': '#!/bin/sh\necho one\n', 'a b/c': 'x\n' }, 'main', {
      lib: server.url('lib'),
    });
  }, 360_000);

  afterAll(async () => {
    await Promise.all([bench?.stop(), server?.stop(), ...hosts.map((host) => host.stop())]);
  });

  const first = () => hosts[0] as LightHost;
  const second = () => hosts[1] as LightHost;
  const git = (more: Partial<GitSource> = {}): GitSource => ({
    ...{ url: server.url('tool'), ref: commit, submodules: false, from: 'git-server' },
    ...more,
  });
  const fetch = (name: string, more: Partial<GitSource> = {}) =>
    aStep(name, { kind: 'fetch', git: git(more), into: '/srv/src/tool' }, { layer: 'build' });
  const build = (name: string, more: Partial<BuildAction> = {}) =>
    aStep(
      name,
      {
        ...{ kind: 'build', git: git(), on: 'host', into: '/opt/tool' },
        recipe:
          'echo building; mkdir "$OUT/bin"; sed s/one/built/ tool.sh >"$OUT/bin/tool"; chmod +x "$OUT/bin/tool"',
        ...more,
      },
      { layer: 'build' },
    );
  const state =
    'find /srv /opt /var/lib/testyard/steps/* -exec stat -c "%A %n" {} + 2>/dev/null; cat /srv/src/tool/* 2>/dev/null';

  stepContract('fetch of a commit', {
    bench: () => bench,
    host: first,
    step: () => fetch('fetched'),
    isDone:
      '[ "$(/srv/src/tool/tool.sh)" = one ] && [ -e "/srv/src/tool/a b/c" ] && [ ! -e /srv/src/tool/lib/lib.txt ]',
    state: `mkdir -p /srv/src; ${state}`,
  });

  stepContract('build on the host', {
    bench: () => bench,
    host: first,
    step: () => build('built'),
    isDone: '[ "$(/opt/tool/bin/tool)" = built ]',
    state,
  });

  it('brings submodules, and theirs', async () => {
    const ran = await bench.run(second(), [fetch('with-submodules', { submodules: true })]);
    expect([ran.outcome.kind, ran.text]).toEqual(['ended', expect.stringContaining(commit)]);
    const seen = await second().exec('cd /srv/src/tool && cat lib/lib.txt lib/deeper/deep');
    expect(seen.stdout).toBe('the library\ndeep\n');
  });

  it('follows a branch, and leaves it to nobody else; a commit that is kept needs no server', async () => {
    const branch = fetch('branch', { ref: 'moving' });
    await server.commit('tool', { 'tool.sh': '#!/bin/sh\necho two\n' }, 'moving');
    const ran = await bench.run(second(), [branch]);
    expect([ran.outcome.kind, ran.dirtied]).toEqual(['ended', 'build']);
    expect((await second().exec('/srv/src/tool/tool.sh')).stdout).toBe('two\n');
    await server.commit('tool', { 'tool.sh': '#!/bin/sh\necho three\n' }, 'moving');
    await bench.run(second(), [branch]);
    expect((await second().exec('/srv/src/tool/tool.sh')).stdout).toBe('three\n');
    await server.down();
    try {
      const kept = await bench.run(second(), [fetch('kept')]);
      expect([kept.outcome.kind, kept.dirtied]).toEqual(['ended', undefined]);
      expect((await second().exec('/srv/src/tool/tool.sh')).stdout).toBe('one\n');
      const away = await bench.run(second(), [branch]);
      expect(away.outcome).toMatchObject({ kind: 'chain_failed', resource: 'git-server' });
    } finally {
      await server.up();
    }
  });

  it('names no resource where the commit or the branch is not there', async () => {
    for (const ref of ['0'.repeat(40), 'no-such-branch']) {
      const { outcome } = await bench.run(second(), [fetch('absent', { ref })]);
      expect(outcome).toMatchObject({ kind: 'chain_failed', message: expect.stringContaining(ref) });
      expect(outcome).not.toHaveProperty('resource');
    }
  });

  it('builds once what is the same: commit, recipe, and what it stands on', async () => {
    const recipe = 'echo working hard; cat /etc/hostname >"$OUT/where"';
    const ours = build('once', { recipe });
    const one = await bench.run(first(), [ours]);
    const two = await bench.run(second(), [ours]);
    expect([one.outcome.kind, two.outcome.kind]).toEqual(['ended', 'ended']);
    expect([one.text, two.text].map((text) => text.includes('\nworking hard'))).toEqual([true, false]);
    expect((await second().exec('cat /opt/tool/where')).stdout).toBe(`${first().name}\n`);
    const other = await bench.run(second(), [build('once', { recipe: `${recipe}\n` })]);
    expect(other.text).toContain('\nworking hard');
    // A machine with another package is another ground.
    await second().exec('sed -i "0,/^Version: .*/s//&+other/" /var/lib/dpkg/status');
    expect((await bench.run(second(), [ours])).text).toContain('\nworking hard');
  });

  it('builds on this machine where that is said, and brings the same to the host', async () => {
    const here = build('here', {
      on: 'grid',
      recipe: 'echo working hard; uname -n >"$OUT/where"; pwd >"$OUT/in"',
    });
    const one = await bench.run(first(), [here]);
    expect([one.outcome.kind, one.text]).toEqual(['ended', expect.stringContaining('working hard')]);
    const where = await first().exec('cat /opt/tool/where /opt/tool/in');
    expect(where.stdout).toContain(bench.folder);
    expect(where.stdout).not.toContain(first().name);
    expect((await bench.run(second(), [here])).text).not.toContain('working hard');
  });

  it('a build that is killed in the middle is built again, and nothing of it was kept', async () => {
    const recipe =
      'if [ -e /var/tmp/slow ]; then rm /var/tmp/slow; echo in the middle; sleep 1000; fi; echo done >"$OUT/it"';
    const killed = aStep('killed', { kind: 'build', git: git(), on: 'host', into: '/opt/killed', recipe });
    await second().exec('touch /var/tmp/slow');
    const { heard, attempt } = bench.begin(second(), [killed]);
    await until(() => heard.output.includes('\nin the middle'), 120_000);
    bench.grid.cancel(attempt);
    expect((await heard.ended).end.outcome.kind).toBe('cancelled');
    expect((await second().exec('ls -d /opt/killed*')).stdout).toBe('');
    const again = await bench.run(second(), [killed]);
    expect([again.outcome.kind, again.text]).toEqual(['ended', expect.not.stringContaining('built before')]);
    expect((await second().exec('cat /opt/killed/it')).stdout).toBe('done\n');
  });

  it('says of a build that fails what it said last', async () => {
    for (const on of ['host', 'grid'] as const) {
      const { outcome } = await bench.run(second(), [
        build('fails', { on, recipe: 'echo no rule to make it; exit 2' }),
      ]);
      expect(outcome).toMatchObject({
        kind: 'chain_failed',
        message: expect.stringContaining('no rule to make it'),
      });
    }
  });
});
