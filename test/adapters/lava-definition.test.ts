import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTestFile } from '../../src/adapters/test-file.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const read = (text: string, name = 'folder/a-test.yaml') =>
  readTestFile({ name, bytes: bytes(text) }, undefined);

/** The definition in a text that must be one. */
function definition(text: string) {
  const result = read(text);
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
  const { spec, notes = [] } = result;
  if (spec.lava === undefined) throw new Error('no LAVA definition');
  return { spec, lava: spec.lava, notes: notes.map(({ line, message }) => `${line} ${message}`) };
}

const complaints = (text: string) => {
  const result = read(text);
  return result.ok ? [] : result.problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
};

const HEAD = 'metadata:\n  name: disk\n  format: Lava-Test Test Definition 1.0\n';
const RUN = "run:\n  steps:\n    - 'true'\n";

/** One parameter as it is written, and as a script finds it. */
const param = (written: string) => definition(`${HEAD}params:\n  P: ${written}\n${RUN}`).lava.params['P'];

describe('a LAVA test definition', () => {
  test('is a test with all that it says', () => {
    const { spec, lava, notes } = definition(`
metadata:
  name: disk-speed
  format: "Lava-Test Test Definition 1.0"
  description: "how fast a disk
    is"
  maintainer: [ann@x.example, ben@x.example]
  os: [debian, ubuntu]
  scope: [performance]
params:
  SIZE: 10
  SKIP: false
install:
  deps: [fio, jq]
  steps: [./prepare.sh]
run:
  steps:
    - cd ./disk
    - |
      for i in 1 2; do
        ./speed.sh "$SIZE" $i
      done
parse:
  pattern: '^(?P<test_case_id>\\S+): (?P<result>PASS|FAIL)'
  fixupdict: {PASS: pass, FAIL: fail}
`);
    expect(spec).toMatchObject({
      name: 'disk-speed',
      owner: 'ann@x.example, ben@x.example',
      requirement: '(distro = debian | distro = ubuntu) & root',
    });
    expect(Buffer.from(spec.run, 'base64').toString()).toContain('name: disk-speed');
    expect(lava).toEqual({
      name: 'disk-speed',
      params: { SIZE: '10', SKIP: 'False' },
      deps: ['fio', 'jq'],
      installSteps: ['./prepare.sh'],
      steps: ['cd ./disk', 'for i in 1 2; do\n  ./speed.sh "$SIZE" $i\ndone\n'],
      parse: {
        pattern: '^(?P<test_case_id>\\S+): (?P<result>PASS|FAIL)',
        fixups: { PASS: 'pass', FAIL: 'fail' },
      },
      folder: '',
    });
    expect(notes).toEqual([]);
  });

  // Held against PyYAML 6 with three thousand more.
  test.each([
    ['true', 'True'],
    ['off', 'False'],
    ['Yes', 'True'],
    ['y', 'y'],
    ['~', 'None'],
    ['', 'None'],
    ['"yes"', 'yes'],
    ["'1.10'", '1.10'],
    ['1.10', '1.1'],
    ['6.10.0', '6.10.0'],
    ['1e3', '1e3'],
    ['1.5e+300', '1.5e+300'],
    ['0.00001', '1e-05'],
    ['123456789012345680.0', '1.2345678901234568e+17'],
    ['010', '8'],
    ['08', '08'],
    ['0x1F', '31'],
    ['1_000', '1000'],
    ['190:20:30', '685230'],
    ['.inf', 'inf'],
    ['2001-12-14', '2001-12-14'],
    ['2001-12-14t21:59:43.10-05:00', '2001-12-14 21:59:43.100000-05:00'],
    ['[1, yes, "it\'s", x]', "[1, True, \"it's\", 'x']"],
    ['{a: 1.0}', "{'a': 1.0}"],
  ])('the value %s is %s to its scripts', (written, printed) => expect(param(written)).toBe(printed));

  test('a key may stand twice, and a text in quotes may go on further left', () => {
    const { lava } = definition(`${HEAD}  description: "begins here
and "
params:
  A: first
  A: "a
 b"
${RUN}`);
    expect(lava.params).toEqual({ A: 'a b' });
  });

  test('a value merged from elsewhere counts', () => {
    const { lava } = definition(
      `${HEAD}default_parameters: &d {A: 1, B: 2}\nparams:\n  <<: *d\n  B: 3\n${RUN}`,
    );
    expect(lava.params).toEqual({ A: '1', B: '3' });
  });

  test('what nobody understands asks nothing of a host, and is said', () => {
    const { spec, notes } = definition(
      `${HEAD}  os: [openembedded]\n  devices: [panda, all]\n${RUN}extra: 1\n`,
    );
    expect(spec.requirement).toBe('');
    expect(notes).toEqual([
      '4 os openembedded: asks nothing of a host, as no mapping says what it means (testyard lava mapping)',
      '5 devices panda: asks nothing of a host, as no mapping says what it means (testyard lava mapping)',
      "9 'extra' means nothing in a definition, here as in LAVA",
    ]);
  });

  test('repositories of the install section have a place in the tree', () => {
    const { lava } = definition(`${HEAD}install:
  git-repos:
    - https://x.example/tools/fio.git
    - {url: 'git://x.example/b', branch: v2, destination: ./deps/b/}
    - {url: 'git://x.example/c', skip_by_default: true}
${RUN}`);
    expect(lava.repositories).toEqual([
      { url: 'https://x.example/tools/fio.git', at: 'fio' },
      { url: 'git://x.example/b', ref: 'v2', at: 'deps/b' },
    ]);
  });

  test.each([
    [HEAD, "1:1 there is no section 'run': it would test nothing"],
    [`${HEAD}run:\n  steps: []\n`, "5:3 there are no steps below 'run': it would test nothing"],
    [`metadata: {name: a}\n${RUN}`, /^1:1 the format is missing/],
    [
      `metadata:\n  format: Lava-Test-Shell Test Definition 1.0\n${RUN}`,
      /^2:11 the format '.+' is not read here/,
    ],
    [`${HEAD}run:\n  steps:\n    - echo a: b\n`, /^6:7 to YAML this step is a map/],
    [`${HEAD}run:\n  steps: ls\n`, "5:10 'run.steps' is a list: begin each step with '- '"],
    [`${HEAD}params:\n  a-b: 1\n${RUN}`, /^5:3 'a-b' is no name for a variable/],
    [
      `${HEAD}parse: {pattern: '(?P<result>'}\n${RUN}`,
      /^4:18 parse.pattern: the pattern is no regular expression/,
    ],
    [`${HEAD}parse: {pattern: 'a+'}\n${RUN}`, /^4:18 parse.pattern: the pattern tells no result/],
    [`${HEAD}install: {sources: [ppa:x]}\n${RUN}`, /^4:11 'install.sources' is not done here/],
    [`${HEAD}install: {git-repos: ['ext::sh -c true']}\n${RUN}`, /a repository is named by a URL/],
    [
      `${HEAD}install:\n  git-repos: [{url: 'git://x/y', destination: ../z}]\n${RUN}`,
      /is no place in the tree/,
    ],
    [`${HEAD}params: {D: 2020-13-01}\n${RUN}`, /is no day of the calendar/],
    ['job_name: j\nmetadata: {}\nactions: []\n', /this is a LAVA job, not a test definition/],
    [`${HEAD}\trun: 1\n`, /Tabs are not allowed/],
  ])('says where a mistake is and what would be right: %j', (text, complaint) => {
    const [first] = complaints(text);
    if (typeof complaint === 'string') expect(first).toBe(complaint);
    else expect(first).toMatch(complaint);
  });

  test('whatever is done to one, it is read or refused in time', () => {
    const whole = `${HEAD}params: {A: yes}\ninstall: {deps: [a]}\n${RUN}parse: {pattern: '(?P<result>a)'}\n`;
    const damage = fc.tuple(fc.nat(whole.length), fc.nat(20), fc.string({ maxLength: 12, unit: 'binary' }));
    fc.assert(
      fc.property(fc.array(damage, { maxLength: 4 }), (cuts) => {
        const text = cuts.reduce(
          (all, [at, length, more]) => all.slice(0, at) + more + all.slice(at + length),
          whole,
        );
        const result = read(text);
        if (!result.ok) expect(result.problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});

describe('what a LAVA definition says for us', () => {
  const own = (text: string) => `${HEAD}testyard:\n${text}${RUN}`;

  test('is what it requires beside its metadata, and what every test can say', () => {
    const { spec, notes } = definition(own('  requires: [cmd:iperf3]\n  timeout: 2h\n  labels: [net]\n'));
    expect(spec).toMatchObject({
      name: 'disk',
      timeoutMs: 7_200_000,
      labels: ['net'],
      requirement: 'cmd:iperf3',
    });
    expect(notes).toEqual([]);
    const installs = read(`${own('  requires: [cmd:iperf3]\n')}install:\n  deps: [fio]\n`);
    expect(installs.ok && installs.spec.requirement).toBe('cmd:iperf3 & root');
  });

  test('is refused with its place where it is not understood', () => {
    expect(complaints(own('  requirs: [cmd:iperf3]\n'))).toEqual([expect.stringContaining('5:3 ')]);
    expect(complaints(own('  name: other\n'))).toEqual([expect.stringContaining('5:3 ')]);
  });

  test("is nothing where the file is a test of ours with a section called 'metadata'", () => {
    expect(complaints(`${HEAD}testyard: 1\n${RUN}`)).not.toEqual([]);
  });
});
