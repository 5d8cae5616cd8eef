import { afterEach, describe, expect, it } from 'vitest';
import { LocalShell } from '../../src/adapters/local.js';
import type { LavaDefinition } from '../../src/domain/lava/definition.js';
import type { TestSpec } from '../../src/domain/test.js';
import { Executor } from '../../src/executor/executor.js';
import { LineMatcher } from '../../src/executor/line-matcher.js';
import { Images, type RestoreResult } from '../../src/ports/images.js';
import { assignmentOf, FakeGrid } from './fake-grid.js';

class NoImages extends Images {
  async restore(): Promise<RestoreResult> {
    return { ok: true };
  }
}

const CASE = '<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=printed RESULT=pass>';

describe('signals', () => {
  const running: Executor[] = [];
  afterEach(async () => {
    for (const executor of running.splice(0)) await executor.stop();
  });

  const run = async (script: string, test: Partial<TestSpec> = {}) => {
    const grid = new FakeGrid();
    const shell = new LocalShell({ masked: [] });
    const executor = new Executor({ link: grid, images: new NoImages(), name: 'x', capacity: 1, shell });
    running.push(executor);
    await executor.start();
    const host = {
      ...{ id: `4${process.pid}`, name: 'here', expendable: [] },
      transport: { kind: 'local', network: false },
    } as const;
    const heard = grid.give(assignmentOf(script, host, test));
    const { end } = await heard.ended;
    const cases = heard.events.flatMap((event) => (event.kind === 'case' ? [event] : []));
    const attachments = heard.events.flatMap((event) => (event.kind === 'attachment' ? [event] : []));
    return { end, cases, attachments, text: heard.output.toString(), grid };
  };
  const lava = (steps: readonly string[], says: Partial<LavaDefinition> = {}): Partial<TestSpec> => ({
    lava: { name: 'x', params: {}, deps: [], installSteps: [], steps, folder: '', ...says },
  });
  const passed = { outcome: { kind: 'ended', exit: { kind: 'exited', code: 0 } } };

  it("in LAVA's spelling are output like any other in a test that is no LAVA definition", async () => {
    const script = `echo "${CASE}"; echo "<LAVA_SIGNAL_TESTRAISE no>"; command -v lava-test-case; testyard-case own pass`;
    const { end, cases, text } = await run(script);
    expect(end).toMatchObject(passed);
    expect(text).toBe(`${CASE}\n<LAVA_SIGNAL_TESTRAISE no>\n`);
    expect(cases.map(({ name }) => name)).toEqual(['own']);
  });

  it('count while the steps of a definition run, not in its set-up, nor after the end', async () => {
    const say = `echo "${CASE}"; echo "t: ok"`;
    const { end, cases, text } = await run('', {
      ...lava([`(sleep 600; ${say}) & lava-test-case one --result pass`], {
        installSteps: [say, 'lava-test-case early --result pass || true'],
        parse: { pattern: '^(?P<test_case_id>t): (?P<result>ok)$', fixups: { ok: 'pass' } },
      }),
      teardown: `${say}; lava-test-case late --result pass || true`,
    });
    expect(end).toMatchObject(passed);
    expect(text.split(CASE)).toHaveLength(3);
    expect(cases.map(({ name }) => name)).toEqual(['one']);
  });

  it('of a definition cannot be replayed from another attempt', async () => {
    const mark = Buffer.from('\0lava-case\0old\0pass\0\0\0').toString('base64');
    const { end, cases, text } = await run('', lava([`echo "TY-0123456789abcdef-m:${mark}"`]));
    expect(end).toMatchObject(passed);
    expect(text).toBe(`TY-0123456789abcdef-m:${mark}\n`);
    expect(cases).toEqual([]);
  });

  it('raise an error once, printed or called, and by that no other test of the host', async () => {
    const printed = await run('', lava(['echo "<LAVA_SIGNAL_TESTRAISE no board>"', 'echo on']));
    expect(printed.cases).toMatchObject([
      { name: 'lava-test-raise', result: 'unknown', message: 'no board' },
    ]);
    expect(printed.text).toContain('on\n');
    const called = await run('', lava(['lava-test-raise "a b  c"; echo on']));
    expect(called.text).not.toContain('on\n');
    expect(called.cases).toMatchObject([{ name: 'lava-test-raise', result: 'unknown', message: 'a b  c' }]);
    expect(called.end).toMatchObject({ outcome: { exit: { code: 99 } } });
    const after = await run('', lava(['echo on']));
    expect(after.end).toMatchObject(passed);
  });

  it('of more than 10,000 cases are not recorded, which is no pass, and the test goes on', async () => {
    const steps = [
      `i=0; while [ $i -lt 10010 ]; do echo "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=c$i RESULT=pass>"; i=$((i+1)); done`,
      'lava-test-case more --result fail; testyard-case more fail || echo refused',
    ];
    const { end, cases, text } = await run('', lava(steps));
    expect(end).toMatchObject(passed);
    expect(cases).toHaveLength(10_001);
    expect(cases.at(-2)?.name).toBe('c9999');
    expect(cases.at(-1)).toMatchObject({
      ...{ name: 'cases left out', result: 'fail' },
      message: '11 cases are not recorded, a failed one among them: more (more than 10000 cases)',
    });
    expect(text).toContain('testyard-case: not recorded: more than 10000 cases\nrefused\n');
  }, 60_000);

  it('of names, results and units without end are cut or refused, and nothing is lost beside them', async () => {
    const long = 'n'.repeat(3000);
    const { end, cases } = await run(
      '',
      lava([
        `lava-test-case ${long} --result pass`,
        `echo x >f; lava-test-case ${long} --result skip --output f`,
        `lava-test-case a --result ${long}`,
        `lava-test-case b --result pass --measurement ${long} --units ${long}`,
        `echo "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=${long} RESULT=fail>"`,
        'lava-test-case c --result pass',
      ]),
    );
    expect(end).toMatchObject(passed);
    const names = cases.map(({ name, result }) => [name.length, result]);
    expect(names).toEqual([
      [500, 'pass'],
      [500, 'skip'],
      [1, 'unknown'],
      [1, 'pass'],
      [500, 'fail'],
      [1, 'pass'],
    ]);
  });

  it('of more than 100 files, or more than 64 MiB of them, are refused or said', async () => {
    const many = await run('echo x >f; for i in $(seq 101); do testyard-attach f || echo refused $i; done');
    expect(many.end).toMatchObject(passed);
    expect(many.text).toBe('testyard-attach: not attached: more than 100 files\nrefused 101\n');
    expect(many.attachments).toHaveLength(100);
    const large = await run(
      'head -c 8388608 /dev/zero >f; for i in 1 2 3 4 5 6 7 8 9; do testyard-attach f; done',
    );
    expect(large.end).toMatchObject(passed);
    expect(large.attachments.map(({ name }) => name)).toEqual([
      ...Array.from({ length: 8 }, () => 'f'),
      'f.missing.txt',
    ]);
  }, 120_000);

  it('a pattern that is slow on every line is given up, and holds up nothing else', async () => {
    const began = performance.now();
    const { end, cases } = await run(
      '',
      lava([`for i in $(seq 2000); do echo ${'a'.repeat(22)}!; done; echo "t ok"`], {
        parse: { pattern: '^(a+)+$|^(?P<test_case_id>\\w+) (?P<result>ok)$', fixups: { ok: 'pass' } },
      }),
    );
    expect(end).toMatchObject(passed);
    expect(cases).toMatchObject([{ name: 'parse', result: 'unknown', message: /given up/ }]);
    expect(performance.now() - began).toBeLessThan(40_000);
  }, 240_000);

  it('a pattern that is a little slow on every line is given up too', () => {
    const matcher = new LineMatcher('^(a+)+$|^(?<test_case_id>t) ok$', '');
    const lines = Array.from({ length: 10_000 }, () => `${'a'.repeat(17)}!`);
    const began = performance.now();
    for (let from = 0; from < lines.length; from += 10) matcher.match(lines.slice(from, from + 10));
    expect(matcher.hasGivenUp).toBe(true);
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(new LineMatcher('^(?<name>t) ok$', '').match(['t ok', 'no'])).toMatchObject([
      { name: 't' },
      undefined,
    ]);
  }, 60_000);
});
