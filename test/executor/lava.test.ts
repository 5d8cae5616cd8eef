import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LocalShell } from '../../src/adapters/local.js';
import { SshShell } from '../../src/adapters/ssh.js';
import type { LavaDefinition } from '../../src/domain/lava/definition.js';
import { Executor } from '../../src/executor/executor.js';
import { Images, type RestoreResult } from '../../src/ports/images.js';
import type { PlacePlan } from '../../src/protocol/messages.js';
import { canRunLightHosts, type LightHost, lightHosts } from '../lab.js';
import { assignmentOf, FakeGrid } from './fake-grid.js';

class NoImages extends Images {
  async restore(): Promise<RestoreResult> {
    return { ok: true };
  }
}

const obstacle = canRunLightHosts();

describe.skipIf(obstacle)(
  `a LAVA definition${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let folder: string;
    let host: LightHost;
    const running: Executor[] = [];
    const limits = {
      ...{ answerMs: 8000, reconnectMs: 1500, connectMs: 5000, retryMs: 20, probeMs: 2000, askMs: 30_000 },
      beginMs: 20_000,
    };

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'testyard-lava-test-'));
      host = (await lightHosts(1))[0] as LightHost;
    });
    afterEach(async () => {
      for (const executor of running.splice(0)) await executor.stop();
    });
    afterAll(async () => {
      await host?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    // Ids that nobody else on this machine has: a session ends what lives of earlier ones on its seat.
    const hostOf = (kind: string): PlacePlan['host'] =>
      kind === 'ssh'
        ? { id: `1${process.pid}`, name: host.name, transport: host.transport, expendable: [] }
        : {
            id: `2${process.pid}`,
            name: 'here',
            transport: { kind: 'local', network: false },
            expendable: [],
          };

    /** A tar archive of these files, as a blob that the grid has. */
    const treeOf = async (grid: FakeGrid, files: Readonly<Record<string, string>>) => {
      const root = await mkdtemp(join(folder, 'tree-'));
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(root, name)), { recursive: true });
        await writeFile(join(root, name), text, { mode: 0o755 });
      }
      const bytes = execFileSync('tar', ['-czf', '-', '-C', root, '.']);
      return upload(grid, bytes);
    };
    const upload = (grid: FakeGrid, bytes: Buffer) => {
      const blob = createHash('sha256').update(bytes).digest('hex');
      grid.blobs.set(blob, () => Readable.from([bytes], { objectMode: false }));
      return { blob, bytes: bytes.length };
    };
    const start = async () => {
      const grid = new FakeGrid();
      const ssh = new SshShell();
      const local = new LocalShell({ masked: [] });
      const executor = new Executor({
        ...{ link: grid, images: new NoImages(), name: 'x', capacity: 8, limits },
        shell: (kind) => (kind === 'ssh' ? ssh : local),
      });
      running.push(executor);
      await executor.start();
      return grid;
    };
    /** Runs a definition; what was told of it. */
    const run = async (
      grid: FakeGrid,
      kind: string,
      says: Partial<LavaDefinition>,
      test: Parameters<typeof assignmentOf>[2] = {},
    ) => {
      const lava = { name: 'a test', params: {}, deps: [], installSteps: [], steps: [], folder: '', ...says };
      const assignment = assignmentOf('metadata: ...', hostOf(kind), { lava, ...test });
      const heard = grid.give(assignment);
      const { end } = await heard.ended;
      const cases = heard.events.flatMap((event) => (event.kind === 'case' ? [event] : []));
      const attachments = heard.events.flatMap((event) => (event.kind === 'attachment' ? [event] : []));
      return { end, cases, attachments, text: heard.output.toString(), attempt: assignment.attempt };
    };
    const ran = (code = 0) => ({
      outcome: { kind: 'ended', exit: { kind: 'exited', code } },
      teardown: 'none',
    });

    it.each(['ssh', 'local'])(
      'finds its files in the folders that LAVA has, and leaves none of them, over %s',
      async (kind) => {
        const grid = await start();
        const tree = await treeOf(grid, {
          'suite/run.sh': '#!/bin/sh\n../lib/say "$1 in $(pwd)"\n',
          'lib/say': '#!/bin/sh\necho "said: $1"\n',
        });
        const { end, text, attempt } = await run(
          grid,
          kind,
          {
            params: { WHAT: "it's", OTHER: 'given' },
            steps: [
              'cd ./suite',
              'there=$(pwd)',
              './run.sh "$WHAT $OTHER"',
              'echo $TESTRUN_ID',
              'find /lava-* -maxdepth 0 -type d',
              'ls "$there/../../.."',
              'command -v /lava-*/bin/lava-test-case',
            ],
          },
          { tree, environment: { OTHER: 'overridden' } },
        );
        expect(text.split('\n')).toEqual([
          `said: it's overridden in /lava-${attempt}/0/tests/0_a-test/suite`,
          '0_a-test',
          `/lava-${attempt}`,
          'environment',
          'tests',
          `/lava-${attempt}/bin/lava-test-case`,
          '',
        ]);
        expect(end).toMatchObject(ran());
        if (kind === 'ssh') expect((await host.exec('ls -d /lava-*; ls /tmp')).stdout).toBe('');
      },
    );

    it.each(['ssh', 'local'])(
      'its helpers give cases in their order among the output, over %s',
      async (kind) => {
        const grid = await start();
        const { end, cases, text } = await run(grid, kind, {
          steps: [
            'echo before',
            'lava-test-case one --shell test -d /',
            'lava-test-case two --shell "ls /no-such-thing" 2>/dev/null',
            'printf half',
            'lava-test-set start net',
            'lava-test-case three --result PASS --measurement 12.5 --units ms',
            'lava-test-set stop',
            'echo " a line"',
            'lava-test-case four --result maybe',
            'testyard-case five skip --message why',
          ],
        });
        expect(text).toBe('before\nhalf a line\n');
        expect(cases.map(({ role: _role, kind: _kind, ...said }) => said)).toEqual([
          { seq: 1, name: 'one', result: 'pass', message: '', at: 7 },
          { seq: 2, name: 'two', result: 'fail', message: '', at: 7 },
          ...[{ seq: 3, name: 'net / three', result: 'pass', message: '', at: 11 }].map((said) => ({
            ...said,
            measurement: { raw: '12.5', unit: 'ms' },
          })),
          { seq: 4, name: 'four', result: 'unknown', message: "its result was said to be 'maybe'", at: 19 },
          { seq: 5, name: 'five', result: 'skip', message: 'why', at: 19 },
        ]);
        expect(end).toMatchObject(ran());
      },
    );

    it('a step that fails ends it; what its install section cannot do is no failure of it', async () => {
      const grid = await start();
      const failed = await run(grid, 'ssh', { steps: ['true', 'false', 'echo not reached'] });
      expect(failed.text).toBe('');
      expect(failed.end).toMatchObject(ran(1));
      const unset = await run(grid, 'ssh', {
        params: { WHO: 'me' },
        installSteps: ['echo "for $WHO" >made', 'pwd'],
        steps: ['cat made'],
      });
      expect(unset.text).toBe(`/lava-${unset.attempt}/0/tests/0_a-test\nfor me\n`);
      const broken = await run(grid, 'ssh', {
        deps: ['no-such-package-anywhere'],
        steps: ['echo not reached'],
      });
      expect(broken.end.outcome).toMatchObject({ kind: 'setup_failed', result: 'failed' });
      expect(broken.text).not.toContain('not reached');
    });

    it('what LAVA would read in its output are cases, in their order with those of the helpers', async () => {
      const grid = await start();
      const { end, cases } = await run(
        grid,
        'ssh',
        {
          steps: [
            'set -x',
            'echo "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=a RESULT=pass MEASUREMENT=3 UNITS=s>"',
            'set +x',
            'lava-test-case b --result fail',
            'echo "<LAVA_SIGNAL_TESTSET START s>"; echo "c: WARN"; echo "<LAVA_SIGNAL_TESTSET STOP>"',
            'echo "d: OK"; printf "e: BAD"; lava-test-reference f --result pass --reference http://x/y',
            'echo; echo "<LAVA_SIGNAL_TESTCASE RESULT=pass>"; printf "g: OK"',
          ],
          parse: {
            pattern: '^(?P<test_case_id>[]a-z]+):\\s+(?P<result>OK|BAD|WARN)\\Z',
            fixups: { OK: 'pass', BAD: 'fail' },
          },
        },
        {},
      );
      expect(cases.map(({ name, result, message }) => [name, result, message])).toEqual([
        ['a', 'pass', ''],
        ['b', 'fail', ''],
        ['s / c', 'unknown', "its result was said to be 'WARN'"],
        ['d', 'pass', ''],
        ['f', 'pass', 'http://x/y'],
        ['e', 'fail', ''],
        ['g', 'pass', ''],
      ]);
      expect(cases[0]?.measurement).toEqual({ raw: '3', unit: 's' });
      expect(end).toMatchObject(ran());
    });

    it('a pattern that takes for ever on a line is given up, and all others are read', async () => {
      const grid = await start();
      const { end, cases } = await run(grid, 'ssh', {
        steps: [
          'for i in 1 2 3; do echo "t$i ok"; echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!; done',
        ],
        parse: { pattern: '^(a+)+$|^(?P<test_case_id>\\w+) (?P<result>ok)$', fixups: { ok: 'pass' } },
      });
      expect(cases.map(({ name, result, message }) => [name, result, message])).toEqual([
        ['t1', 'pass', ''],
        ['t2', 'pass', ''],
        ['t3', 'pass', ''],
        ['parse', 'unknown', 'the pattern of parse took too long on 3 lines'],
      ]);
      expect(end).toMatchObject(ran());
    });

    it('one that raises an error ends at once as one that could not be carried out', async () => {
      const grid = await start();
      const tree = await treeOf(grid, {
        'deep.sh': '#!/bin/sh\n(lava-test-raise "no board" || true; sleep 600; echo on) | cat\n',
      });
      const { end, cases, text } = await run(grid, 'ssh', { steps: ['./deep.sh', 'echo on'] }, { tree });
      expect(cases).toMatchObject([{ name: 'lava-test-raise', result: 'unknown', message: 'no board' }]);
      expect(text).toMatch(/^lava-test-raise: no board\n(Killed\n)*$/);
      expect(end).toMatchObject(ran(99));
    });

    it('the other helpers tell what the host is, and what wants other places cannot be had', async () => {
      const grid = await start();
      const { end, text } = await run(grid, 'ssh', {
        steps: [
          'lava-target-ip | grep -qx "$(lava-echo-ipv4 "$(ls /sys/class/net | grep -v lo)")" && echo same',
          'lava-echo-ipv4 nowhere || echo none',
          'lava-target-mac | grep -cE "^([0-9a-f]{2}:){5}[0-9a-f]{2}$"',
          'lava-os-build | grep -o Debian; lava-self',
          'lava-installed-packages | grep -c "^dash|"',
          'lava-background-process-start bg --cmd sh -c "echo begun; exec sleep 600"',
          'until grep -qs begun "$TMPDIR/.background.bg.log"; do :; done',
          'lava-background-process-stop bg',
          'which lava-send; lava-send ready || echo refused $?',
        ],
      });
      expect(text.split('\n')).toEqual([
        ...[
          'same',
          "lava-echo-ipv4: 'nowhere' has no IPv4 address",
          'none',
          '1',
          'Debian',
          host.name,
          '1',
          'begun',
        ],
        expect.stringMatching(/\/bin\/lava-send$/),
        ...['lava-send: needs several places: this test runs on one host', 'refused 1', ''],
      ]);
      expect(end.outcome).toMatchObject({ observed: [{ kind: 'places', call: 'lava-send ready' }] });
    });

    it.each(['ssh', 'local'])(
      'files that it leaves are brought to the grid as they were then, over %s',
      async (kind) => {
        const grid = await start();
        const { end, attachments, text } = await run(grid, kind, {
          steps: [
            'echo first >"it is.txt"',
            'lava-test-case-attach boot "it is.txt"',
            'echo second >"it is.txt"',
            'lava-test-run-attach "it is.txt" text/x-log',
            'head -c 5000000 /dev/zero >zeros; testyard-attach zeros',
            'testyard-attach nothing || echo refused',
            'head -c 9000000 /dev/zero >big; testyard-attach big || echo refused',
            'lava-test-case-attach boot zeros none || echo refused',
          ],
        });
        expect(end).toMatchObject(ran());
        expect(text.match(/refused/g)).toHaveLength(3);
        expect(text).toContain(
          'lava-test-case-attach: not attached: its type is no media type, as text/plain is',
        );
        expect(attachments).toMatchObject([
          { seq: 1, name: 'it_is.txt', mediaType: 'text/plain', case: 'boot', bytes: 6 },
          { seq: 2, name: 'it_is.txt', mediaType: 'text/x-log', bytes: 7 },
          { seq: 3, name: 'zeros', mediaType: 'application/octet-stream', bytes: 5_000_000 },
        ]);
        expect(attachments.map(({ digest }) => grid.kept.get(digest)?.length)).toEqual([6, 7, 5_000_000]);
        expect(grid.kept.get(attachments[0]?.digest ?? '')?.toString()).toBe('first\n');
      },
    );

    it('files that cannot be unpacked on the host are no finding about the test', async () => {
      const grid = await start();
      const whole = await treeOf(grid, { file: 'x'.repeat(100_000) });
      const open = grid.blobs.get(whole.blob);
      const bytes: Buffer[] = [];
      for await (const chunk of open?.() ?? []) bytes.push(chunk as Buffer);
      const torn = upload(grid, Buffer.concat(bytes).subarray(0, 120));
      const { end } = await run(grid, 'ssh', { steps: ['true'] }, { tree: torn });
      expect(end.outcome).toMatchObject({ kind: 'host_lost', error: 'broken' });
      expect((end.outcome as { message: string }).message).toMatch(
        /the test's files \(\d+ bytes\) cannot be put/,
      );
      expect((await host.exec('ls -d /lava-*; ls /tmp')).stdout).toBe('');
    });
  },
);
