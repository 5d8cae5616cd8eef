import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SshShell } from '../../../src/adapters/ssh.js';
import { quote } from '../../../src/executor/wrapper.js';
import { bootVirtualMachine, type VirtualMachine, whyNoVirtualMachine } from '../../fixtures/look/vm.js';
import type { Done } from '../../lab.js';
import { stepContract } from './step.contract.js';
import { aStep, StepBench } from './step-bench.js';

// Three times what it takes on a machine that has much else to do.
vi.setConfig({ testTimeout: 400_000 });

const obstacle = whyNoVirtualMachine();

describe.skipIf(obstacle)(
  `steps on a machine with a kernel of its own${obstacle ? `: ${obstacle}` : ''}`,
  () => {
    let machine: VirtualMachine;
    let bench: StepBench;

    beforeAll(async () => {
      const other = ['-netdev', 'user,id=other,restrict=on', '-device', 'e1000e,netdev=other,addr=4'];
      [bench, machine] = await Promise.all([StepBench.start(), bootVirtualMachine(other, { reboots: true })]);
    }, 600_000);

    afterAll(async () => {
      await bench?.stop();
      await machine?.stop();
    }, 60_000);

    /** On a connection of its own: the machine may have been booted since the last one. */
    const exec = async (command: string): Promise<Done> => {
      const connection = await new SshShell().connect(
        { host: 'vm', transport: machine.transport, seat: 1 },
        60_000,
      );
      try {
        const { stdout, stderr, exit } = await connection.start(`exec sh -c ${quote(command)}`);
        const [out, err, end] = await Promise.all([text(stdout), text(stderr), exit]);
        return { stdout: out, stderr: err, code: end.kind === 'exited' ? end.code : 128 };
      } finally {
        connection.close();
      }
    };
    const host = () => ({ name: 'vm1', transport: machine.transport, exec });
    const loop = (parameters: readonly string[]) =>
      aStep('loop', { kind: 'module', module: 'loop', parameters }, { layer: 'boot' });

    stepContract('a module with a parameter', {
      bench: () => bench,
      host,
      step: () => loop(['max_loop=3']),
      isDone: '[ "$(cat /sys/module/loop/parameters/max_loop)" = 3 ]',
      state: 'cat /sys/module/loop/parameters/max_loop; ls /var/lib/testyard/steps/* /dev/loop* 2>/dev/null',
    });

    it('loads a module anew that is there with other parameters, and names one that there is not', async () => {
      for (const wanted of ['2', '5']) {
        expect((await bench.run(host(), [loop([`max_loop=${wanted}`])])).outcome).toMatchObject({
          kind: 'ended',
        });
        expect((await exec('cat /sys/module/loop/parameters/max_loop')).stdout).toBe(`${wanted}\n`);
      }
      const none = aStep(
        'none',
        { kind: 'module', module: 'no_such_module', parameters: [] },
        { layer: 'boot' },
      );
      const { outcome } = await bench.run(host(), [none]);
      expect(outcome).toMatchObject({
        kind: 'chain_failed',
        message: expect.stringContaining('no_such_module'),
      });
    });

    it('boots the kernel anew, and what was loaded is loaded no more', async () => {
      const bootId = async () => (await exec('cat /proc/sys/kernel/random/boot_id')).stdout.trim();
      expect((await bench.run(host(), [loop(['max_loop=4'])])).outcome).toMatchObject({ kind: 'ended' });
      const before = await bootId();
      const reboot = aStep(
        'reboot',
        { kind: 'reboot', command: 'reboot -f' },
        { layer: 'boot', undo: { none: '' } },
      );
      const ran = await bench.run(host(), [reboot]);
      expect([ran.outcome.kind, ran.text]).toEqual([
        'ended',
        expect.stringContaining(`booted, ${before} is now `),
      ]);
      expect(await bootId()).not.toBe(before);
      expect((await exec('ls -d /sys/module/loop')).code).not.toBe(0);
    }, 600_000);
  },
);
