import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LocalShell } from '../../src/adapters/local.js';
import { SshShell } from '../../src/adapters/ssh.js';
import type { ArtefactFile } from '../../src/domain/submit/artefact.js';
import { Executor, type ExecutorOptions } from '../../src/executor/executor.js';
import { Images, type RestoreResult } from '../../src/ports/images.js';
import type { PlacePlan } from '../../src/protocol/messages.js';
import { Refused } from '../../src/protocol/terms.js';
import { canRunLightHosts, type LightHost, lightHosts } from '../lab.js';
import { assignmentOf, FakeGrid, until } from './fake-grid.js';

class NoImages extends Images {
  async restore(): Promise<RestoreResult> {
    return { ok: true };
  }
}

const MIB = 1024 * 1024;
const obstacle = canRunLightHosts();

describe.skipIf(obstacle)(
  `what is under test, as files on the host${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let folder: string;
    let host: LightHost;
    const running: Executor[] = [];
    const limits = {
      ...{ answerMs: 8000, reconnectMs: 1500, connectMs: 5000, retryMs: 20, probeMs: 500, askMs: 30_000 },
      beginMs: 20_000,
    };

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'testyard-artefact-test-'));
      host = (await lightHosts(1))[0] as LightHost;
    });
    afterEach(async () => {
      for (const executor of running.splice(0)) await executor.stop();
    });
    afterAll(async () => {
      await host?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    const start = async (more: Partial<ExecutorOptions> = {}) => {
      const grid = new FakeGrid();
      const artefactDir = await mkdtemp(join(folder, 'cache-'));
      const ssh = new SshShell();
      const local = new LocalShell({ masked: [] });
      const executor = new Executor({
        ...{ link: grid, images: new NoImages(), name: 'x', capacity: 8, limits, artefactDir },
        shell: (kind) => (kind === 'ssh' ? ssh : local),
        ...more,
      });
      running.push(executor);
      await executor.start();
      return { grid, executor, artefactDir };
    };
    const overSsh = (): PlacePlan['host'] => ({
      ...{ id: '1', name: host.name, transport: host.transport, expendable: [] },
    });
    const here = (): PlacePlan['host'] => ({
      ...{ id: '2', name: 'here', transport: { kind: 'local', network: false }, expendable: [] },
    });
    /** Bytes that the grid has, as an assignment names them. */
    const upload = (grid: FakeGrid, name: string, bytes: Buffer): ArtefactFile => {
      const blob = createHash('sha256').update(bytes).digest('hex');
      grid.blobs.set(blob, () => Readable.from(pieces(bytes), { objectMode: false }));
      return { name, variable: `TESTYARD_ARTEFACT_${name.toUpperCase().replace(/[^A-Z]/g, '_')}`, blob };
    };
    const run = async (
      grid: FakeGrid,
      on: PlacePlan['host'],
      artefacts: readonly ArtefactFile[],
      script: string,
      test: Parameters<typeof assignmentOf>[2] = {},
    ) => {
      const heard = grid.give({ ...assignmentOf(script, on, test), artefacts });
      const { end } = await heard.ended;
      return { end, heard, text: heard.output.toString() };
    };

    it.each(['ssh', 'local'])('a test finds them at the paths in its environment, over %s', async (kind) => {
      const { grid } = await start();
      const big = randomBytes(50 * MIB);
      const artefacts = [
        upload(grid, 'kernel', big),
        upload(grid, 'init.rd', Buffer.from('#!/bin/sh\necho ran\n')),
      ];
      const empty = upload(grid, 'nothing', Buffer.alloc(0));
      const script =
        'sha256sum <"$TESTYARD_ARTEFACT_KERNEL"; "$TESTYARD_ARTEFACT_INIT_RD"; wc -c <"$TESTYARD_ARTEFACT_NOTHING"; dirname "$TESTYARD_ARTEFACT_KERNEL"';
      const { end, text } = await run(
        grid,
        kind === 'ssh' ? overSsh() : here(),
        [...artefacts, empty],
        script,
        {
          environment: { TESTYARD_ARTEFACT_KERNEL: 'blob:x' },
          setup: 'test -s "$TESTYARD_ARTEFACT_KERNEL"',
          teardown: 'test -s "$TESTYARD_ARTEFACT_KERNEL"',
        },
      );
      expect(end).toMatchObject({ outcome: { kind: 'ended', exit: { code: 0 } }, teardown: 'ok' });
      const [digest, ran, bytes, at] = text.split('\n');
      expect([digest?.split(' ')[0], ran, bytes?.trim()]).toEqual([artefacts[0]?.blob, 'ran', '0']);
      if (kind === 'ssh') expect((await host.exec(`ls -d ${at} 2>&1`)).stdout).toContain('No such file');
    });

    it('fetches what several attempts want once, and keeps it for the next ones', async () => {
      const { grid, artefactDir } = await start();
      const one = upload(grid, 'kernel', randomBytes(MIB));
      const all = [1, 2, 3, 4].map((seat) =>
        grid.give({
          ...assignmentOf('test -s "$TESTYARD_ARTEFACT_KERNEL"', here(), {}, { seat }),
          artefacts: [one],
        }),
      );
      for (const heard of all) expect((await heard.ended).end.outcome).toMatchObject({ exit: { code: 0 } });
      await run(grid, here(), [one], 'true');
      expect(grid.fetched).toEqual([one.blob]);
      expect(await readdir(artefactDir)).toEqual([one.blob]);
    });

    it('keeps no more than it may, and what was used last', async () => {
      const { grid, artefactDir } = await start({ artefactCacheBytes: 2 * MIB });
      const files = ['a', 'b', 'c'].map((name) => upload(grid, name, randomBytes(MIB)));
      for (const file of files) await run(grid, here(), [file], 'true');
      await until(async () => (await readdir(artefactDir)).length === 2);
      expect((await readdir(artefactDir)).sort()).toEqual(
        files
          .slice(1)
          .map(({ blob }) => blob)
          .sort(),
      );
    });

    it('keeps nothing where it has no folder for it', async () => {
      const before = (await readdir(tmpdir())).filter((name) => name.startsWith('testyard-artefacts-'));
      const { artefactDir: _, ...bare } = { artefactDir: '' };
      const grid = new FakeGrid();
      const shell = new LocalShell({ masked: [] });
      const executor = new Executor({
        ...bare,
        link: grid,
        shell,
        images: new NoImages(),
        name: 'x',
        capacity: 1,
      });
      await executor.start();
      const one = upload(grid, 'kernel', randomBytes(MIB));
      const { end } = await run(grid, here(), [one], 'test -s "$TESTYARD_ARTEFACT_KERNEL"');
      await executor.stop();
      expect(end.outcome).toMatchObject({ exit: { code: 0 } });
      const after = (await readdir(tmpdir())).filter((name) => name.startsWith('testyard-artefacts-'));
      expect(after).toEqual(before);
    });

    it('never runs a test on other bytes than those that were submitted', async () => {
      const { grid, artefactDir } = await start();
      const one = upload(grid, 'kernel', randomBytes(MIB));
      grid.blobs.set(one.blob, () => Readable.from([Buffer.from('others')], { objectMode: false }));
      const { end, heard } = await run(grid, overSsh(), [one], 'true');
      expect(end.outcome).toMatchObject({
        kind: 'executor_unable',
        message: expect.stringContaining('the grid sent other bytes'),
      });
      expect(heard.kinds()).toEqual(['begun', 'ended']);
      expect(await readdir(artefactDir)).toEqual([]);
    });

    it('asks again where a transfer breaks off or the grid cannot be asked', async () => {
      const { grid } = await start();
      const bytes = randomBytes(MIB);
      const one = upload(grid, 'kernel', bytes);
      let times = 0;
      grid.blobs.set(one.blob, () => {
        if (times++ === 0) throw new Error('the grid cannot be asked');
        return Readable.from(times === 2 ? broken(bytes) : pieces(bytes), { objectMode: false });
      });
      const { end, text } = await run(grid, overSsh(), [one], 'sha256sum <"$TESTYARD_ARTEFACT_KERNEL"');
      expect(end.outcome).toMatchObject({ kind: 'ended', exit: { code: 0 } });
      expect([text.split(' ')[0], times]).toEqual([one.blob, 3]);
    });

    it('says that it is the executor that has it not, where the grid has lost or refuses it', async () => {
      const { grid } = await start();
      const one = upload(grid, 'kernel', Buffer.from('x'));
      grid.blobs.delete(one.blob);
      const lost = await run(grid, overSsh(), [one], 'true');
      expect(lost.end.outcome).toEqual({
        kind: 'executor_unable',
        message: `artefact ${one.blob} could not be had: There is no blob ${one.blob}`,
      });
      grid.blobs.set(one.blob, () => {
        throw new Refused('not under test here', true);
      });
      const refused = await run(grid, overSsh(), [one], 'true');
      expect(refused.end.outcome).toMatchObject({ kind: 'executor_unable' });
      expect(grid.fetched).toHaveLength(2);
    });

    it('takes a disk without room for the host’s own fault, and leaves nothing there', async () => {
      const { grid } = await start();
      const one = upload(grid, 'kernel', randomBytes(20 * MIB));
      await host.exec('mount -t tmpfs -o size=8m,mode=1777 none /tmp');
      try {
        const { end, heard } = await run(grid, overSsh(), [one], 'true');
        expect(end.outcome).toMatchObject({
          kind: 'host_lost',
          error: 'broken',
          message: expect.stringMatching(
            /^artefact 'kernel' \(20971520 bytes\) cannot be put into .*No space/,
          ),
        });
        expect(heard.kinds()).not.toContain('test_started');
        expect((await host.exec('ls /tmp')).stdout).not.toContain('testyard-');
      } finally {
        await host.exec('umount /tmp');
      }
      const after = await run(grid, overSsh(), [one], 'test -s "$TESTYARD_ARTEFACT_KERNEL"');
      expect(after.end.outcome).toMatchObject({ kind: 'ended', exit: { code: 0 } });
    });

    it('stops putting one on the host when it is stopped, and leaves nothing there', async () => {
      const { grid } = await start();
      const one = upload(grid, 'kernel', randomBytes(20 * MIB));
      // A host whose disk stands still when the artefact comes.
      const head = `#!/bin/sh
[ "$2" != ${20 * MIB} ] || { : >/var/tmp/begun; exec sleep 1000; }
exec /opt/slow/real "$@"
`;
      const encoded = Buffer.from(head).toString('base64');
      await host.exec(`mkdir /opt/slow; cp /usr/bin/head /opt/slow/real; echo ${encoded} | base64 -d >/opt/slow/head
        chmod 755 /opt/slow/head; mount --bind /opt/slow/head /usr/bin/head`);
      const assignment = { ...assignmentOf('true', overSsh()), artefacts: [one] };
      const heard = grid.give(assignment);
      await until(async () => (await host.exec('ls /var/tmp')).stdout.includes('begun'));
      grid.cancel(assignment.attempt);
      expect((await heard.ended).end.outcome).toEqual({ kind: 'cancelled' });
      await host.exec('umount /usr/bin/head; rm -r /opt/slow /var/tmp/begun');
      const after = await run(grid, overSsh(), [one], 'test -s "$TESTYARD_ARTEFACT_KERNEL"');
      expect(after.end.outcome).toMatchObject({ kind: 'ended', exit: { code: 0 } });
      expect((await host.exec('ls /tmp; ps ax')).stdout).not.toMatch(/testyard-|sleep 1000/);
    });

    it('stops fetching one when it is stopped', async () => {
      const { grid } = await start();
      const one = upload(grid, 'kernel', Buffer.from('x'));
      let asked = () => {};
      const isAsked = new Promise<void>((resolve) => {
        asked = resolve;
      });
      grid.blobs.set(one.blob, () => {
        asked();
        return new Readable({ read: () => {} });
      });
      const assignment = { ...assignmentOf('true', overSsh()), artefacts: [one] };
      const heard = grid.give(assignment);
      await isAsked;
      grid.cancel(assignment.attempt);
      expect((await heard.ended).end.outcome).toEqual({ kind: 'cancelled' });
    });
  },
);

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 64 * 1024) yield bytes.subarray(at, at + 64 * 1024);
}

function* broken(bytes: Buffer): Generator<Buffer> {
  yield bytes.subarray(0, 1000);
  throw new Error('the wire was cut');
}
