import { describe, expect, it } from 'vitest';
import type { ChainStep } from '../../../src/protocol/messages.js';
import type { Done } from '../../lab.js';
import { until } from '../fake-grid.js';
import type { BenchHost, Ran, StepBench } from './step-bench.js';

/** A kind of step, and how to see on its host what it did. */
export interface Tried {
  readonly bench: () => StepBench;
  readonly host: () => BenchHost & { exec(command: string): Promise<Done> };
  readonly step: () => ChainStep;
  /** Shell text that succeeds where the step has done its work. */
  readonly isDone: string;
  /** Shell text that prints all that the step may change. */
  readonly state: string;
  /** What makes it stop once in the middle of its work, and what it prints there; undefined: it has none to speak of. */
  readonly midway?: { readonly prepare: string; readonly printed: string };
}

/** What every kind of step keeps to. */
export function stepContract(what: string, { bench, host, step, isDone, state, midway }: Tried): void {
  describe(what, () => {
    const looks = async () => (await host().exec(state)).stdout;
    const isThere = async () => (await host().exec(isDone)).code === 0;
    const went = ({ outcome, text }: Ran) =>
      outcome.kind === 'ended' ? 'well' : `${JSON.stringify(outcome)}\n${text}`;

    it('does its work, and doing it twice is doing it once; taken back, once or twice, all is as before', async () => {
      const before = await looks();
      expect(await isThere()).toBe(false);
      expect(went(await bench().run(host(), [step()]))).toBe('well');
      expect(await isThere()).toBe(true);
      const after = await looks();
      expect(after).not.toBe(before);
      expect(went(await bench().run(host(), [step()]))).toBe('well');
      expect(await looks()).toBe(after);
      expect(went(await bench().undo(host(), step()))).toBe('well');
      expect(await looks()).toBe(before);
      expect(went(await bench().undo(host(), step()))).toBe('well');
      expect(await looks()).toBe(before);
    });

    if (midway === undefined) return;

    it('killed in the middle it is done again, or taken back', async () => {
      const before = await looks();
      for (const way of ['again', 'back'] as const) {
        await host().exec(midway.prepare);
        const { heard, attempt } = bench().begin(host(), [step()]);
        await until(() => heard.output.includes(midway.printed), 120_000);
        bench().grid.cancel(attempt);
        expect((await heard.ended).end.outcome.kind).toBe('cancelled');
        if (way === 'again') {
          expect(went(await bench().run(host(), [step()]))).toBe('well');
          expect(await isThere()).toBe(true);
        }
        expect(went(await bench().undo(host(), step()))).toBe('well');
        expect(await looks()).toBe(before);
      }
    });
  });
}
