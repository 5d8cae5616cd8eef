import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PackedTrees } from '../../src/cli/run-tree.js';
import { fromUrl } from '../../src/cli/run-url.js';
import { BuiltCli } from './built-cli.js';

let cli: BuiltCli;
let folder: string;
let server: Server;
let at: string;
const answers = new Map<string, RequestListener>();

const definition = (name: string, ...steps: readonly string[]) =>
  [
    'metadata:',
    '  format: Lava-Test Test Definition 1.0',
    `  name: ${name}`,
    'params:',
    '  WORD: none',
    'run:',
    '  steps:',
    ...steps.map((step) => `    - ${step}`),
    '',
  ].join('\n');

const gives = (bytes: Buffer | string) => (path: string) => {
  answers.set(path, (_, response) => void response.end(bytes));
};

beforeAll(async () => {
  cli = new BuiltCli();
  folder = mkdtempSync(path.join(tmpdir(), 'testyard-url-test-'));
  const lab = path.join(folder, 'lab-1.0');
  for (const inside of ['doc', 'lib', 'net/one', 'net/two'])
    mkdirSync(path.join(lab, inside), { recursive: true });
  writeFileSync(path.join(lab, 'lib/say'), '#!/bin/sh\necho "says $1"\n', { mode: 0o755 });
  writeFileSync(path.join(lab, 'doc/all.txt'), 'all there is to know');
  writeFileSync(path.join(lab, 'net/one/one.yaml'), definition('one', 'cd net/one', '../../lib/say "$WORD"'));
  writeFileSync(path.join(lab, 'net/two/two.yaml'), definition('two', 'lab-1.0/lib/say two'));
  const tar = (...args: readonly string[]) => execFileSync('tar', [...args, '-C', folder, 'lab-1.0']);
  gives(tar('-czf', '-'))('/lab.tar.gz');
  gives(tar('-cf', '-'))('/lab.tar');
  gives(tar('-cjf', '-'))('/lab.tar.bz2');
  symlinkSync('/etc', path.join(lab, 'out'));
  gives(tar('-czf', '-'))('/leads-out.tgz');
  gives(definition('alone', 'test "$WORD" = given', 'ls'))('/a/alone.yaml');
  gives('#!/bin/sh\necho from the web\n')('/script.sh');
  gives('no archive')('/no.tar.gz');
  const to =
    (where: string): RequestListener =>
    (_, response) =>
      void response.writeHead(302, { location: where }).end();
  answers.set('/moved', to('/a/alone.yaml'));
  answers.set('/round', to('/round'));
  answers.set('/to-file', to('file:///etc/passwd'));
  answers.set('/slow', (_, response) => void response.write('metadata:'));
  answers.set('/large', (_, response) => void response.end(Buffer.alloc(3 * 1024 * 1024)));
  answers.set('/large-and-silent', (_, response) => {
    for (let piece = 0; piece < 3; piece++) response.write(Buffer.alloc(1024 * 1024));
    response.end();
  });
  server = createServer((request, response) => {
    const answer = answers.get(request.url ?? '');
    if (answer === undefined) response.writeHead(404).end('nothing');
    else answer(request, response);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}, 120_000);
afterAll(() => {
  server.closeAllConnections();
  server.close();
  cli.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('testyard run URL', () => {
  it('runs the definition that is there, also behind a redirection, and keeps nothing', async () => {
    const temporary = path.join(folder, 'tmp');
    mkdirSync(temporary);
    const args = [`${at}/a/alone.yaml`, `${at}/moved`, '--param', 'WORD=given'];
    const done = await cli.run(['run', ...args], { TMPDIR: temporary });
    expect(done.err).not.toContain('cannot');
    expect(done.out).toMatch(/2 runs: 2 passed/);
    expect(done.code).toBe(0);
    expect(readdirSync(temporary)).toEqual([]);
  }, 60_000);

  it.each(['lab.tar.gz', 'lab.tar'])(
    'runs what is at a path in %s, with all of it around',
    async (name) => {
      const where = ['--path', 'lab-1.0/net/two/two.yaml'];
      const done = await cli.run(['run', `${at}/${name}`, ...where]);
      expect(done.out).toContain('says two\n');
      expect(done.code).toBe(0);
    },
    60_000,
  );

  it('runs a script as well', async () => {
    const done = await cli.run(['run', `${at}/script.sh`]);
    expect(done.out).toContain('from the web\n');
    expect(done.code).toBe(0);
  }, 60_000);

  it('of an archive takes all tests, or those of a folder', async () => {
    const all = await cli.run(['--json', 'check', `${at}/lab.tar.gz`]);
    const { tests, others } = JSON.parse(all.out);
    expect(tests.map((one: { file: string }) => one.file)).toEqual([
      'lab-1.0/net/one/one.yaml',
      'lab-1.0/net/two/two.yaml',
    ]);
    expect(others).toEqual(['lab-1.0/doc/all.txt', 'lab-1.0/lib/say']);
    const some = await cli.run(['--json', 'check', `${at}/lab.tar.gz`, '--path', 'lab-1.0/net/one/']);
    expect(JSON.parse(some.out).tests).toMatchObject([{ folder: 'lab-1.0/net/one', tree: { files: 4 } }]);
  }, 60_000);

  it.each([
    [['nowhere.yaml'], /nowhere\.yaml: the answer is 404 Not Found/],
    [['no.tar.gz'], /no\.tar\.gz: what is there is no tar archive/],
    [['a/alone.yaml', '--path', 'x'], /what is there is no tar archive, in which --path could be/],
    [['lab.tar.gz', '--path', 'net/one/one.yaml'], /did you mean 'lab-1\.0\/net\/one\/one\.yaml'\?/],
    [['lab.tar.gz', '--path', '../x'], /--path \.\.\/x: it may not have '\.' or '\.\.' in it/],
    [['lab.tar.gz', '--path', 'lab-1.0/doc'], /lab\.tar\.gz: there is no test in lab-1\.0\/doc/],
    [['lab.tar.gz', '--tree', '/tmp'], /--tree is a folder of this machine/],
    [['lab.tar.bz2'], /it is packed in another way than tar, or tar and gzip/],
    [['leads-out.tgz'], /lab-1\.0\/out in it is a link that leads out, to \/etc/],
    [['round'], /it is redirected more than 5 times/],
    [['to-file'], /it is redirected to file:, not http or https/],
  ])(
    '%j is refused in a line',
    async ([first = '', ...args], message) => {
      const done = await cli.run(['run', `${at}/${first}`, ...args]);
      expect(done.err).toMatch(message);
      expect(done.err.trim().split('\n')).toHaveLength(1);
      expect(done.code).toBe(2);
    },
    60_000,
  );

  it('says so where nobody answers, and where a user and password stand in the URL', async () => {
    const nobody = await cli.run(['run', 'http://127.0.0.1:9/x.yaml']);
    expect(nobody.err).toMatch(/127\.0\.0\.1:9\/x\.yaml: .*ECONNREFUSED|bad port/);
    const secret = await cli.run(['run', 'http://me:secret@127.0.0.1/x.yaml']);
    expect(secret.err).toMatch(/leave the user and password out/);
    expect(secret.err).not.toContain('secret@');
  }, 60_000);

  it('waits only so long, and takes only so much', async () => {
    const trees = new PackedTrees();
    const limits = { mostBytes: 1024 * 1024, patienceMs: 500 };
    try {
      await expect(fromUrl(`${at}/slow`, [], trees, limits)).rejects.toThrow('it did not come within 0.5 s');
      const patient = { ...limits, patienceMs: 60_000 };
      for (const large of ['large', 'large-and-silent'])
        await expect(fromUrl(`${at}/${large}`, [], trees, patient)).rejects.toThrow(
          'it has more than 1 MiB, the most that is fetched',
        );
    } finally {
      await trees.remove();
    }
  }, 90_000);
});
