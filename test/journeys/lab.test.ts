import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Lab } from '../../lab/lab.js';
import type { RunDetail } from '../../src/http/contract.js';
import { canRunLightHosts } from '../lab.js';
import { chainOf, startYardWith, type Yard } from './yard.js';

const obstacle = canRunLightHosts();

describe.skipIf(obstacle)(
  `the lab, as its own inventory says${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let lab: Lab;
    let yard: Yard;

    beforeAll(async () => {
      lab = await Lab.start(2);
      yard = await startYardWith(lab.inventory);
    }, 600_000);

    afterAll(async () => {
      await yard?.stop();
      await lab?.stop();
    }, 120_000);

    const carryOut = async (): Promise<ReadonlyMap<string, RunDetail>> => {
      const folder = path.join(lab.inventory, 'tests');
      const files = await Promise.all(
        (await readdir(folder)).map(async (name) => ({
          name,
          text: await readFile(path.join(folder, name), 'utf8'),
        })),
      );
      const runs = await Promise.all(
        (await yard.grid.submit(files)).map((run) => yard.grid.done(run, 400_000)),
      );
      return new Map(runs.map((run) => [run.test, run]));
    };

    test('every test of it passes, on a host that was brought to where it can', async () => {
      const runs = await carryOut();
      expect(
        [...runs.values()].map(({ test, verdict, reason }) => `${test}: ${verdict} (${reason})`).sort(),
      ).toEqual([
        'after-boot: passed (exit 0)',
        'greets: passed (exit 0)',
        'plain-image: passed (exit 0)',
        'tool-1: passed (exit 0)',
        'tool-2: passed (exit 0)',
      ]);
      const chain = (name: string) => chainOf(runs.get(name)?.attemptList.at(-1));
      expect(chain('greets')).toContain('greeter-here');
      expect(chain('tool-2')).toContain('tool-2');
      expect(chain('after-boot')).toContain('boot');
    }, 600_000);

    test('a mirror that does not answer is named in the outcome', async () => {
      await lab.apt.server.down();
      const run = await yard.grid.submitOne({
        name: 'wants-tool.sh',
        text: '#!/bin/sh\n# testyard: requires: lab-tool = 2.0, lab-image = plain\ntrue\n',
      });
      const held = await yard.grid.when(
        run,
        'failed once',
        ({ attemptList }) => attemptList.some(({ outcome }) => outcome === 'chain_failed'),
        300_000,
      );
      const failed = held.attemptList.find(({ outcome }) => outcome === 'chain_failed');
      expect(JSON.stringify(failed)).toContain("repository 'mirror'");
      await lab.apt.server.up();
      await yard.grid.cli('cancel', run);
    }, 600_000);
  },
);
