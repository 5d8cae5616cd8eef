import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SshShell } from '../../src/adapters/ssh.js';
import type { Promised } from '../../src/domain/plan/promise.js';
import type { TestSpec } from '../../src/domain/test.js';
import { Executor } from '../../src/executor/executor.js';
import { Images, type RestoreResult } from '../../src/ports/images.js';
import type { ChainStep, PlacePlan } from '../../src/protocol/messages.js';
import { canRunLightHosts, type LightHost, lightHosts } from '../lab.js';
import { assignmentOf, FakeGrid, type Heard, until } from './fake-grid.js';

class NoImages extends Images {
  asked = 0;
  async restore(): Promise<RestoreResult> {
    this.asked++;
    return { ok: true };
  }
}

const step = (name: string, script: string, more: Partial<ChainStep> = {}): ChainStep => ({
  name,
  layer: 'use',
  needs: '',
  gives: [],
  action: { kind: 'script', script },
  undo: { none: 'nothing to take back' },
  timeoutMs: 20_000,
  costS: 1,
  key: name,
  ...more,
});

/** That these flags, which have probes, must all be there. */
function promised(...names: readonly string[]): Promised {
  return {
    requirement: [...names].sort().join(' & '),
    tags: names.map((name) => ({
      name,
      meaning: name,
      kind: 'flag',
      source: { by: 'probe', script: 'as the plan says' },
    })),
    known: [],
  };
}

describe.skipIf(canRunLightHosts())('an attempt on a host over ssh', () => {
  let host: LightHost;
  let executor: Executor;
  const grid = new FakeGrid();
  const images = new NoImages();
  let ends = 0;

  const limits = {
    answerMs: 8000,
    reconnectMs: 10_000,
    connectMs: 5000,
    retryMs: 100,
    probeMs: 500,
    askMs: 30_000,
  };

  beforeAll(async () => {
    host = (await lightHosts(1))[0] as LightHost;
    executor = new Executor({ link: grid, shell: new SshShell(), images, name: 'x', capacity: 4, limits });
    await executor.start();
  });

  afterAll(async () => {
    await executor?.stop();
    await host?.stop();
  });

  const here = (): PlacePlan['host'] => ({
    id: '1',
    name: host.name,
    transport: host.transport,
    expendable: [],
  });

  const run = async (
    script: string | Buffer,
    test: Partial<TestSpec> = {},
    place: Partial<PlacePlan> = {},
    limit?: number,
  ): Promise<{ heard: Heard; end: Awaited<Heard['ended']>['end']; text: string; attempt: string }> => {
    const assignment = { ...assignmentOf(script, here(), test, place) };
    const heard = grid.give(limit === undefined ? assignment : { ...assignment, outputLimitBytes: limit });
    const { end } = await heard.ended;
    ends++;
    return { heard, end, text: heard.output.toString(), attempt: assignment.attempt };
  };

  it.each([0, 1, 77, 99, 126, 127, 137, 255])('tells exit code %i', async (code) => {
    const { end, heard } = await run(`#!/bin/sh\nexit ${code}\n`);
    expect(end).toMatchObject({
      outcome: { kind: 'ended', exit: { kind: 'exited', code } },
      teardown: 'none',
    });
    expect(end.dirtied).toBeUndefined();
    expect(heard.kinds()).toEqual([
      'begun',
      'seen',
      'chain_done',
      'verified',
      'test started',
      'test_started',
      'step_ended',
      'decided',
      'ended',
    ]);
    expect(heard.seqs).toEqual(heard.seqs.map((_, index) => index + 1));
  });

  it.each(['KILL', 'SEGV', 'TERM'])('tells the death by SIG%s', async (signal) => {
    const { end } = await run(`#!/bin/sh\nkill -${signal} $$\n`);
    expect(end.outcome).toMatchObject({ kind: 'ended', exit: { kind: 'signalled', signal: `SIG${signal}` } });
  });

  it('survives a test that kills every process it can see, and tells it', async () => {
    const { end } = await run('#!/bin/sh\nkill -9 -1\n', { teardown: 'echo after' });
    expect(end).toMatchObject({
      outcome: { exit: { kind: 'signalled', signal: 'SIGKILL' } },
      teardown: 'ok',
    });
  });

  it('says that a test never started, which is not a test that ended 127', async () => {
    for (const script of ['#!/no/such/interpreter\n', Buffer.from([1, 2, 0, 3]), '']) {
      const { end, heard } = await run(script);
      expect(end.outcome.kind).toBe('never_started');
      expect(heard.kinds()).not.toContain('test_started');
    }
    const { end, heard } = await run('#!/bin/sh\nno-such-command\n', { commands: ['sh', 'no-such-command'] });
    expect(end.outcome).toMatchObject({
      kind: 'ended',
      exit: { code: 127 },
      missing: { needed: ['no-such-command'] },
    });
    expect(heard.kinds()).toContain('test_started');
  });

  it('keeps stdout and stderr in order, with a working folder and environment of the test’s own', async () => {
    const script =
      'echo 1; echo 2 >&2; echo 3 >/dev/stderr; echo "$GREETING $TESTYARD_RUN"; : >"$TMPDIR/x"; ls "$PWD"; pwd';
    const { text } = await run(script, { environment: { GREETING: "it's" } });
    const [folder] = text.split('\n').slice(4);
    expect(text).toBe(`1\n2\n3\nit's 1\n${folder}\n`);
    expect((await host.exec(`ls ${folder} /tmp`)).stdout).not.toContain('testyard-');
  });

  it('gives setup, test and teardown one namespace and one folder', async () => {
    const { end, text } = await run('cat mark; cat m/inside; kill -0 $(cat pid) && echo alive', {
      setup:
        'echo from setup >mark; mkdir m; mount -t tmpfs none m; echo mounted >m/inside; sleep 1000 & echo $! >pid',
      teardown: 'cat m/inside',
    });
    expect(text).toBe('from setup\nmounted\nalive\nmounted\n');
    expect(end.teardown).toBe('ok');
  });

  it('kills a test at its time limit, tells that the host answered, and tears down', async () => {
    const script = 'sleep 1000 & setsid sleep 1001 & echo before; sleep 1002';
    const { end, text } = await run(script, { timeoutMs: 300, teardown: 'echo torn down' });
    expect(end).toMatchObject({
      outcome: { kind: 'timed_out', hostAnswered: true },
      teardown: 'ok',
      dirtied: 'boot',
    });
    expect(text).toBe('before\ntorn down\n');
    expect((await host.exec('ps ax')).stdout).not.toContain('sleep 100');
  });

  it('tells a failed setup and one that takes too long, and tears down both', async () => {
    const failed = await run('true', { setup: 'echo oh no; exit 3', teardown: 'true' });
    expect(failed.end).toMatchObject({ outcome: { kind: 'setup_failed', result: 'failed' }, teardown: 'ok' });
    expect(JSON.stringify(failed.end)).toContain('oh no');
    expect(failed.heard.kinds()).not.toContain('test_started');
    const slow = await run('true', { setup: 'sleep 1000', setupTimeoutMs: 200 });
    expect(slow.end).toMatchObject({
      outcome: { kind: 'setup_failed', result: 'timed_out' },
      dirtied: 'boot',
    });
  });

  it('tells the outcome, and all that the test printed, while the host is tidied up', async () => {
    const teardown =
      'until [ -e /var/tmp/go-on ]; do sleep 0.05; done; rm /var/tmp/go-on; echo after; exit 1';
    const heard = grid.give(assignmentOf('echo before; exit 3', here(), { teardown }));
    ends++;
    await until(() => heard.events.some(({ kind }) => kind === 'decided'));
    const told = heard.events.find((event) => event.kind === 'decided');
    expect(told).toMatchObject({ outcome: { kind: 'ended', exit: { code: 3 } } });
    expect(heard.output.toString()).toBe('before\n');
    await host.exec('touch /var/tmp/go-on');
    const { end } = await heard.ended;
    expect(end).toMatchObject({ outcome: { exit: { code: 3 } }, teardown: 'failed' });
    expect(heard.output.toString()).toBe('before\nafter\n');
  });

  it('tells nothing early that could still be another outcome, or that lacks its last lines', async () => {
    const flood = await run('seq 1 100000; exit 1', {}, {}, 10_000);
    const failed = await run('true', { setup: 'exit 3', teardown: 'true' });
    for (const { heard } of [flood, failed]) expect(heard.kinds()).not.toContain('decided');
    expect(flood.text).toContain('\n100000\n');
  });

  it('lets no teardown change the outcome, but the host is dirty', async () => {
    const failed = await run('exit 0', { teardown: 'exit 1' });
    expect(failed.end).toMatchObject({ outcome: { exit: { code: 0 } }, teardown: 'failed', dirtied: 'boot' });
    const slow = await run('exit 0', { teardown: 'sleep 1000', teardownTimeoutMs: 200 });
    expect(slow.end).toMatchObject({
      outcome: { exit: { code: 0 } },
      teardown: 'timed_out',
      dirtied: 'boot',
    });
  });

  it('sees what a test changed, whatever it declared', async () => {
    const { end } = await run('echo >>/var/lib/dpkg/status');
    expect(end).toMatchObject({ dirtied: 'packages', dirtiedBy: 'changed on the host: packages' });
    expect((await run('true', {})).end.dirtied).toBeUndefined();
    expect((await run('true', { dirties: 'image' })).end.dirtied).toBe('image');
  });

  it('does nothing on a host that is not as recorded', async () => {
    const expected = { boot: 'x', packages: '', modules: '', cmdline: '', sysctls: '' };
    const { end, text } = await run('echo ran', { setup: 'echo ran' }, { expected });
    expect([end.outcome.kind, end.dirtied, text]).toEqual(['stale', undefined, '']);
  });

  it('carries out a chain, and verifies after it', async () => {
    const chain = [step('one', 'echo did one; touch /one'), step('two', 'test -e /one')];
    const verify = [{ tag: 'one', script: 'test -e /one', step: 'one' }];
    const { end, heard, text } = await run('test -e /one', {}, { chain, verify });
    expect(end.outcome).toMatchObject({ kind: 'ended', exit: { code: 0 } });
    expect(text).toBe('[testyard: step one]\ndid one\n[testyard: step two]\n[testyard: test]\n');
    expect(heard.events.filter(({ kind }) => kind === 'seen' || kind === 'verified')).toMatchObject([
      { kind: 'seen', tags: [{ tag: 'one', presence: 'absent' }] },
      { kind: 'verified', tags: [{ tag: 'one', presence: 'present' }] },
    ]);
  });

  it('blames the step that failed, undoes it alone, and starts no test', async () => {
    const undo = { script: 'echo undone; touch /undone' };
    const bad = step('bad', 'echo because; exit 4', { undo });
    const { end, heard } = await run(
      'true',
      {},
      { chain: [step('good', 'true', { undo: { script: 'rm -f /undone' } }), bad] },
    );
    expect(end.outcome).toMatchObject({ kind: 'chain_failed', step: 'bad', result: 'failed' });
    expect(JSON.stringify(end.outcome)).toContain('because');
    expect(JSON.stringify(end.outcome)).toContain('its undo succeeded');
    expect(heard.kinds()).not.toContain('chain_done');
    const slow = await run('true', {}, { chain: [step('slow', 'setsid sleep 1003', { timeoutMs: 300 })] });
    expect(slow.end.outcome).toMatchObject({ kind: 'chain_failed', step: 'slow', result: 'timed_out' });
    expect((await host.exec('ps ax')).stdout).not.toContain('sleep 1003');
  });

  it('does nothing below layer use to a host that is not expendable', async () => {
    const asked = images.asked;
    const restore = step('fresh', '', { layer: 'image', action: { kind: 'restore', image: 'i' } });
    for (const chain of [
      [step('ok', 'touch /touched'), restore],
      [step('packages', 'touch /touched', { layer: 'packages' })],
    ]) {
      const { end } = await run('true', {}, { chain });
      expect(end.outcome).toMatchObject({ kind: 'chain_failed', result: 'failed' });
      expect(JSON.stringify(end.outcome)).toContain('not expendable');
    }
    expect((await host.exec('ls /touched')).code).not.toBe(0);
    expect(images.asked).toBe(asked);
  });

  it('says who lied when a tag is absent or cannot be seen, and starts nothing', async () => {
    const chain = [step('liar', 'true')];
    const absent = await run(
      'true',
      { setup: 'true' },
      { chain, verify: [{ tag: 'gold', script: 'exit 1', step: 'liar' }], promised: promised('gold') },
    );
    expect(absent.end.outcome).toEqual({
      kind: 'tag_lied',
      step: 'liar',
      tag: 'gold',
      presence: 'absent',
      why: 'gold is not there',
    });
    const verify = [
      { tag: 'a', script: 'exit 0' },
      { tag: 'slow', script: 'sleep 1000' },
    ];
    const unknown = await run(
      'true',
      {},
      { verify, promised: promised('a', 'slow'), observe: [{ tag: 'seen', script: 'exit 0' }] },
    );
    expect(unknown.end.outcome).toMatchObject({ kind: 'tag_lied', tag: 'slow', presence: 'unknown' });
    const seen = unknown.heard.events.find((event) => event.kind === 'seen');
    const told = seen?.kind === 'seen' ? seen.tags.map(({ tag, presence }) => `${tag}: ${presence}`) : [];
    expect(told.sort()).toEqual(['a: present', 'seen: present', 'slow: unknown']);
  });

  it('refuses an attempt older than one the host has seen', async () => {
    const old = assignmentOf('echo ran', here());
    await run('true');
    const heard = grid.give(old);
    expect((await heard.ended).end.outcome.kind).toBe('fenced');
    expect(heard.output.toString()).toBe('');
  });

  it('gives the test every variable that it asks for, whatever the wrapper calls its own', async () => {
    const names = ['d', 'flag', 'name', 'n', 'folder', 'init', 'seat', 'state', 'way'];
    const environment = Object.fromEntries(names.map((name) => [name, `its own ${name}`]));
    const shown = names.map((name) => `echo "$${name}"`).join('\n');
    const { text, end } = await run(`#!/bin/sh\n${shown}\n`, {
      environment,
      setup: 'test "$d" = "its own d"',
      teardown: 'test "$flag" = "its own flag"',
    });
    expect(text).toContain(names.map((name) => `its own ${name}\n`).join(''));
    expect(end).toMatchObject({ outcome: { kind: 'ended', exit: { code: 0 } }, teardown: 'ok' });
  });

  it('leaves nothing running: daemons, double forks, cleared environments', async () => {
    const script =
      'setsid sleep 1004 & (sleep 1005 &) ; env -i nohup sleep 1006 & setsid env -i sleep 1007 & exit 0';
    await run(script);
    const { text } = await run('ps ax');
    expect(text).toContain('PID');
    expect(text).not.toContain('sleep');
    expect((await host.exec('ps ax')).stdout).not.toContain('sleep 100');
  });

  it('ends what an executor left there that lost its connection', async () => {
    const first = assignmentOf('echo on; setsid env -i sleep 1008 & sleep 1009', here());
    const other = new Executor({
      link: new FakeGrid(),
      shell: new SshShell(),
      images,
      name: 'y',
      capacity: 1,
      limits,
    });
    const heard = grid.give(first);
    await until(() => heard.events.some(({ kind }) => kind === 'test_started'));
    await other.stop();
    await run('true');
    expect((await host.exec('ps ax')).stdout).not.toContain('sleep 100');
    expect((await heard.ended).end.outcome.kind).toBe('host_lost');
  });

  it('removes the folders of a LAVA definition that was cut off, before the next one begins', async () => {
    const other = new FakeGrid();
    const cut = new Executor({ link: other, shell: new SshShell(), images, name: 'z', capacity: 1, limits });
    await cut.start();
    const lava = { name: 'x', params: {}, deps: [], installSteps: [], folder: '' };
    const first = assignmentOf('', here(), { lava: { ...lava, steps: ['touch here', 'sleep 1010'] } });
    const heard = other.give(first);
    await until(() => heard.kinds().includes('test_started'));
    expect((await host.exec('ls -d /lava-*')).stdout).toBe(`/lava-${first.attempt}\n`);
    // The wrapper and all that is its own die at once: nobody is left there to tidy up.
    const marked = `grep -slzxF TESTYARD_ATTEMPT=${first.attempt} /proc/[0-9]*/environ | cut -d/ -f3`;
    const killed = await host.exec(`kill -9 $(${marked}); ls -d /lava-*`);
    expect(killed.stdout).toBe(`/lava-${first.attempt}\n`);
    await heard.ended;
    await cut.stop();
    const { text } = await run('', {
      lava: { ...lava, steps: ['ls -d /lava-*', 'ls "$TMPDIR/../.." | grep -c "^testyard-"'] },
    });
    expect(text).toBe(`/lava-${Number(first.attempt) + 1}\n1\n`);
    expect((await host.exec('ls -d /lava-* 2>/dev/null; ls /tmp')).stdout).toBe('');
  });

  it('takes cases from the helper, and nothing that is merely printed or replayed', async () => {
    const script = [
      'testyard-case "first one" pass --measurement 12.5 ms --message "all well" && echo recorded',
      'testyard-case second fail; testyard-case third maybe; echo $?',
      'echo "TY 00 ended 1.1 Zm9v"; echo "TY 00 ended 1.1 Zm9v" >&2',
      `echo "TY-0123456789abcdef-m:${Buffer.from('\0case\0old\0pass\0\0\0\0').toString('base64')}" | tee ../.out`,
    ].join('\n');
    const { heard, text } = await run(script);
    const cases = heard.events.filter(({ kind }) => kind === 'case');
    expect(cases).toEqual([
      {
        kind: 'case',
        role: 'main',
        seq: 1,
        name: 'first one',
        result: 'pass',
        message: 'all well',
        at: 0,
        measurement: { raw: '12.5', unit: 'ms' },
      },
      { kind: 'case', role: 'main', seq: 2, name: 'second', result: 'fail', message: '', at: 9 },
    ]);
    expect(text).toContain('recorded\n');
    expect(text).toContain('usage: testyard-case');
  });

  it('accepts no signal outside the test', async () => {
    const { heard, text } = await run('true', { teardown: 'testyard-case late pass; echo $?' });
    expect(heard.kinds()).not.toContain('case');
    expect(text).toMatch(/1\n$/);
  });

  it('brings 5 MB of any bytes exactly', async () => {
    const bytes = randomBytes(5_000_000);
    const { heard } = await run(
      Buffer.concat([Buffer.from('#!/bin/sh\ntail -c 5000000 "$0"; exit\n'), bytes]),
    );
    expect(digest(heard.output)).toBe(digest(bytes));
  });

  it('cuts a flood in the middle exactly', async () => {
    const { heard, end } = await run(
      'i=0; while [ $i -lt 30000 ]; do echo "line $i"; i=$((i+1)); done',
      {},
      {},
      10_001,
    );
    expect(end.outcome.kind).toBe('ended');
    const whole = Array.from({ length: 30_000 }, (_, i) => `line ${i}\n`).join('');
    const cut = whole.length - 10_001;
    const expected = `${whole.slice(0, 5000)}\n[testyard: ${cut} bytes left out here]\n${whole.slice(-5001)}`;
    expect(heard.output.toString()).toBe(expected);
    expect((await heard.ended).places).toMatchObject([{ outputCut: cut, outputBytes: expected.length }]);
  });

  it('stops a cancelled attempt on the host, and tears down', async () => {
    const assignment = assignmentOf('sleep 1010', here(), { teardown: 'echo down' });
    const heard = grid.give(assignment);
    await until(() => heard.events.some(({ kind }) => kind === 'test_started'));
    grid.cancel(assignment.attempt);
    expect((await heard.ended).end).toMatchObject({
      outcome: { kind: 'cancelled' },
      teardown: 'ok',
      dirtied: 'boot',
    });
    expect(heard.output.toString()).toBe('down\n');
  });

  it('tells a host that hangs from a test that takes too long', async () => {
    const heard = grid.give(assignmentOf('sleep 1011', here(), { timeoutMs: 1500 }));
    await until(() => heard.events.some(({ kind }) => kind === 'test_started'));
    await host.freeze();
    const { end } = await heard.ended;
    await host.thaw();
    expect(end).toMatchObject({
      outcome: { kind: 'host_lost', phase: 'test', error: 'timeout' },
      dirtied: 'boot',
    });
  });

  it('takes a boot that nobody ordered as a crash', async () => {
    const heard = grid.give(assignmentOf('sleep 1012', here(), { timeoutMs: 60_000 }));
    await until(() => heard.events.some(({ kind }) => kind === 'test_started'));
    await host.crash();
    await host.boot();
    const { end } = await heard.ended;
    expect(end).toMatchObject({ outcome: { kind: 'crashed' }, dirtied: 'boot' });
  });

  it('takes a cut connection to a host that never went down as a loss, and leaves nothing there', async () => {
    const heard = grid.give(assignmentOf('setsid sleep 1013 & sleep 1014', here()));
    await until(() => heard.events.some(({ kind }) => kind === 'test_started'));
    await host.cutConnections();
    const { end } = await heard.ended;
    expect(end).toMatchObject({
      outcome: { kind: 'host_lost', phase: 'test', error: 'lost', back: true },
      dirtied: 'boot',
    });
    expect((await host.exec('ps ax')).stdout).not.toContain('sleep 101');
  });

  it('says why a host cannot be reached, and nothing is dirty', async () => {
    await host.killSshd();
    await host.cutConnections();
    const { end } = await run('true');
    expect(end).toMatchObject({ outcome: { kind: 'host_lost', phase: 'connect', error: 'unreachable' } });
    expect(end.dirtied).toBeUndefined();
    await host.startSshd();
    expect((await run('true')).end.outcome.kind).toBe('ended');
    expect(ends).toBeGreaterThan(0);
  });

  it('says that it is the executor that lacks a key', async () => {
    const transport = { ...host.transport, keyFile: '/no/such/key' };
    const heard = grid.give(assignmentOf('true', { ...here(), id: '2', transport }));
    expect((await heard.ended).end.outcome.kind).toBe('executor_unable');
  });
});

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
