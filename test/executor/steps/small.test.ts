import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CopyAction } from '../../../src/domain/step-action.js';
import { canRunLightHosts, type LightHost, lightHosts } from '../../lab.js';
import { stepContract } from './step.contract.js';
import { aStep, StepBench } from './step-bench.js';

// Three times what it takes on a machine that has much else to do.
vi.setConfig({ testTimeout: 400_000 });

describe.skipIf(canRunLightHosts())('small steps', () => {
  let host: LightHost;
  let bench: StepBench;

  beforeAll(async () => {
    [bench, [host]] = await Promise.all([StepBench.start(), lightHosts(1) as Promise<[LightHost]>]);
  }, 360_000);

  afterAll(async () => {
    await Promise.all([bench?.stop(), host?.stop()]);
  });

  const copy = (what: CopyAction['what'], to = '/etc/motd', mode = '0640') =>
    aStep('copy', { kind: 'copy', to, mode, what });
  const state =
    'ls -l /etc/motd /etc/lab 2>/dev/null | sed "s/ [A-Z][a-z][a-z] .* /  /"; cat /etc/motd 2>/dev/null';

  stepContract('copy of a text over a file that is there', {
    bench: () => bench,
    host: () => host,
    step: () => copy({ text: "it's $HOME\n" }),
    isDone: '[ "$(cat /etc/motd)" = "it\'s \\$HOME" ] && [ "$(stat -c %a /etc/motd)" = 640 ]',
    state,
  });

  stepContract('copy of a file of the inventory to where nothing was', {
    bench: () => bench,
    host: () => host,
    step: () =>
      copy({ file: 'x.bin', bytes: Buffer.from([0, 10, 255]).toString('base64') }, '/etc/lab', '755'),
    isDone: '[ "$(od -An -tx1 /etc/lab)" = " 00 0a ff" ] && [ -x /etc/lab ]',
    state,
  });

  stepContract('copy into folders that are not there', {
    bench: () => bench,
    host: () => host,
    step: () => copy({ text: 'deep' }, '/opt/lab/a b/c/file'),
    isDone: '[ "$(cat "/opt/lab/a b/c/file")" = deep ]',
    state: 'find /opt',
  });

  it('leaves the folders that it made where somebody has put something into them', async () => {
    const step = copy({ text: 'deep' }, '/opt/shared/own/file');
    await bench.run(host, [step]);
    await host.exec('echo >/opt/shared/others');
    await bench.undo(host, step);
    expect((await host.exec('find /opt/shared')).stdout).toBe('/opt/shared\n/opt/shared/others\n');
    await host.exec('rm -r /opt/shared');
  });

  it('copies an artefact of the submission', async () => {
    const bytes = Buffer.from('of this submission\n');
    const blob = createHash('sha256').update(bytes).digest('hex');
    bench.grid.blobs.set(blob, () => Readable.from([bytes]));
    const artefacts = [{ name: 'config', variable: 'TESTYARD_ARTEFACT_CONFIG', blob }];
    const step = { ...copy({ artefact: 'config' }, '/etc/ours'), artefacts: ['config'] };
    const { outcome, dirtied } = await bench.run(host, [step], { artefacts });
    expect([outcome.kind, dirtied]).toEqual(['ended', 'use']);
    expect((await host.exec('cat /etc/ours')).stdout).toBe('of this submission\n');
    await bench.undo(host, step);
    expect((await host.exec('ls /etc/ours')).code).not.toBe(0);
  });

  it('gives scripts the artefacts that they name', async () => {
    const bytes = Buffer.from('seen\n');
    const blob = createHash('sha256').update(bytes).digest('hex');
    bench.grid.blobs.set(blob, () => Readable.from([bytes]));
    const artefacts = [{ name: 'word', variable: 'TESTYARD_ARTEFACT_WORD', blob }];
    const none = { none: 'nothing is changed' };
    const script = 'cat "$TESTYARD_ARTEFACT_WORD"; echo "$TESTYARD_HOST"';
    for (const on of ['host', 'grid'] as const) {
      const action = { kind: 'script' as const, script, ...(on === 'grid' ? { on } : {}) };
      const ran = await bench.run(host, [aStep('says', action, { undo: none, artefacts: ['word'] })], {
        artefacts,
      });
      expect([ran.outcome.kind, ran.text]).toEqual([
        'ended',
        `[testyard: step says]\nseen\n${host.name}\n[testyard: test]\n`,
      ]);
    }
  });

  it('runs a script here where that is said: undone where it fails, ended where it takes too long', async () => {
    const mark = path.join(bench.folder, 'mark');
    const undo = { script: `echo undone >"${mark}"` };
    const fails = aStep('fails', { kind: 'script', on: 'grid', script: 'echo because; exit 3' }, { undo });
    const { outcome } = await bench.run(host, [fails]);
    expect(outcome).toMatchObject({
      kind: 'chain_failed',
      result: 'failed',
      message: 'exited 3: because; its undo succeeded',
    });
    expect(await readFile(mark, 'utf8')).toBe('undone\n');
    const slow = aStep(
      'slow',
      { kind: 'script', on: 'grid', script: 'sleep 1000 & sleep 1001' },
      { undo, timeoutMs: 300 },
    );
    expect((await bench.run(host, [slow])).outcome).toMatchObject({
      kind: 'chain_failed',
      result: 'timed_out',
    });
  });

  it('boots the host: what it left running and mounted is gone, its files are not', async () => {
    const bootId = async () => (await host.exec('cat /proc/sys/kernel/random/boot_id')).stdout;
    const before = await bootId();
    await host.exec('echo kept >/var/kept; echo gone >/run/gone');
    const reboot = aStep(
      'reboot',
      { kind: 'reboot', command: 'reboot' },
      { layer: 'boot', undo: { none: '' } },
    );
    const { outcome, text } = await bench.run(host, [reboot]);
    expect([outcome.kind, text]).toEqual(['ended', expect.stringContaining('booted, ')]);
    const after = await bootId();
    expect(after).not.toBe(before);
    expect(text).toContain(`${before.trim()} is now ${after.trim()}`);
    expect((await host.exec('cat /var/kept; ls /run/gone')).stdout).toBe('kept\n');
  });

  it('takes no word for a boot but another boot id', async () => {
    const lies = aStep(
      'lies',
      { kind: 'reboot', command: 'true' },
      { layer: 'boot', undo: { none: '' }, timeoutMs: 2000 },
    );
    const lied = await bench.run(host, [lies]);
    expect(lied.outcome).toMatchObject({ kind: 'chain_failed', result: 'timed_out' });
    expect(JSON.stringify(lied.outcome)).toContain('it answers with the same boot id as before');
    const refuses = aStep(
      'refuses',
      { kind: 'reboot', command: 'echo not now; exit 1' },
      { layer: 'boot', undo: { none: '' } },
    );
    expect((await bench.run(host, [refuses])).outcome).toMatchObject({
      message: expect.stringContaining('not now'),
    });
  });
});
