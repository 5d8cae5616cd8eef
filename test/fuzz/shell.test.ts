import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SshShell } from '../../src/adapters/ssh.js';
import { Executor } from '../../src/executor/executor.js';
import { Images } from '../../src/ports/images.js';
import { assignmentOf, FakeGrid } from '../executor/fake-grid.js';
import { canRunLightHosts, type LightHost, lightHosts } from '../lab.js';
import { CANARY, HOSTILE_TEXTS } from './hostile.js';

class NoImages extends Images {
  async restore() {
    return { ok: true as const };
  }
}

/** Those that do something where a shell takes them for a command. NUL stands in no test. */
const COMMANDS = HOSTILE_TEXTS.filter((text) => /touch|tee|[$%*~]/.test(text) && !text.includes('\0'));
/** No other test's on this machine: sessions on a seat end what lives of earlier ones there. */
const HOST_ID = `1${process.pid}`;
const obstacle = canRunLightHosts();
const limits = {
  answerMs: 20_000,
  reconnectMs: 10_000,
  connectMs: 5000,
  retryMs: 100,
  probeMs: 3000,
  askMs: 30_000,
};

describe.skipIf(obstacle !== undefined)(
  `on a real host nothing that an admin or tester wrote is taken for a command${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    const grid = new FakeGrid();
    let host: LightHost;
    let executor: Executor;

    beforeAll(async () => {
      [host] = (await lightHosts(1)) as [LightHost];
      executor = new Executor({
        link: grid,
        shell: new SshShell(),
        images: new NoImages(),
        name: 'x',
        capacity: 1,
        limits,
      });
      await executor.start();
    }, 300_000);
    afterAll(async () => {
      await executor?.stop();
      await host?.stop();
    });

    it.each(COMMANDS)('%j in every field that is a word', async (text) => {
      const { name, transport } = host;
      const script = '#!/bin/sh\nprintf %s "$SAID"\ntestyard-case "$SAID" pass --message "$SAID"\n';
      const step = {
        ...{ name: text, layer: 'use' as const, needs: '', gives: [], key: text, timeoutMs: 5000, costS: 1 },
        ...{ owner: text, action: { kind: 'script' as const, script: 'true' }, undo: { none: text } },
      };
      const heard = grid.give(
        assignmentOf(
          script,
          { id: HOST_ID, name: `${name}${text}`, transport, expendable: ['use'] },
          {
            ...{
              name: text,
              owner: text,
              labels: [text],
              cases: [text],
              commands: [text],
              underTest: [text],
            },
            ...{ environment: { SAID: text }, setup: 'true', teardown: 'true' },
          },
          {
            chain: [step],
            observe: [
              { tag: text, part: text },
              { tag: text, kind: 'text', script: 'echo "$0"', step: text },
            ],
          },
        ),
      );
      const { end } = await heard.ended;
      const left = await host.exec(`test -e ${CANARY} && echo it was there; rm -f ${CANARY}`);
      expect(left.stdout).toBe('');
      // What cannot be done is said; where the test ran, it was told what was written, byte for byte.
      expect(end.outcome, JSON.stringify(end)).toMatchObject({
        kind: 'ended',
        exit: { kind: 'exited', code: 0 },
      });
      expect(heard.output.toString()).toBe(`[testyard: step ${text}]\n[testyard: test]\n${text}`);
      const told = heard.events.find((event) => event.kind === 'case');
      expect(told).toMatchObject({ result: 'pass' });
    });

    // `cmd:*` is the whole family.
    it.each(COMMANDS.filter((text) => text !== '*'))(
      '%j as the name of a program that is looked for',
      async (text) => {
        const { name, transport } = host;
        const at = { id: HOST_ID, name, transport, expendable: [] };
        const observe = [{ tag: `cmd:${text}`, part: 'cmd' }];
        const { end } = await grid.give(assignmentOf('#!/bin/sh\n', at, {}, { observe })).ended;
        expect(end.outcome).toMatchObject({ message: expect.stringContaining('is no name of a program') });
        expect((await host.exec(`test -e ${CANARY} && echo it was there`)).stdout).toBe('');
      },
    );

    it('and one that is run does leave its mark', async () => {
      const { name, transport } = host;
      const heard = grid.give(
        assignmentOf(
          `#!/bin/sh\ntouch ${CANARY}\n`,
          { id: HOST_ID, name, transport, expendable: [] },
          {},
          {},
        ),
      );
      await heard.ended;
      expect((await host.exec(`test -e ${CANARY} && echo it is there`)).stdout).toBe('it is there\n');
    });
  },
);
