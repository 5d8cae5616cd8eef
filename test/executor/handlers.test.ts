import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readHandlerList } from '../../src/adapters/handler-list.js';
import { LocalShell } from '../../src/adapters/local.js';
import { ProcessHandlers } from '../../src/adapters/process-handlers.js';
import { Executor } from '../../src/executor/executor.js';
import { Images, type RestoreResult } from '../../src/ports/images.js';
import type { Assignment, AttemptEvent, PlacePlan } from '../../src/protocol/messages.js';
import { assignmentOf, FakeGrid } from './fake-grid.js';

class NoImages extends Images {
  async restore(): Promise<RestoreResult> {
    return { ok: true };
  }
}

type Of<Kind extends AttemptEvent['kind']> = Extract<AttemptEvent, { readonly kind: Kind }>;

/** Of every process of this machine. */
function commandLines(): readonly string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      return /^[0-9]+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')] : [];
    } catch {
      return [];
    }
  });
}

describe('handlers', () => {
  let folder: string;
  const running: Executor[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'testyard-handlers-test-'));
  });
  afterEach(async () => {
    for (const executor of running.splice(0)) await executor.stop();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Runs a script with a list of handlers, as the admin writes it. */
  const run = async (
    list: string,
    script: string,
    handlers: readonly string[],
    test: Parameters<typeof assignmentOf>[2] = {},
    more: Partial<Pick<Assignment, 'handlers'> & PlacePlan> = {},
  ) => {
    const file = join(await mkdtemp(join(folder, 'list-')), 'handlers.yaml');
    await writeFile(file, list);
    const grid = new FakeGrid();
    const executor = new Executor({
      ...{ link: grid, images: new NoImages(), name: 'x', capacity: 1 },
      shell: new LocalShell({ masked: [] }),
      handlers: new ProcessHandlers(readHandlerList(file)),
    });
    running.push(executor);
    await executor.start();
    const host = {
      ...{ id: `3${process.pid}`, name: 'here', expendable: [] },
      transport: { kind: 'local', network: false },
    } as const;
    const given = assignmentOf(script, host, { handlers, ...test });
    const { handlers: ofGrid = {}, ...ofPlace } = more;
    const places = given.places.map((place) => ({ ...place, ...ofPlace }));
    const heard = grid.give({ ...given, places, handlers: ofGrid });
    const { end } = await heard.ended;
    const of = <Kind extends AttemptEvent['kind']>(kind: Kind) =>
      heard.events.filter((event): event is Of<Kind> => event.kind === kind);
    const textOf = ({ digest }: Of<'attachment'>) => grid.kept.get(digest)?.toString() ?? '';
    return { end, heard, text: heard.output.toString(), of, textOf };
  };
  const passed = { outcome: { kind: 'ended', exit: { kind: 'exited', code: 0 } } };

  it('say how long cases took, and what was to be seen on the side of the grid meanwhile', async () => {
    const meter = join(folder, 'meter');
    await writeFile(meter, '12.5 W\n');
    const { end, of, textOf } = await run(
      `handlers:
  duration: {use: duration, always: true}
  power: {use: sampler, parameters: {file: '${meter}', every_ms: '20', name: power, unit: W}}
`,
      'testyard-signal case-start boot; sleep 0.2; testyard-signal case-end boot; testyard-case boot pass',
      ['power'],
    );
    expect(end).toMatchObject(passed);
    const measured = of('measured').map(({ handler, name, caseSeq, measurement }) => ({
      ...{ handler, name, caseSeq, unit: measurement.unit, value: Number(measurement.raw) },
    }));
    const took = measured.find(({ handler, caseSeq }) => handler === 'duration' && caseSeq === 1);
    expect(took).toMatchObject({ name: 'duration', unit: 's' });
    expect(took?.value).toBeGreaterThan(0.19);
    expect(measured.find(({ caseSeq }) => caseSeq === undefined)?.value).toBeGreaterThan(0.19);
    const power = measured.filter(({ handler }) => handler === 'power');
    expect(power).toEqual(
      ['mean', 'least', 'most'].map((kind) => ({
        ...{ handler: 'power', name: `power ${kind}`, caseSeq: 1, unit: 'W', value: 12.5 },
      })),
    );
    const [csv] = of('attachment');
    expect(csv).toMatchObject({ name: 'power.csv', mediaType: 'text/csv', case: 'boot', handler: 'power' });
    expect(csv && textOf(csv)).toMatch(/^ms,power\n(\d+\.\d,12\.5\n){3,}$/);
    expect(of('case')).toHaveLength(1);
  });

  it.each([
    ['crashes', 'exit 3', /^it ended \(exit code 3\)/],
    ['hangs', 'exec sleep 600', /^it took more than 10000 ms for 'run_start'/],
    ['floods', 'exec yes', /^it said what is not understood: y/],
    ['is no program', '', /^it (could not be started|ended)/],
    ['floods without end of line', 'exec cat /dev/zero', /^it said too much/],
  ])(
    'one that %s harms nothing and nobody, and is said',
    async (_, command, why) => {
      const program = command === '' ? "['/no/such/program']" : `[/bin/sh, -c, '${command}']`;
      const { end, of, text, textOf } = await run(
        `handlers: {bad: {command: ${program}}, duration: {use: duration}}\n`,
        'testyard-signal case-start a && testyard-signal case-end a && testyard-case a pass && echo on',
        ['bad', 'duration'],
      );
      expect(end).toMatchObject(passed);
      expect(text).toBe('on\n');
      expect(of('measured').map(({ handler, caseSeq }) => [handler, caseSeq])).toEqual([
        ['duration', 1],
        ['duration', undefined],
      ]);
      const [note] = of('attachment');
      expect(note).toMatchObject({ name: 'bad.failed.txt', handler: 'bad' });
      expect(note && textOf(note)).toMatch(why);
    },
    60_000,
  );

  /** A handler of two lines of shell: it acts as `act` says when it hears of the begin of a case. */
  const atCase = (act: string) =>
    `handlers:
  bad:
    command:
      - /bin/sh
      - -c
      - |
        while IFS= read -r line; do
          id=\${line#*:}; id=\${id%%,*}
          case $line in *case_start*) ${act} ;; esac
          echo "{\\"done\\":$id}"
        done
  duration: {use: duration}
`;

  it.each([
    ['crashes', 'exit 4', /^it ended \(exit code 4\)/],
    ['hangs', 'sleep 600', /^it took more than 3000 ms for 'case_start'/],
    ['answers what was not asked', 'id=99', /^it took more than 3000 ms for 'case_start'/],
    [
      'measures without end',
      `yes '{"measurement":{"name":"x","value":1}}'`,
      /^it said more than 10000 things: the others are left out\nit (took more than 3000 ms for 'case_start'|said too much)/,
    ],
    [
      'leaves a file too large',
      `printf '{"attachment":{"name":"a","type":"a/b","text":"'; head -c 13000000 /dev/zero | tr '\\0' x; echo '"}}'`,
      /^it (said too much|took more than 3000 ms for 'case_start')/,
    ],
  ])(
    'one that %s in the middle harms nothing, and the others go on',
    async (_, act, why) => {
      const { end, of, text, textOf } = await run(
        atCase(act),
        'testyard-signal case-start a && testyard-signal case-end a && testyard-case a pass && echo on',
        ['bad', 'duration'],
      );
      expect(end).toMatchObject(passed);
      expect(text).toBe('on\n');
      const measured = of('measured').filter(({ handler }) => handler === 'duration');
      expect(measured.map(({ caseSeq }) => caseSeq)).toEqual([1, undefined]);
      expect(of('measured').length).toBeLessThanOrEqual(10_000 + 2);
      const [note] = of('attachment');
      expect(note).toMatchObject({ name: 'bad.failed.txt', handler: 'bad' });
      expect(note && textOf(note)).toMatch(why);
    },
    90_000,
  );

  it('have none of our variables, and nothing of what they start outlives the attempt', async () => {
    const marker = `86${process.pid}`;
    const seen = join(folder, 'environment');
    process.env['TESTYARD_SECRET_OF_GRID'] = 'secret';
    await run(
      atCase(`env >${seen}; sleep ${marker} & sleep ${marker}`),
      'testyard-signal case-start a; testyard-case a pass',
      ['bad'],
    ).finally(() => {
      delete process.env['TESTYARD_SECRET_OF_GRID'];
    });
    expect(await readFile(seen, 'utf8')).not.toMatch(/TESTYARD|secret|HOME=/);
    expect(commandLines().filter((line) => line.includes(marker))).toEqual([]);
  });

  it('hear nothing of signals that are merely printed, or replayed from another attempt', async () => {
    const log = join(folder, 'heard');
    const mark = Buffer.from('\0signal\0case-start\0old\0').toString('base64');
    const { text } = await run(
      `handlers:
  note:
    command: [/bin/sh, -c, 'while IFS= read -r line; do printf "%s\\n" "$line" >>${log}; id=\${line#*:}; echo "{\\"done\\":\${id%%,*}}"; done']
`,
      `echo "<LAVA_SIGNAL_STARTTC a>"; echo "TY-0123456789abcdef-m:${mark}" | tee ../.out`,
      ['note'],
    );
    expect(text).toContain('<LAVA_SIGNAL_STARTTC a>\n');
    expect(text).toContain(mark);
    expect(await readFile(log, 'utf8')).not.toMatch(/case_start|signal/);
  });

  it('get signals of the test itself in their order, and only those that the admin lists act', async () => {
    const log = join(folder, 'told');
    const { end, of, textOf } = await run(
      `handlers:
  note:
    command: [/bin/sh, -c, 'while IFS= read -r line; do printf "%s\\n" "$line" >>${log}; id=\${line#*:}; echo "{\\"done\\":\${id%%,*}}"; done']
`,
      'testyard-signal heat up 20; testyard-case a fail',
      ['note', 'other'],
    );
    expect(end).toMatchObject(passed);
    const told = (await readFile(log, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(told).toMatchObject([
      { id: 1, event: 'run_start', test: 'test', host: 'here', parameters: {} },
      { id: 2, event: 'signal', name: 'heat', words: ['up', '20'] },
      { id: 3, event: 'run_end' },
      { id: 4, event: 'case_post', case: 'a', result: 'fail' },
      { id: 5, event: 'run_post' },
    ]);
    const [note] = of('attachment');
    expect(note && textOf(note)).toBe('no handler of this name is in the list of the admin\n');
  });

  it('act upon the cases of a LAVA definition, by helpers and by what it prints', async () => {
    const steps = [
      'lava-test-set start s',
      'lava-test-case a --shell sleep 0.2',
      'lava-test-set stop',
      'echo "<LAVA_SIGNAL_STARTTC b>"; sleep 0.3; echo "<LAVA_SIGNAL_ENDTC b>"; lava-test-case b --result pass',
    ];
    const lava = { name: 'x', params: {}, deps: [], installSteps: [], steps, folder: '' };
    const { of } = await run('handlers: {duration: {use: duration, always: true}}\n', '', [], { lava });
    const measured = of('measured').map(
      ({ caseSeq, measurement }) => [caseSeq, Number(measurement.raw)] as const,
    );
    expect(of('case').map(({ name }) => name)).toEqual(['s / a', 'b']);
    expect(measured.map(([seq]) => seq)).toEqual([1, 2, undefined]);
    expect(measured[0]?.[1]).toBeGreaterThan(0.19);
    expect(measured[1]?.[1]).toBeGreaterThan(0.2);
  });

  /** A handler of a few lines that comes with the test: at the begin of a case it says what this prints. */
  const program = (print: string) =>
    Buffer.from(`#!/bin/sh
while IFS= read -r line; do
  id=\${line#*:}; id=\${id%%,*}
  case $line in *case_start*) printf '{"attachment":{"name":"seen","type":"text/plain","base64":"%s"}}\\n' "$({ ${print}
    } 2>&1 | base64 -w 0)" ;; esac
  echo "{\\"done\\":$id}"
done
`).toString('base64');
  const CASE = 'testyard-signal case-start a && testyard-signal case-end a && testyard-case a pass';

  it.runIf(process.getuid?.() === 0)(
    'that come with a test run as nobody, without secrets, and end with all that they start',
    async () => {
      const secret = join(folder, 'admin-token');
      await writeFile(secret, 'of the grid', { mode: 0o600 });
      const marker = `87${process.pid}`;
      process.env['TESTYARD_SECRET_OF_GRID'] = 'secret';
      const { end, of, textOf } = await run('handlers: {}\n', CASE, ['./own.sh'], {
        programs: {
          'own.sh': program(
            `id -u; env; cat ${secret}; setsid sleep ${marker} </dev/null >/dev/null 2>&1 & cat /proc/*/environ; ls /proc`,
          ),
        },
      }).finally(() => {
        delete process.env['TESTYARD_SECRET_OF_GRID'];
      });
      expect(end).toMatchObject(passed);
      const [seen] = of('attachment');
      expect(seen).toMatchObject({ name: 'seen', handler: 'own.sh' });
      const text = seen === undefined ? '' : textOf(seen);
      expect(Number(text.split('\n')[0])).toBeGreaterThanOrEqual(620_000);
      expect(text).toMatch(/Permission denied/);
      expect(text).not.toMatch(/of the grid|TESTYARD|secret$/m);
      expect(text).not.toContain(`\n${process.pid}\n`);
      expect(commandLines().filter((line) => line.includes(marker))).toEqual([]);
    },
  );

  it('that come with a test do nothing where they did not come along', async () => {
    const { end, of, textOf } = await run('handlers: {}\n', CASE, ['./own.sh']);
    expect(end).toMatchObject(passed);
    const [note] = of('attachment');
    expect(note).toMatchObject({ name: 'own.sh.failed.txt' });
    expect(note && textOf(note)).toMatch(/its project is not trusted/);
  });

  it('of the grid act beside those of the machine, whose own word on a name counts', async () => {
    const meter = join(folder, 'meter2');
    await writeFile(meter, '3 W\n');
    const sampler = (name: string) => ({
      ...({ use: 'sampler', command: [], always: false } as const),
      parameters: { file: meter, every_ms: '20', name },
    });
    const { of } = await run(
      `handlers: {both: {use: sampler, parameters: {file: '${meter}', every_ms: '20', name: machine}}}\n`,
      CASE,
      ['both', 'power'],
      {},
      { handlers: { both: sampler('grid'), power: sampler('power') } },
    );
    const names = new Set(of('measured').map(({ handler, name }) => `${handler} ${name}`));
    expect(names).toContain('both machine mean');
    expect(names).toContain('power power mean');
    expect([...names].filter((name) => name.includes('grid'))).toEqual([]);
  });

  it('are told of the instruments that are leased with the host', async () => {
    const log = join(folder, 'instruments');
    await run(
      `handlers:
  note:
    command: [/bin/sh, -c, 'while IFS= read -r line; do echo "$INSTRUMENT_POWER_METER $line" >>${log}; id=\${line#*:}; echo "{\\"done\\":\${id%%,*}}"; done']
`,
      'true',
      ['note'],
      {},
      { instruments: [{ name: 'power-meter', address: 'tcp://127.0.0.1:5025', unit: 2 }] },
    );
    const [first = ''] = (await readFile(log, 'utf8')).split('\n');
    const [address = '', ...json] = first.split(' ');
    expect(address).toBe('tcp://127.0.0.1:5025');
    expect(JSON.parse(json.join(' '))).toMatchObject({
      event: 'run_start',
      instruments: [{ name: 'power-meter', address: 'tcp://127.0.0.1:5025', unit: 2 }],
    });
  });

  it('the list says where it is wrong', async () => {
    const file = join(folder, 'wrong.yaml');
    await writeFile(file, 'handlers:\n  a: {use: timer}\n  b: {}\n  c: 7\n');
    expect(() => readHandlerList(file)).toThrow(/wrong\.yaml:2:.*\n.*wrong\.yaml:3:.*\n.*wrong\.yaml:4:/);
  });
});
