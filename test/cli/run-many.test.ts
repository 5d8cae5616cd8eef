import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BuiltCli } from './built-cli.js';

let cli: BuiltCli;
let folder: string;
beforeAll(() => {
  cli = new BuiltCli();
  folder = mkdtempSync(path.join(tmpdir(), 'run-many-'));
});
afterAll(() => {
  cli.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** A folder with these files, and the path of it. */
function tree(name: string, files: Readonly<Record<string, string>>): string {
  const root = path.join(folder, name);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
  return root;
}

const script = (body: string, header = '') => `#!/bin/sh\n${header}\n${body}\n`;
const lastOf = (text: string) => text.trim().split('\n').at(-1);

describe('testyard run takes many tests', () => {
  it('every test of a folder and the folders in it, in order, and tells them in a line at the end', async () => {
    const root = tree('mixed', {
      'b.sh': script('exit 0'),
      'a/z.sh': script('exit 3'),
      'a/skips': script('exit 77'),
      'c.yaml': 'testyard: 1\nrun: exit 99\n',
      'notes.txt': 'exit 1\n',
      'pipeline.yaml': 'stages: [build]\n',
      'lib.sh': 'helper() { :; }\n',
      '.git/hooks/x': script('exit 1'),
      'README.md': '#!/bin/false\n',
    });
    symlinkSync(root, path.join(root, 'a/loop'));
    const done = await cli.run(['run', root]);
    expect(done.out.match(/^--- .*/gm)).toEqual(['--- 1/4 skips', '--- 2/4 z', '--- 3/4 b', '--- 4/4 c']);
    expect(lastOf(done.out)).toMatch(/^4 runs: 1 passed, 1 failed, 1 skipped, 1 could not run \(/);
    expect(done.out).toMatch(/\n\nfailed z: exit 3\ncould not run c: /);
    expect(done.err).toMatch(/passed over, for they are no tests: .*lib\.sh, .*notes\.txt, .*pipeline\.yaml/);
    expect(done.code).toBe(1);
  });

  it('exits 3 where one has no verdict and none is red, and 0 where all passed or skipped', async () => {
    const root = tree('exits', {
      'a.sh': script('exit 0'),
      'b.sh': script('exit 77'),
      'c/c.sh': script('exit 99'),
    });
    expect((await cli.run(['run', root])).code).toBe(3);
    expect((await cli.run(['run', path.join(root, 'a.sh'), path.join(root, 'b.sh')])).code).toBe(0);
  });

  it('refuses all that is wrong at once, before anything is run', async () => {
    const root = tree('wrong', {
      'a.sh': script('echo ran'),
      'b.sh': script('', '# testyard: timeout: 5'),
      'c.yaml': 'testyard: 2\n',
    });
    const done = await cli.run(['run', root]);
    expect(done).toMatchObject({ code: 2, out: '' });
    expect(done.err).toMatch(/b\.sh:2:22: '5' is no duration[\s\S]*c\.yaml:1:11: version '2'/);
    expect((await cli.run(['run', tree('empty', { 'x.txt': 'x' })])).err).toMatch(
      /there is no test in .*empty/,
    );
    expect(await cli.run(['run'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/name a test file or a folder/),
    });
  });

  it('selects by label as a grid does', async () => {
    const root = tree('labels', {
      'a.sh': script('exit 0', '# testyard: labels: net, slow'),
      'b.sh': script('exit 0', '# testyard: labels: net'),
      'c.sh': script('exit 0'),
    });
    const done = await cli.run(['run', root, '--label', 'net', '--not', 'slow']);
    expect(done.out).toMatch(/^passed b: exit 0/);
    const none = await cli.run(['run', root, '--label', 'nett']);
    expect(none).toMatchObject({ code: 2, out: '' });
    expect(none.err).toContain('--label nett leaves none of 3 tests\nTheir labels: net, slow.');
  });

  it('unfolds a matrix and variants as a grid does, and says so without running anything', async () => {
    const root = tree('matrix', {
      'm.yaml':
        'testyard: 1\nrun: echo "$FS-$PAGE"\nmatrix:\n  axes: {FS: [ext4, xfs], PAGE: [4k, 64k]}\n  exclude: [{FS: xfs, PAGE: 64k}]\n',
    });
    const dry = await cli.run(['run', root, '--dry-run']);
    expect(dry.out).toMatch(
      /^3 runs would be made on this machine; nothing was run\n {2}m \[FS=ext4 PAGE=4k\] /,
    );
    const done = await cli.run(['run', root, '--variant', 'PAGE=16k']);
    expect(done.out.match(/^(ext4|xfs).*/gm)).toEqual(['ext4-16k', 'xfs-16k']);
    const bad = await cli.run(['run', root, '--variant', 'TESTYARD_RUN=1']);
    expect(bad).toMatchObject({
      code: 2,
      err: expect.stringContaining("'TESTYARD_RUN' is no name for a variable"),
    });
  });

  it('ends all of them on Ctrl-C, and still reports', async () => {
    const root = tree('endless', {
      'a.sh': script('exit 0'),
      'b.sh': script('echo begun; sleep 600'),
      'c.sh': script('echo never'),
    });
    const junit = path.join(folder, 'endless.xml');
    const running = cli.start(['run', root, '--junit', junit]);
    await running.printed(/begun/);
    running.child.kill('SIGINT');
    const done = await running.ended;
    expect(done.out).toMatch(/^cancelled c: not started: stopped by Ctrl-C$/m);
    expect(done.out).not.toContain('never');
    expect(lastOf(done.out)).toMatch(/^3 runs: 1 passed, 2 cancelled \(/);
    expect(done.code).toBe(3);
    expect(
      new XMLParser({ ignoreAttributes: false }).parse(readFileSync(junit, 'utf8')).testsuites['@_tests'],
    ).toBe('3');
  });
});

describe('testyard run keeps what came of it', () => {
  it('as JUnit XML and TAP', async () => {
    const root = tree('reports', {
      'a.sh': script('testyard-case one pass'),
      'b.sh': script('exit 1'),
      'c.sh': script('exit 99'),
    });
    const [junit, tap] = [path.join(folder, 'r.xml'), path.join(folder, 'r.tap')];
    expect((await cli.run(['run', root, '--junit', junit, '--tap', tap])).code).toBe(1);
    const suites = new XMLParser({ ignoreAttributes: false }).parse(readFileSync(junit, 'utf8')).testsuites;
    expect(suites).toMatchObject({ '@_tests': '4', '@_failures': '1', '@_errors': '1' });
    expect(readFileSync(tap, 'utf8')).toMatch(
      / {4}ok 1 - one\nok 1 - a\n[\s\S]*^not ok 2 - b$[\s\S]*^ok 3 - c # SKIP no verdict: /m,
    );
    const nowhere = await cli.run(['run', root, '--junit', path.join(folder, 'no/such/r.xml')]);
    expect(nowhere).toMatchObject({ code: 2, out: '' });
  });

  it('as a folder for each run, and never in place of an earlier one', async () => {
    const root = tree('kept', {
      'a.yaml': 'testyard: 1\nname: ..evil\nrun: exit 0\n'.replace('..evil', 'a'),
      'b.sh': script("printf 'one\\377'; testyard-case c fail; exit 0", '# testyard: requires: linux'),
      'c.sh': script('exit 0', '# testyard: requires: no-such-thing'),
    });
    const results = path.join(folder, 'results');
    const done = await cli.run(['run', root, '--results', results, '--variant', 'P=../../../x']);
    expect(done.code, done.out + done.err).toBe(1);
    const names = readdirSync(results).sort();
    expect(names).toHaveLength(3);
    for (const name of names) expect(name).toMatch(/^[abc]_P=[A-Za-z0-9._-]+$/);
    const of = (file: string) => readFileSync(path.join(results, names[1] ?? '', file));
    expect(of('log')).toEqual(Buffer.from('one\xff', 'latin1'));
    expect(JSON.parse(of('verdict.json').toString())).toMatchObject({
      test: 'b',
      verdict: 'failed',
      variant: { P: '../../../x' },
    });
    expect(JSON.parse(of('cases.json').toString())).toEqual([{ name: 'c', result: 'fail', message: '' }]);
    const events = of('events.jsonl')
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events[0].kind).toBe('begun');
    expect(events.at(-1).kind).toBe('ended');
    expect(events.find(({ kind }) => kind === 'verified').tags).toEqual([
      { tag: 'linux', presence: 'present', source: 'look' },
    ]);
    const environment = JSON.parse(of('environment.json').toString());
    const words = readFileSync('/proc/cmdline', 'utf8').trim().split(/ +/);
    expect(Object.keys(environment.parts['command-line']).sort()).toEqual(
      [...new Set(words.map((word) => word.replace(/=.*/, '')))].sort(),
    );
    expect(environment.parts.system.kernel).toBe(readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim());
    expect(environment.parts.sysctls['kernel/panic']).toBe(
      readFileSync('/proc/sys/kernel/panic', 'utf8').trim(),
    );
    expect(readdirSync(path.join(results, names[2] ?? '')).sort()).toEqual([
      'cases.json',
      'events.jsonl',
      'log',
      'verdict.json',
    ]);

    const again = await cli.run([
      'run',
      path.join(root, 'b.sh'),
      '--results',
      results,
      '--variant',
      'P=../../../x',
    ]);
    expect(again.err).toContain('holds an earlier result; this one is in');
    expect(readdirSync(results)).toHaveLength(4);
    expect(of('log')).toEqual(Buffer.from('one\xff', 'latin1'));
  });
});

describe('testyard run says what is lacking', () => {
  it('clause by clause, with what would serve', async () => {
    const root = tree('lacks', {
      'a.sh': script('exit 0', '# testyard: requires: kernel >= 99, cmd:no-such-program, cmd:sh, linux'),
    });
    const done = await cli.run(['run', root]);
    const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
    expect(done.out).toMatch(/^not compatible a: cmd:no-such-program is not there; kernel is /);
    expect(done.out).toContain(`kernel is ${kernel}, needs >= 99.0.0\n`);
    expect(done.out).toMatch(/^ {2}cmd:no-such-program {2}.*; install the program 'no-such-program'/m);
    expect(done.out).not.toMatch(/cmd:sh|linux /);
    expect(done.code).toBe(3);
  });
});

describe('what a test prints is read as TAP where it says so', () => {
  const tap = (name: string, body: string, output = 'tap') =>
    tree('tap', { [`${name}.sh`]: script(body, `# testyard: output: ${output}`) });
  const ran = async (name: string, body: string, output?: string) =>
    cli.run(['run', path.join(tap(name, body, output), `${name}.sh`)]);

  it.each([
    [
      'good',
      "printf '1..2\\nok 1 - one\\nok 2 - two # SKIP no card'",
      0,
      /^pass {2}one\nskip {2}two: no card\npassed good: exit 0/m,
    ],
    [
      'red',
      "printf '1..2\\nok 1 - one\\nnot ok 2 - two\\n'",
      1,
      /^failed red: failed cases: two \(exit 0\)/m,
    ],
    ['exit', "printf '1..1\\nok 1 - one\\n'; exit 1", 1, /^failed exit: exit 1/m],
    [
      'short',
      "printf '1..3\\nok 1 - one\\n'",
      3,
      /^tested nothing short: exit 0, but it planned 3 cases and printed 1/m,
    ],
    ['silent', 'echo all is well', 3, /^tested nothing silent: exit 0, but it printed no case/m],
    ['none', "echo '1..0 # SKIP no such card'", 0, /^skipped none: .*no such card/m],
    ['bails', "echo 'Bail out! no disk'", 1, /^fail {2}Bail out!: no disk\nfailed bails/m],
    [
      'killed',
      "printf 'not ok 1 - one\\n'; kill -9 $$",
      1,
      /^fail {2}one\nfailed killed: failed cases: one \(killed by SIGKILL\)/m,
    ],
    ['helped', "echo 'ok 1 - one'; testyard-case two pass; echo 1..1", 0, /passed helped/],
  ] as const)('%s', async (name, body, code, said) => {
    const done = await ran(name, body);
    expect(done.out, done.err).toMatch(said);
    expect(done.code).toBe(code);
  });

  it('KTAP behind time stamps', async () => {
    const done = await ran(
      'kunit',
      "printf '[    1.000001] KTAP version 1\\n[    1.0] 1..1\\n[    1.0]   1..1\\n[    1.0]   not ok 1 inner\\n[    1.0] ok 1 outer\\n'",
      'ktap',
    );
    expect(done.out).toMatch(/^fail {2}outer \/ inner\npass {2}outer\nfailed kunit/m);
  });

  it('and nowhere else: not in other tests, not in a setup', async () => {
    const root = tree('untold', {
      'a.sh': script("echo 'not ok 1 - one'"),
      'b.yaml':
        "testyard: 1\noutput: tap\nsetup: echo 'not ok 1 - early'\nrun: printf '1..1\\nok 1 - one\\n'\nteardown: echo 'not ok 2 - late'\n",
    });
    const done = await cli.run(['run', root]);
    expect(done.out).toMatch(/2 runs: 2 passed/);
    expect(done.out).not.toMatch(/^fail /m);
  });

  it('and too many are counted, a red one among them for red', async () => {
    const done = await ran(
      'many',
      'i=0; while [ $i -lt 10001 ]; do i=$((i+1)); echo "ok $i - x"; done; echo \'not ok 10002 - y\'',
    );
    expect(done.out).toMatch(
      /^fail {2}the rest: 2 more cases, 1 of them failed\nfailed many: failed cases: the rest/m,
    );
  });
});
