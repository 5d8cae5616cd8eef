import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type ControlLine, ControlReader } from '../../src/executor/control.js';
import { Outbox } from '../../src/executor/outbox.js';
import { systemTiming } from '../../src/executor/system-timing.js';
import type { AttemptEvent, Report } from '../../src/protocol/messages.js';
import { FakeGrid, until } from './fake-grid.js';

/** What is heard of this text, cut into pieces of this size. */
async function heard(said: string, size: number): Promise<readonly ControlLine[]> {
  const lines: ControlLine[] = [];
  const stderr = new PassThrough();
  new ControlReader(stderr, 'aa', (line) => lines.push(line));
  for (let at = 0; at < said.length; at += size) stderr.write(said.slice(at, at + size));
  stderr.end();
  await new Promise((resolve) => stderr.once('end', resolve));
  return lines;
}

describe('what a session hears from its host', () => {
  it('is complete where a kill cut off what a probe was being told of', async () => {
    const said = 'TY aa told 1\nwhole\nhalf a liTY aa ended 1 killed 137\nTY ab done\nTY aa done\n';
    for (const size of [1, 7, 1000]) {
      expect(await heard(said, size)).toEqual([
        { kind: 'ended', phase: 1, how: 'killed', code: 137 },
        { kind: 'done' },
      ]);
    }
  });

  it('has the lines that were printed between the two words around them, and no others', async () => {
    const said = 'noise\nTY aa told 3\none\nTY ab told_end\n\nTY aa told_end\nnoise\nTY aa probe 3 0\n';
    for (const size of [1, 7, 1000]) {
      expect(await heard(said, size)).toEqual([
        { kind: 'told', index: 3, lines: ['one', 'TY ab told_end', ''] },
        { kind: 'probe', index: 3, code: 0 },
      ]);
    }
  });
});

describe('what an executor reports', () => {
  it('fits into a report however much was seen on many hosts at once', async () => {
    const sizes: number[] = [];
    class Measuring extends FakeGrid {
      override async report(report: Report) {
        sizes.push(JSON.stringify(report).length);
        return { attempts: report.entries.map(({ attempt, seq }) => ({ attempt, recorded: seq })) };
      }
    }
    const instances = Array.from({ length: 1500 }, (_, n) => ({ place: `${n}`, raw: 'x'.repeat(290) }));
    const event: AttemptEvent = {
      ...{ kind: 'seen', role: 'main' },
      tags: [{ tag: 'pci', presence: 'present', instances }],
    };
    const options = { gatherMs: 1, backOff: { firstMs: 1, mostMs: 1 }, memoryBytes: 100e6 };
    const outbox = new Outbox(new Measuring(), '1', systemTiming, options, {
      leaseDead: () => {},
      refused: () => {},
    });
    for (let n = 1; n <= 60; n++) {
      const entry = { run: `${n}`, attempt: `${n}`, seq: 1, event };
      outbox.add({ kind: 'entry', attempt: `${n}`, entry }, n === 60);
    }
    await outbox.delivered();
    outbox.close();
    await until(() => sizes.reduce((sum, size) => sum + size, 0) > 60 * 450_000);
    expect(Math.max(...sizes)).toBeLessThan(6 * 1024 * 1024);
  });
});
