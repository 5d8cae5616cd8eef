import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BuiltCli } from './built-cli.js';
import { aRun, GridDouble } from './grid-double.js';

let cli: BuiltCli;
let folder: string;
let grid: GridDouble;
let url: string;
const here = () => ({ TESTYARD_URL: url, TESTYARD_TOKEN: 'ty_mine' });

beforeAll(async () => {
  cli = new BuiltCli();
  folder = await mkdtemp(path.join(tmpdir(), 'cli-'));
  await writeFile(path.join(folder, 'a.sh'), '#!/bin/sh\nexit 0\n');
});
afterAll(async () => {
  cli.remove();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  grid = new GridDouble();
  url = await grid.listen();
});
afterEach(() => grid.close());

describe('submit', () => {
  it('names files and folders of a repository', async () => {
    const repository = ['--git', 'https://git.example.org/lab', '--ref', 'v1'];
    const git = { url: 'https://git.example.org/lab', ref: 'v1' };
    expect(await cli.run(['submit', ...repository, 'net', 'a.sh'], here())).toMatchObject({ code: 0 });
    expect(await cli.run(['submit', ...repository.slice(0, 2)], here())).toMatchObject({ code: 0 });
    expect(grid.asked.map(({ body }) => (body as { tests: unknown }).tests)).toEqual([
      [{ git: { ...git, path: 'net' } }, { git: { ...git, path: 'a.sh' } }],
      [{ git: { url: git.url, path: '.' } }],
    ]);
    const lost = await cli.run(['submit', 'x', '--ref', 'v1'], here());
    expect(lost).toMatchObject({ code: 2, err: expect.stringContaining('name that with --git') });
  });

  it('sends a file as it is, and names of tests', async () => {
    const done = await cli.run(
      [
        'submit',
        path.join(folder, 'a.sh'),
        'smoke',
        '--priority',
        '-5',
        '--variant',
        'A=1,B=2',
        '--variant',
        'A=2',
        '--host',
        'local',
      ],
      here(),
    );
    expect(done).toEqual({ code: 0, out: 's1\n', err: '' });
    expect(grid.asked[0]).toMatchObject({
      method: 'POST',
      path: '/submissions',
      headers: { authorization: 'Bearer ty_mine', 'idempotency-key': expect.stringMatching(/^.{36}$/) },
      body: {
        tests: [
          { file: { name: 'a.sh', content: Buffer.from('#!/bin/sh\nexit 0\n').toString('base64') } },
          { name: 'smoke' },
        ],
        priority: -5,
        variants: [{ A: '1', B: '2' }, { A: '2' }],
        targets: [{ host: 'local' }],
      },
    });
  });

  it('sends all that a submission can say, and leaves unsaid what was not', async () => {
    const done = await cli.run(
      [
        ...['submit', '--label', 'net', '--label', 'ipv6', '--not', 'destructive'],
        ...['--matrix', 'FS=ext4,xfs', '--matrix', 'PAGE=6.10', '--each', 'host', '--host-type', 'rpi4'],
        ...['--artefact', 'kernel=https://example.org/k?a=b', '--artefact', 'initrd=https://example.org/i'],
        ...['--build-id', 'b7', '--wait', '--queue-timeout', '12h'],
      ],
      here(),
    );
    expect(done).toEqual({ code: 0, out: 's1\n', err: '' });
    expect(grid.asked[0]?.body).toEqual({
      tests: [],
      select: { with: ['net', 'ipv6'], without: ['destructive'] },
      matrix: { axes: { FS: ['ext4', 'xfs'], PAGE: ['6.10'] } },
      targets: [{ hostType: 'rpi4', each: 'host' }],
      artefacts: [
        { name: 'kernel', url: 'https://example.org/k?a=b', buildId: 'b7' },
        { name: 'initrd', url: 'https://example.org/i', buildId: 'b7' },
      ],
      wait: true,
      queueTimeoutS: 43_200,
    });
    await cli.run(['submit', 'x', '--each', 'host-type'], here());
    expect(grid.asked[1]?.body).toEqual({ tests: [{ name: 'x' }], targets: [{ each: 'host_type' }] });
  });

  it('uploads what is under test and is a file here, before it submits', async () => {
    const file = path.join(folder, 'kernel.deb');
    const bytes = Buffer.alloc(3_000_000, 'kernel');
    await writeFile(file, bytes);
    const digest = createHash('sha256').update(bytes).digest('hex');
    const what = [
      '--artefact',
      `kernel=${file}`,
      '--artefact',
      'initrd=https://example.org/i',
      '--build-id',
      'b7',
    ];
    // The grid is away for a moment: all of it is sent again.
    grid.trouble.push(503);
    const done = await cli.run(['submit', 'smoke', ...what], here());
    expect(done).toEqual({ code: 0, out: 's1\n', err: '' });
    expect(grid.asked.map(({ method, path: at }) => `${method} ${at}`)).toEqual([
      'POST /blobs',
      'POST /blobs',
      'POST /submissions',
    ]);
    expect(grid.asked[1]).toMatchObject({ query: { digest }, headers: { 'content-length': '3000000' } });
    expect(bytes.equals(grid.asked[1]?.body as Buffer)).toBe(true);
    expect(grid.asked[2]?.body).toMatchObject({
      artefacts: [
        { name: 'kernel', blob: digest, buildId: 'b7' },
        { name: 'initrd', url: 'https://example.org/i', buildId: 'b7' },
      ],
    });
    await cli.run(['submit', 'smoke', ...what, '--dry-run'], here());
    expect(grid.asked.slice(3).map(({ path: at }) => at)).toEqual(['/submissions']);
    for (const wrong of [`kernel=${folder}/none`, `kernel=${folder}`, 'kernel=none'])
      expect(await cli.run(['submit', 'smoke', '--artefact', wrong], here())).toMatchObject({
        code: 2,
        err: expect.stringMatching(/there is no file .*none|is no file|'kernel=none' is not name=url/),
      });
    expect(grid.asked).toHaveLength(4);
  });

  it('--dry-run says what it would come to, and which runs could never be', async () => {
    const done = await cli.run(['submit', 'fs', 'rover', '--dry-run'], here());
    expect(grid.asked[0]?.body).toMatchObject({ dryRun: true });
    expect(done).toEqual({
      code: 0,
      out: [
        '5 runs would be made; nothing was submitted',
        '  fs     4 runs  4 variants',
        '  rover  1 run',
        'rover: 1 run not compatible: no host of this grid can serve it: mars is not there',
        'left out for fs: two, three and 3 more: gpu is not there',
        '',
      ].join('\n'),
      err: '',
    });
    const json = await cli.run(['--json', 'submit', 'fs', '--dry-run'], here());
    expect(JSON.parse(json.out)).toMatchObject({ runs: 5 });
  });

  it.each([
    [['--build-id', 'b7'], '--build-id says of which build the artefacts are: name them with --artefact'],
    [['--each', 'host', '--host', 'a'], '--each and --host exclude each other'],
    [['--each', 'host-type', '--host-type', 'a'], '--each host-type is all types already'],
    [['--each', 'pool'], "It is 'host' or 'host-type'."],
    [['--matrix', 'FS'], "'FS' is not NAME=value,value."],
    [['--matrix', 'FS=a', '--matrix', 'FS=b'], "'FS' is there twice."],
    [['--artefact', 'kernel'], "'kernel' is not name=url, nor name= and a file that is there."],
  ])('refuses what makes no sense: %j', async (options, message) => {
    const done = await cli.run(['submit', 'x', ...options], here());
    expect(done).toMatchObject({ code: 2, out: '', err: expect.stringContaining(message) });
    expect(grid.asked).toEqual([]);
  });

  it('without any test says how to name one', async () => {
    expect(await cli.run(['submit'], here())).toMatchObject({
      code: 2,
      err: 'testyard: name tests, or select some of the inventory with --label or --not\n',
    });
  });

  it.each([
    [{ passed: 2 }, 0],
    [{ passed: 1, skipped: 1 }, 0],
    [{ passed: 1, failed: 1, none: 1 }, 1],
    [{ passed: 1, none: 1 }, 3],
    [{ passed: 1, held: 1 }, 3],
    [{ failed: 1, held: 1 }, 1],
  ] as const)('--watch ends when every run is done or held: %j exits %i', async (outcomes, code) => {
    let next = 1;
    const wanted = Object.entries(outcomes).flatMap(([word, count]) => Array(count).fill(word));
    for (const _ of wanted) grid.runs.set(`r${next}`, aRun(`r${next++}`));
    const watching = cli.start(['submit', 'x', '--watch'], here());
    await grid.wasAsked(({ path: asked }) => asked === '/runs');
    wanted.forEach((word, index) => {
      if (word === 'held') grid.change(`r${index + 1}`, { state: 'held', reason: 'because', incident: 'i1' });
      else grid.change(`r${index + 1}`, { state: 'done', verdict: word, reason: 'because' });
    });
    const done = await watching.ended;
    expect(done.code, done.err).toBe(code);
    for (const [index, word] of wanted.entries())
      expect(done.out).toMatch(
        new RegExp(`r${index + 1} +test-r${index + 1} +${word === 'none' ? 'no verdict' : word} +because`),
      );
  });

  it('--watch waits for a submission that is not unfolded yet', async () => {
    grid.unfolded = false;
    const watching = cli.start(['submit', 'x', '--watch'], here());
    await grid.wasAsked(({ path: asked }) => asked === '/runs');
    grid.unfolded = true;
    grid.change('r1', { state: 'done', verdict: 'passed', reason: 'exit 0' });
    expect(await watching.ended).toMatchObject({ code: 0 });
  });

  it('--watch outlives a break of every connection', async () => {
    grid.runs.set('r1', aRun('r1'));
    const watching = cli.start(['submit', 'x', '--watch'], here());
    await grid.wasAsked(({ path: asked }) => asked === '/events');
    await grid.wasAsked(({ path: asked }) => asked === '/runs');
    const { port } = new URL(url);
    await grid.close();
    await watching.printed(/trying again/);
    const second = new GridDouble();
    second.runs.set('r1', aRun('r1', { state: 'done', verdict: 'failed', reason: 'exit 1' }));
    await second.listen(Number(port));
    const done = await watching.ended;
    await second.close();
    expect(done.code).toBe(1);
    expect(done.out).toContain('exit 1');
  });

  it('is sent again with the same key where the connection breaks, and when the grid is busy', async () => {
    grid.trouble.push(503, 'cut');
    expect(await cli.run(['submit', 'x'], here())).toMatchObject({ code: 0 });
    const keys = grid.asked.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  it('shows where in which file a mistake is', async () => {
    grid.trouble.push({
      ...{
        type: '/problems/unprocessable',
        title: 'Unprocessable',
        status: 422,
        detail: 'a test is not right',
      },
      errors: [{ where: 'tests.1.file', message: "unknown tag 'rot'", line: 2, column: 23 }],
    });
    const file = path.join(folder, 'a.sh');
    const done = await cli.run(['submit', 'smoke', file], here());
    expect(done).toEqual({
      code: 2,
      out: '',
      err: `testyard: a test is not right\n  ${file}:2:23: unknown tag 'rot'\n`,
    });
  });

  it('takes no name that looks like a file which is not there', async () => {
    expect(await cli.run(['submit', './b.sh'], here())).toMatchObject({
      code: 2,
      err: 'testyard: there is no file ./b.sh\n',
    });
    expect(grid.asked).toEqual([]);
  });

  it('--json prints one document, and with --watch lines', async () => {
    grid.runs.set('r1', aRun('r1', { state: 'done', verdict: 'passed' }));
    expect(JSON.parse((await cli.run(['submit', 'x', '--json'], here())).out)).toMatchObject({ id: 's1' });
    const { out } = await cli.run(['submit', 'x', '--json', '--watch'], here());
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ id: 'r1', verdict: 'passed' }]);
  });
});

describe('what is asked', () => {
  it('runs pages through what there is, up to the limit', async () => {
    for (let i = 1; i <= 5; i++) grid.runs.set(`r${i}`, aRun(`r${i}`));
    const { out } = await cli.run(['runs', '--limit', '3', '--json'], here());
    expect(JSON.parse(out).map((run: { id: string }) => run.id)).toEqual(['r5', 'r4', 'r3']);
  });

  it('show and attachments tell what a run left, and fetch it', async () => {
    const bytes = Buffer.from([0, 1, 2, 255]);
    const digest = createHash('sha256').update(bytes).digest('hex');
    grid.files.set(digest, bytes);
    const of = { mediaType: 'text/csv', digest, bytes: 4 };
    grid.attachments = [
      { name: 'power.csv', case: 'boot', handler: 'power', ...of },
      { name: '../../power.csv', ...of },
    ];
    grid.measured = [
      { handler: 'power', name: 'power mean', case: 'boot', raw: '12.5', value: 12.5, unit: 'W' },
      { handler: 'duration', name: 'duration', raw: '3', value: 3, unit: 's' },
    ];
    grid.runs.set('r1', aRun('r1', { state: 'done', verdict: 'passed', attempts: 1 }));
    grid.runs.set('r2', aRun('r2'));
    const shown = (await cli.run(['show', 'r1'], here())).out;
    expect(shown).toMatch(/^ {2}measured +boot +power mean by power +12.5 W$/m);
    expect(shown).toMatch(/^ {2}measured +the run +duration by duration +3 s$/m);
    expect(shown).toMatch(/^ {2}left +power.csv +4 B +text\/csv +of case boot, by power$/m);
    expect(shown).toMatch(/^its files: testyard attachments r1 --to FOLDER$/m);
    const listed = await cli.run(['attachments', 'r1'], here());
    expect(listed.out).toMatch(/^a1\/1-power.csv .*\na1\/2-.._.._power.csv .* of the run\n$/);
    const to = path.join(folder, 'left');
    const fetched = await cli.run(['attachments', 'r1', '--to', to, '--json'], here());
    const files = JSON.parse(fetched.out).map(({ file }: { file: string }) => file);
    expect(files).toEqual([path.join(to, 'a1/1-power.csv'), path.join(to, 'a1/2-.._.._power.csv')]);
    expect(await Promise.all(files.map((file: string) => readFile(file)))).toEqual([bytes, bytes]);
    const again = await cli.run(['attachments', 'r1', '--to', to], here());
    expect(again).toMatchObject({ code: 2, err: expect.stringContaining('it is there already') });
    grid.files.set(digest, Buffer.from('other'));
    const damaged = await cli.run(['attachments', 'r1', '--to', `${to}2`], here());
    expect(damaged).toMatchObject({ code: 2, err: expect.stringContaining('power.csv came damaged') });
    expect((await cli.run(['attachments', 'r2'], here())).err).toBe('r2 left no files\n');
    expect((await cli.run(['attachments', 's1'], here())).err).toContain("'s1' is no run");
  });

  it('show, hosts and status tell people', async () => {
    grid.runs.set(
      'r1',
      aRun('r1', { state: 'done', verdict: 'none', noVerdict: 'not_compatible', reason: 'no host has x' }),
    );
    expect((await cli.run(['show', 'r1'], here())).out).toMatch(
      /^r1 test-r1: not compatible\nwhy +no host has x\n/,
    );
    expect((await cli.run(['show', 's1'], here())).out).toMatch(/^s1 by me, .* ago: 1 runs, 1 none\n/);
    expect((await cli.run(['show', 'h1'], here())).out).toMatch(/^local \(h1\), pc, in pool default\n/);
    expect((await cli.run(['hosts'], here())).out).toMatch(/local +pc +idle +good +0\/2 +linux\n/);
    const status = (await cli.run(['status'], here())).out;
    expect(status).toMatch(/^online, as of .* ago: new grid \(admin\); testyard 0.1.0\n/);
    expect(status).toMatch(/^pool north +halted: more than 1 of 9 hosts would be quarantined$/m);
  });

  it('logs prints bytes as they are in a pipe', async () => {
    grid.runs.set('r1', aRun('r1', { state: 'done', verdict: 'passed', attempts: 1 }));
    grid.log = Buffer.from('\x1b]0;title\x07hello');
    expect((await cli.run(['logs', 'r1'], here())).out).toBe('\x1b]0;title\x07hello');
  });

  it('logs -f goes on after a break where it was, and ends with the run', async () => {
    grid.runs.set('r1', aRun('r1', { state: 'running', attempts: 1 }));
    grid.logEnds = false;
    grid.log = Buffer.from('one\n');
    const following = cli.start(['logs', 'r1', '-f'], here());
    await following.printed(/one/);
    grid.cutStreams();
    await grid.wasAsked(({ path: asked, query }) => asked.endsWith('/log') && query['from'] === '4');
    grid.runs.set('r1', aRun('r1', { state: 'done', verdict: 'passed', reason: 'exit 0', attempts: 1 }));
    grid.print('two\n', true);
    expect(await following.ended).toEqual({ code: 0, out: 'one\ntwo\n', err: 'r1 passed: exit 0\n' });
  });

  it('halt needs a reason; token create prints the secret alone', async () => {
    expect(await cli.run(['halt'], here())).toMatchObject({ code: 2, err: expect.stringContaining('--why') });
    expect((await cli.run(['halt', '--why', 'power cut'], here())).out).toContain('the grid is halted');
    const done = await cli.run(
      ['token', 'create', 'ci', '--role', 'default=submitter', '--expires', '90d'],
      here(),
    );
    expect(done.out).toBe('ty_secret\n');
    expect(grid.asked.at(-1)?.body).toEqual({
      ...{ name: 'ci', kind: 'person', roles: { default: 'submitter' }, expiresInS: 7_776_000 },
    });
  });
});

describe('what goes wrong', () => {
  it('no grid known: what to type', async () => {
    const done = await cli.run(['status']);
    expect(done.code).toBe(3);
    expect(done.err).toBe(
      "testyard: no grid is known here\nStart one with 'testyard up', or name one with --url or TESTYARD_URL.\n",
    );
  });

  it('a grid that does not answer: said at once', async () => {
    await grid.close();
    const done = await cli.run(['status'], here());
    expect(done.code).toBe(3);
    expect(done.err).toContain(`${url} does not answer: nothing listens there\n`);
    await grid.listen();
  });

  it('the grid of this machine is found by its state folder, and its token goes nowhere else', async () => {
    await writeFile(path.join(folder, 'url'), `${url}\n`);
    await writeFile(path.join(folder, 'admin-token'), 'ty_admin\n');
    expect(await cli.run(['status'], { TESTYARD_STATE: folder })).toMatchObject({ code: 0 });
    expect(grid.asked[0]?.headers.authorization).toBe('Bearer ty_admin');
    await cli.run(['status'], { TESTYARD_STATE: folder, TESTYARD_URL: url });
    expect(grid.asked[1]?.headers.authorization).toBeUndefined();
  });

  it.each([
    [['--nonsense']],
    [['submitt', 'x']],
    [['submit']],
    [['runs', '--limit', 'many']],
    [['show', 'x12']],
    [['submit', 'x', '--variant', 'nonsense']],
    [['token', 'create', 'x', '--executor', '--admin']],
    [['--url', 'nonsense', 'status']],
  ])('wrong usage exits 2: %j', async (args) => {
    expect(await cli.run(args, here())).toMatchObject({ code: 2, out: '' });
  });

  it('--version and --help are no mistakes', async () => {
    expect(await cli.run(['--version'])).toEqual({ code: 0, out: '0.1.0\n', err: '' });
    expect(await cli.run(['submit', '--help'])).toMatchObject({ code: 0, err: '' });
  });

  it('nothing in a pipe is coloured', async () => {
    grid.runs.set('r1', aRun('r1', { state: 'done', verdict: 'failed', reason: 'a\x1b[31mb' }));
    const { out } = await cli.run(['runs'], { ...here(), TERM: 'xterm' });
    expect(out).not.toContain('\x1b');
  });
});
