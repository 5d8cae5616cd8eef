import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canRunLightHosts, type LightHost, lightHosts } from '../lab.js';
import { MailServer } from '../mail-server.js';
import { until } from './program.js';
import { startYard, type Yard } from './yard.js';

const obstacle = canRunLightHosts();

describe.skipIf(obstacle)(`letters${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, () => {
  let yard: Yard;
  let server: MailServer;

  beforeAll(async () => {
    const host = (await lightHosts(1))[0] as LightHost;
    server = await MailServer.start();
    yard = await startYard({
      hosts: [{ host }],
      grid: `mail:\n  smtp: ${server.url}\n  from: testyard@lab.example.org\n`,
    });
    await mkdir(path.join(yard.folder, 'suite'));
    for (const [name, code] of Object.entries({ good: 0, bad: 1 }))
      await writeFile(path.join(yard.folder, `suite/${name}.sh`), `#!/bin/sh\nexit ${code}\n`);
  }, 360_000);

  afterAll(async () => {
    await yard?.stop();
    await server?.stop();
  }, 120_000);

  test('who submits with --mail gets one letter when every run is done, with what came of them', async () => {
    const said = await yard.grid.cli(
      ...['submit', '--watch', '--name', 'nightly', '--mail', 'ann@example.org'],
      path.join(yard.folder, 'suite'),
    );
    expect(said.out + said.err).toMatch(/bad +failed/);
    const letter = await until('the letter', 120_000, async () => server.letters[0]);
    expect(letter.to).toEqual(['ann@example.org']);
    expect(letter.headers['subject']).toMatch(/nightly/);
    expect(letter.text).toMatch(/1 failed.*1 passed|1 passed.*1 failed/s);
    expect(letter.text).toMatch(/bad/);
    // Another submission, without: one letter is one letter.
    await yard.grid.cli('submit', '--watch', path.join(yard.folder, 'suite/good.sh'));
    expect(server.letters).toHaveLength(1);
  }, 240_000);
});
