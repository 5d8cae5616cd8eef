import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SshShell } from '../../src/adapters/ssh.js';
import { STANDARD_TAGS } from '../../src/domain/look/standard-tags.js';
import { Executor } from '../../src/executor/executor.js';
import { Images, type RestoreResult } from '../../src/ports/images.js';
import type { ShellConnection } from '../../src/ports/shell.js';
import {
  type AttemptEvent,
  AttemptEvent as AttemptEvents,
  type PlacePlan,
  type TagProbe,
  type TagSeen,
} from '../../src/protocol/messages.js';
import { canRunLightHosts, canRunSshdHosts, type LabHost, lightHosts, sshdHosts } from '../lab.js';
import { assignmentOf, FakeGrid, type Heard } from './fake-grid.js';

class NoImages extends Images {
  async restore(): Promise<RestoreResult> {
    return { ok: true };
  }
}

/** Says when a command is started. */
class CountingShell extends SshShell {
  constructor(private readonly started: () => void) {
    super();
  }

  override async connect(...args: Parameters<SshShell['connect']>): Promise<ShellConnection> {
    const connection = await super.connect(...args);
    return {
      ended: connection.ended,
      close: () => connection.close(),
      start: (command) => {
        this.started();
        return connection.start(command);
      },
    };
  }
}

/** Every standard tag but those that are asked for by name. */
const everything: TagProbe[] = STANDARD_TAGS.flatMap(({ name, kind, source }) =>
  source.by === 'look' && source.part !== 'cmd' ? [{ tag: name, kind, part: source.part }] : [],
);

const value = (tag: string, script: string): TagProbe => ({ tag, kind: 'text', script });
const device = (tag: string, script: string): TagProbe => ({ tag, kind: 'device', script });

const limits = {
  answerMs: 20_000,
  reconnectMs: 10_000,
  connectMs: 5000,
  retryMs: 100,
  probeMs: 3000,
  askMs: 30_000,
};

/**
 * Sessions on a seat end what lives of earlier ones there. A host that is this machine sees the processes of all
 * others on it, so that its seat must have a name that no other test's has.
 */
const HOST_ID = `1${process.pid}`;

const kinds = [
  { kind: 'light host', obstacle: canRunLightHosts(), start: () => lightHosts(1) },
  { kind: 'host with an sshd', obstacle: canRunSshdHosts(), start: () => sshdHosts(1) },
];

for (const { kind, obstacle, start } of kinds) {
  describe.skipIf(obstacle)(`looking at a ${kind} in an attempt${obstacle ? `: ${obstacle}` : ''}`, () => {
    let host: LabHost;
    let executor: Executor;
    let starts = 0;
    const grid = new FakeGrid();

    beforeAll(async () => {
      host = (await start())[0] as LabHost;
      const shell = new CountingShell(() => {
        starts++;
      });
      executor = new Executor({ link: grid, shell, images: new NoImages(), name: 'x', capacity: 4, limits });
      await executor.start();
    });

    afterAll(async () => {
      await executor?.stop();
      await host?.stop();
    });

    async function run(
      place: Partial<PlacePlan>,
      script = '#!/bin/sh\necho test output\n',
    ): Promise<{ heard: Heard; end: Awaited<Heard['ended']>['end']; tags: ReadonlyMap<string, TagSeen> }> {
      const { name, transport } = host;
      const heard = grid.give(
        assignmentOf(script, { id: HOST_ID, name, transport, expendable: [] }, {}, place),
      );
      const { end } = await heard.ended;
      expect(heard.kinds(), JSON.stringify(end)).toContain('verified');
      return { heard, end, tags: tagsOf(heard, 'verified') };
    }

    const tagsOf = (heard: Heard, what: 'seen' | 'verified') => {
      const event = heard.events.find(
        (one): one is Extract<AttemptEvent, { kind: 'seen' | 'verified' }> => one.kind === what,
      );
      return new Map((event?.tags ?? []).map((one) => [one.tag, one]));
    };

    const release = async () => (await host.exec('uname -r')).stdout.trim();

    it('tells what the host is before the test runs, in the one command that an attempt takes', async () => {
      await run({});
      starts = 0;
      const plan = {
        verify: [
          { tag: 'kernel', part: 'kernel' },
          { tag: 'cmd:sh', part: 'cmd' },
        ] satisfies TagProbe[],
        observe: [...everything, { tag: 'cmd:no-such-program', part: 'cmd' }],
      };
      const { heard, end, tags } = await run(plan);
      expect(end.outcome).toMatchObject({ kind: 'ended', exit: { kind: 'exited', code: 0 } });
      expect(starts).toBe(1);
      expect(tags.get('kernel')).toEqual({
        ...{ tag: 'kernel', presence: 'present', source: 'look' },
        instances: [{ place: '', raw: await release() }],
      });
      expect(tags.get('root')?.presence).toBe(process.getuid?.() === 0 ? 'present' : 'absent');
      expect(tags.get('cmd:sh')).toEqual({ tag: 'cmd:sh', presence: 'present', source: 'look' });
      expect(tags.get('cmd:no-such-program')?.presence).toBe('absent');
      expect(tags.get('cpu:*')?.instances?.length).toBeGreaterThan(10);
      expect(tags.get('memory')?.instances?.[0]?.raw).toMatch(/^[1-9]\d+B$/);
      expect([...tags.keys()].sort()).toEqual(
        [...new Set([...everything.map(({ tag }) => tag), 'cmd:sh', 'cmd:no-such-program'])].sort(),
      );
      expect(tagsOf(heard, 'seen')).toEqual(tags);
      expect(heard.output.toString()).toBe('test output\n');
      for (const event of heard.events) AttemptEvents.parse(event);
    });

    it('starts no test where a needed tag is not there', async () => {
      const tag = 'cmd:no-such-program';
      const { end, heard } = await run({
        verify: [{ tag, part: 'cmd' }],
        promised: {
          requirement: tag,
          tags: [{ name: tag, kind: 'flag', meaning: 'A program.', source: { by: 'look', part: 'cmd' } }],
          known: [],
        },
      });
      expect(end.outcome).toMatchObject({ kind: 'tag_lied', tag, presence: 'absent' });
      expect(heard.kinds()).not.toContain('test_started');
    });

    it('knows nothing of a part that a newer grid asks for', async () => {
      const { tags } = await run({
        observe: [
          { tag: 'later', part: 'later' },
          { tag: 'linux', part: 'kernel' },
        ],
      });
      expect(tags.get('later')).toEqual({ tag: 'later', presence: 'unknown', source: 'look' });
      expect(tags.get('linux')?.presence).toBe('present');
    });

    it('reads what probes print as values and devices', async () => {
      const { tags } = await run({
        observe: [
          value('two', 'echo one; echo; printf "t\\303\\251xt\\033[1m "'),
          value('none', ':'),
          value('broke', 'echo half; exit 3'),
          device('meter', 'printf "A1\\tid=x:1\\tvolts=12 = twelve\\nA2\\n"'),
          device('twice', 'echo A1; echo A1'),
          device('odd', 'printf "A1\\tno attribute\\n"'),
          value('slow', 'echo so far; sleep 60'),
          value('after', 'echo here'),
          { tag: 'flag', script: 'echo printed; exit 0' },
        ],
      });
      const known = (tag: string) => tags.get(tag)?.instances ?? tags.get(tag)?.presence;
      expect(known('two')).toEqual([
        { place: '', raw: 'one' },
        { place: '', raw: 't\u00e9xt\ufffd[1m' },
      ]);
      expect(['none', 'broke', 'twice', 'odd', 'slow', 'flag'].map(known)).toEqual([
        ...['absent', 'unknown', 'unknown', 'unknown', 'unknown', 'present'],
      ]);
      expect(known('meter')).toEqual([
        { place: 'A1', raw: 'x:1', attributes: { id: 'x:1', volts: '12 = twelve' } },
        { place: 'A2', raw: '', attributes: {} },
      ]);
      expect(known('after')).toEqual([{ place: '', raw: 'here' }]);
    });

    it('takes nothing that a probe prints for a word of its own', async () => {
      const forged = 'TY 0123456789abcdef0123456789abcdef';
      const { tags, end } = await run({
        observe: [
          value(
            'liar',
            `echo "${forged} told_end"; echo "${forged} probe 1 0"; echo "TY  probe 2 0"; printf end`,
          ),
          { tag: 'denied', script: 'exit 1' },
        ],
      });
      expect(tags.get('liar')?.instances).toHaveLength(4);
      expect(tags.get('denied')?.presence).toBe('absent');
      expect(end.outcome).toMatchObject({ kind: 'ended', exit: { code: 0 } });
    });

    it('outlives a probe that prints without end', async () => {
      const { tags, end } = await run({
        observe: [
          value('endless', 'yes | head -c 30000000'),
          value('line', 'head -c 9000000 /dev/zero | tr "\\0" x'),
          value(
            'many',
            'i=0; while [ $i -lt 1900 ]; do echo "$i$(printf %0290d 0)"; i=$((i + 1)); done 2>&1',
          ),
          value('after', 'echo here'),
        ],
      });
      expect(tags.get('endless')?.presence).toBe('unknown');
      expect(tags.get('line')?.instances?.[0]?.raw).toHaveLength(300);
      // Each alone would be believed, but an event carries only so much.
      expect(tags.get('many')?.presence).toBe('unknown');
      expect(tags.get('after')?.presence).toBe('present');
      expect(end.outcome).toMatchObject({ kind: 'ended' });
    });
  });
}
