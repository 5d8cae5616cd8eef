import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GitServer, type Repository } from '../adapters/git-server.js';
import { canRunLightHosts, type LightHost, lightHosts } from '../lab.js';
import { startYard, type Yard } from './yard.js';

const obstacle = canRunLightHosts();

const definition = (name: string, params: Readonly<Record<string, string>>, ...steps: readonly string[]) =>
  [
    'metadata:',
    '  format: Lava-Test Test Definition 1.0',
    `  name: ${name}`,
    '  maintainer: [net@example.org]',
    'params:',
    ...Object.entries(params).map(([key, value]) => `  ${key}: "${value}"`),
    'run:',
    '  steps:',
    ...steps.map((step) => `    - ${step}`),
    '',
  ].join('\n');

const LIB = '#!/bin/sh\nlava-test-case "$1" --result pass --measurement "$2" --units MB/s\n';

describe.skipIf(obstacle)(
  `LAVA definitions through a grid${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let yard: Yard;
    let host: LightHost;
    let server: GitServer;
    let repository: Repository;
    let web: Server;
    let suite: string;

    beforeAll(async () => {
      host = (await lightHosts(1))[0] as LightHost;
      server = await GitServer.start();
      repository = server.repository('suite');
      repository.commit({
        'lib/measure': LIB,
        'disk/read.yaml': definition('read', { MB: '10' }, 'cd disk', '../lib/measure "read-$MB" 55.5'),
      });
      const sources = `sources: ["${new URL('/', repository.url).href}"]\n`;
      yard = await startYard({ hosts: [{ host }], grid: sources });
      suite = path.join(yard.folder, 'suite');
      for (const inside of ['lib', 'net/link']) await mkdir(path.join(suite, inside), { recursive: true });
      await writeFile(path.join(suite, 'lib/measure'), LIB, { mode: 0o755 });
      await writeFile(
        path.join(suite, 'net/link/link.yaml'),
        definition('link', { WHAT: 'none' }, 'cd ./net/link', '../../lib/measure "$WHAT" 12.25'),
      );
      await writeFile(
        path.join(suite, 'net/link/tool.yaml'),
        definition(
          'tool',
          {},
          'lava-test-case there --result pass',
          'lava-test-case measured --shell no-such-meter --once',
        ),
      );
      web = createServer(async (request, response) => {
        if (request.url === '/link/tool.yaml')
          response.end(await readFile(path.join(suite, 'net/link/tool.yaml')));
        else response.writeHead(404).end();
      });
      await new Promise<void>((resolve) => void web.listen(0, '127.0.0.1', resolve));
    }, 360_000);

    afterAll(async () => {
      web?.close();
      await yard?.stop();
      server?.stop();
      await host?.stop();
    }, 120_000);

    /** Submits, waits, and gives the runs by their tests. */
    const submitted = async (...args: readonly string[]) => {
      const ended = await yard.grid.cli('--json', 'submit', ...args, '--watch');
      const { submission } = lastOf(ended.out, ended.err);
      const runs = await yard.grid.runs(`&submission=${submission}`);
      return { code: ended.code, submission, runs: new Map(runs.map((run) => [run.test, run])) };
    };
    const lastOf = (out: string, err: string) => {
      const told = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const submission = told.map((one) => one.submission ?? one.id).find((id) => /^s\d+$/.test(id ?? ''));
      if (submission === undefined) throw new Error(`no submission: ${out}${err}`);
      return { submission: submission as string };
    };

    test('a folder goes along with its definitions, and a parameter reaches the one that has it', async () => {
      const { runs, submission } = await submitted(suite, '--param', 'WHAT=wire');
      const link = runs.get('link');
      expect(link).toMatchObject({ verdict: 'passed', variant: { WHAT: 'wire' } });
      const shown = await yard.grid.cli('show', link?.id ?? '');
      expect(shown.out).toMatch(/case +wire +pass +12\.25 MB\/s/);
      const tool = await yard.grid.cli('show', runs.get('tool')?.id ?? '');
      expect(tool.out).toMatch(/case +there +pass/);
      expect(tool.out).toMatch(/case +measured +fail +could not run: .*no-such-meter/);
      expect(runs.get('tool')?.verdict).not.toBe('failed');
      const junit = await yard.grid.cli('report', submission, '--junit', '-');
      expect(junit.out).toContain('name="wire"');
      expect(junit.out).toContain('no-such-meter');
      expect(junit.out).not.toContain('<failure');
    }, 240_000);

    test('one of a git repository comes with all of its commit', async () => {
      const { runs, code } = await submitted('--git', repository.url, 'disk', '--param', 'MB=64');
      expect(code).toBe(0);
      const run = await yard.grid.run(runs.get('read')?.id ?? '');
      expect(run).toMatchObject({ verdict: 'passed', source: { path: 'disk/read.yaml' } });
      expect(run.attemptList[0]?.cases).toMatchObject([
        { name: 'read-64', result: 'pass', measurement: { raw: '55.5', unit: 'MB/s' } },
      ]);
    }, 240_000);

    test('one at a URL is fetched by whoever submits it', async () => {
      const { port } = web.address() as AddressInfo;
      const { runs } = await submitted(`http://127.0.0.1:${port}/link/tool.yaml`);
      const run = await yard.grid.run(runs.get('tool')?.id ?? '');
      expect(run.attemptList.at(-1)?.cases.map(({ name }) => name)).toEqual(['there', 'measured']);
    }, 240_000);

    test('a parameter that none of them has is refused with the nearest', async () => {
      const refused = await yard.grid.cli('submit', suite, '--param', 'WHAR=wire');
      expect(refused.code).toBe(2);
      expect(refused.err).toMatch(/did you mean 'WHAT'\?/);
    }, 120_000);
  },
);
