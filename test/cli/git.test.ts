import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GitServer, type Repository } from '../adapters/git-server.js';
import { BuiltCli } from './built-cli.js';

let cli: BuiltCli;
let folder: string;
let server: GitServer;
let repository: Repository;
let first: string;
let second: string;

const script = (body: string) => `#!/bin/sh\n${body}\n`;

beforeAll(async () => {
  cli = new BuiltCli();
  folder = mkdtempSync(path.join(tmpdir(), 'run-git-'));
  server = await GitServer.start();
  repository = server.repository('lab');
  first = repository.commit({
    'net/says.sh': script('echo "from $TESTYARD_SOURCE_URL at $TESTYARD_SOURCE_COMMIT"'),
    'net/lib.txt': 'no test',
  });
  repository.git('tag', 'v1');
  second = repository.commit({ 'net/fails.sh': script('exit 3') });
});
afterAll(() => {
  server.stop();
  cli.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('testyard run --git', () => {
  it('runs the tests of a folder at a tag, which know where they are from', async () => {
    const junit = path.join(folder, 'junit.xml');
    const results = path.join(folder, 'results');
    const args = ['--git', repository.url, '--ref', 'v1', 'net', '--junit', junit, '--results', results];
    const done = await cli.run(['run', ...args]);
    expect(done.out).toContain(`from ${repository.url} at ${first}\n`);
    expect(done.err).toContain('passed over, for they are no tests: net/lib.txt');
    expect(done.code).toBe(0);
    expect(readFileSync(junit, 'utf8')).toContain(
      `<property name="source" value="${repository.url} at ${first}: net/says.sh"/>`,
    );
    const verdict = JSON.parse(readFileSync(path.join(results, 'says/verdict.json'), 'utf8'));
    expect(verdict.source).toEqual({ url: repository.url, commit: first, path: 'net/says.sh' });
  });

  it('without a name takes what the repository does, without a path all of it, and keeps nothing', async () => {
    const temporary = path.join(folder, 'tmp');
    mkdirSync(temporary);
    const done = await cli.run(['run', '--git', repository.url], { TMPDIR: temporary });
    expect(done.out).toMatch(/2 runs: 1 passed, 1 failed/);
    expect(done.out).toContain(`at ${second}`);
    expect(done.code).toBe(1);
    expect(readdirSync(temporary).filter((name) => name.startsWith('testyard-git-'))).toEqual([]);
  });

  it('a folder of this machine is a repository too', async () => {
    const done = await cli.run(['run', '--git', repository.folder, '--ref', first, 'net/says.sh']);
    expect(done.out).toContain(`from file://${repository.folder} at ${first}\n`);
    expect(done.code).toBe(0);
  });

  it.each([
    [['--ref', 'v1', 'x'], /^.*--ref says which branch, tag or commit of a repository: name that with --git/],
    [['--git', 'ext::touch was-run'], /a repository is named by a URL with https:\/\//],
    [['--git', 'URL', '--ref', 'nope'], /has no branch or tag 'nope'/],
    [['--git', 'URL', '../x'], /\.\.\/x: it may not have '\.' or '\.\.' in it/],
    [['--git', 'URL', 'nowhere'], /there is nothing at nowhere \(at [0-9a-f]{12}\)/],
    [['--git', 'URL', 'net/lib.txt'], /net\/lib\.txt is no test: a test begins with #!/],
  ])('%j is refused in a line', async (args, message) => {
    const given = args.map((one) => (one === 'URL' ? repository.url : one));
    const done = await cli.run(['run', ...given]);
    expect(done.err).toMatch(message);
    expect(done.code).toBe(2);
    expect(existsSync('was-run')).toBe(false);
  });

  it('starts handlers that lie beside tests only where they are trusted', async () => {
    const handler = `#!/bin/sh
while IFS= read -r line; do
  id=\${line#*:}; id=\${id%%,*}
  case $line in *case_start*) echo '{"measurement":{"name":"heat","value":21}}' ;; esac
  echo "{\\"done\\":$id}"
done
`;
    const test = script(
      '# testyard: handlers: ./heat.sh\ntestyard-signal case-start a; testyard-case a pass',
    );
    const commit = repository.commit({ 'heat/test.sh': test, 'heat/heat.sh': handler });
    const args = ['run', '--git', repository.url, '--ref', commit, 'heat'];
    const refused = await cli.run(args);
    expect(refused.err).toMatch(
      /heat\/test\.sh: '\.\/heat\.sh' .* would run on this machine.*--trust-handlers/,
    );
    expect(refused.code).toBe(2);
    const results = path.join(folder, 'handled');
    const done = await cli.run([...args, '--trust-handlers', '--results', results]);
    expect(done.out + done.err).toMatch(/passed/);
    expect(done.code).toBe(0);
    expect(readdirSync(results).filter((name) => !name.includes('.'))).toEqual(['test']);
    expect(readFileSync(path.join(results, 'test/events.jsonl'), 'utf8')).toMatch(/"handler":"heat.sh"/);
  });

  it('says so where there is no git', async () => {
    const bin = path.join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, path.join(bin, 'node'));
    const done = await cli.run(['run', '--git', repository.url], { PATH: bin });
    expect(done.err).toContain("the program 'git' is not installed (Debian: apt-get install git)");
    expect(done.code).toBe(2);
  });
});
