import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TEST_FILE_BYTES, readTestFile } from '../../src/adapters/test-file.js';
import { makeCatalogue } from '../../src/domain/catalogue.js';
import { fromCanonical, tagsOf } from '../../src/domain/requirement.js';
import type { Catalogue, TagSpec } from '../../src/domain/tag.js';
import { count, SEED } from '../fuzz/seed.js';

const TAGS = catalogueOf('root', 'net-loopback', 'kvm', 'g++', 'kernel-6.10', 'e1000-82540em');

function catalogueOf(...names: readonly string[]): Catalogue {
  const flags = names.map((name): TagSpec => ({ name, meaning: name, kind: 'flag', source: { by: 'word' } }));
  const memory: TagSpec = {
    name: 'memory',
    meaning: 'm',
    kind: 'quantity',
    unit: 'B',
    source: { by: 'word' },
  };
  const made = makeCatalogue([...flags, memory], []);
  if ('problems' in made) throw new Error(JSON.stringify(made.problems));
  return made.catalogue;
}
const bytes = (text: string) => new TextEncoder().encode(text);
const read = (name: string, text: string | Uint8Array, tags: Catalogue | undefined = TAGS) =>
  readTestFile({ name, bytes: typeof text === 'string' ? bytes(text) : text }, tags);
/** Every problem as `line:column message`. */
const complaints = (name: string, text: string | Uint8Array, tags?: Catalogue) => {
  const result = read(name, text, tags);
  return result.ok ? [] : result.problems.map((p) => `${p.line}:${p.column} ${p.message}`);
};
const spec = (name: string, text: string) => {
  const result = read(name, text);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.spec;
};

describe('an executable says what it needs in comments at its top', () => {
  it('reads every key', () => {
    const text = `#!/bin/bash
# Copyright somebody

# testyard: name: net.smoke
# testyard: requires: root, net-loopback
# testyard: requires: g++
# testyard: owner: Net team <net@example.org>
# testyard: labels: net, slow
# testyard: timeout: 90s
# testyard: setup-timeout: 5m
# testyard: teardown-timeout: 2h
# testyard: dirties: packages
# testyard: cases: ping, dns lookup
# testyard: output: tap
# testyard: commands: curl, /usr/bin/dig
# testyard: under-test: mytool
# testyard: network: yes
# testyard: broken: 9/10
# testyard: env: GREETING=hello, world = you
# testyard: env: EMPTY=
exit 0
`;
    expect(spec('a.sh', text)).toEqual({
      name: 'net.smoke',
      owner: 'Net team <net@example.org>',
      requirement: 'g++ & net-loopback & root',
      labels: ['net', 'slow'],
      run: Buffer.from(text).toString('base64'),
      environment: { GREETING: 'hello, world = you', EMPTY: '' },
      timeoutMs: 90_000,
      setupTimeoutMs: 300_000,
      teardownTimeoutMs: 7_200_000,
      dirties: 'packages',
      cases: ['ping', 'dns lookup'],
      output: 'tap',
      commands: ['curl', '/usr/bin/dig'],
      underTest: ['mytool'],
      network: true,
      broken: { bad: 9, of: 10 },
    });
  });

  it.each([
    ['#!/usr/bin/env node\n// testyard: requires: root\n', 'root'],
    ['#!/usr/bin/lua\n-- testyard: requires: kvm\n', 'kvm'],
    ['#!/usr/bin/guile\n;; testyard: requires: kvm\n', 'kvm'],
    ['#!/bin/sh\n\n\n   #testyard:requires:kvm', 'kvm'],
    ['#!/bin/sh\n# testyard: requires: kernel-6.10\r\n', 'kernel-6.10'],
    ['#!/bin/sh\necho testyard: requires: kvm\n', ''],
  ])('in the comments of any language: %j', (text, requirement) => {
    expect(spec('a', text).requirement).toBe(requirement);
  });

  it('is named after its file, without the ending', () => {
    expect(spec('tests/net.smoke.sh', '#!/bin/sh\n').name).toBe('net.smoke');
    expect(spec('plain', '#!/bin/sh\n').name).toBe('plain');
    expect(complaints('a b.sh', '#!/bin/sh\n')).toEqual([
      "1:1 the file's name 'a b.sh' is no name for a test: say one with 'name: ...'",
    ]);
  });

  it('keeps the bytes of a binary, and looks for no words in it', () => {
    const binary = Uint8Array.from([
      0x7f,
      0x45,
      0x4c,
      0x46,
      0,
      ...bytes('\n# testyard: requires: rot\n'),
      0xff,
    ]);
    const result = read('prog', binary);
    expect(result.ok && Buffer.from(result.spec.run, 'base64')).toEqual(Buffer.from(binary));
    expect(result.ok && result.spec.requirement).toBe('');
  });

  it.each([
    ['# testyard: requires: rot', "2:23 unknown tag 'rot': did you mean 'root'?"],
    ['# testyard: requires: root,, kvm', '2:28 empty item: write a tag, or leave the line out'],
    ['# testyard: requires: root and kvm', "2:28 'and' is written '&'"],
    ['# testyard: requires:', "2:13 'requires' is empty: write a value, or leave the line out"],
    ['# testyard: requirez: root', "2:13 unknown key 'requirez': did you mean 'requires'?"],
    ['# testyard: setup_timeout: 5m', "2:13 unknown key 'setup_timeout': did you mean 'setup-timeout'?"],
    ['# testyard: root', "2:13 'root' is no declaration: write 'key: value'"],
    ['# testyard: timeout: 90', "2:22 '90' is no duration: say the unit, for example 90s"],
    ['# testyard: timeout: 0s', "2:22 '0s' is out of range: a duration is from 1s to 168h"],
    ['# testyard: timeout: 200h', "2:22 '200h' is out of range: a duration is from 1s to 168h"],
    ['# testyard: dirties: all', "2:22 'all' is none of nothing, use, boot, packages, image (dirties)"],
    ['# testyard: network: maybe', "2:22 'maybe' is none of true, false, yes, no (network)"],
    [
      '# testyard: broken: 10/10',
      "2:21 '10/10' is no rule: write 9/10 where it is broken once more than 9 of 10 runs fail (64 runs at most)",
    ],
    ['# testyard: labels: net, net', "2:26 'net' stands twice in 'labels'"],
    ['# testyard: env: HELLO', "2:18 'HELLO' sets nothing: write env: NAME=value"],
    [
      '# testyard: env: 1A=2',
      "2:18 '1A' is not a name for the environment: letters, digits and _, and not TESTYARD_..., which is ours",
    ],
    [
      '# testyard: env: TESTYARD_RUN=2',
      "2:18 'TESTYARD_RUN' is not a name for the environment: letters, digits and _, and not TESTYARD_..., which is ours",
    ],
    ['# testyard: owner: a\n# testyard: owner: b', "3:13 'owner' stands twice: first in line 2"],
    ['# testyard: env: A=1\n# testyard: env: A=2', "3:18 'A' stands twice: first in line 2"],
    ['# testyard: owner: a\0b', '2:20 a NUL character cannot stand in a text'],
    [
      '# Testyard: requires: kvm',
      "2:1 '# Testyard: requires: kvm' would not count: write '# testyard: key: value'",
    ],
    [
      '# testyard requires: kvm',
      "2:1 '# testyard requires: kvm' would not count: write '# testyard: key: value'",
    ],
    [
      'set -e\n# testyard: requires: kvm',
      '3:13 this stands after the first line of the program and would not count: move it up',
    ],
    [
      '# testyard: name: a/b',
      "2:19 'a/b' cannot be a name: letters, digits, dot, dash and underscore, beginning with a letter or digit; at most 100",
    ],
  ])('says where a mistake is and what would be right: %j', (header, complaint) => {
    expect(complaints('a.sh', `#!/bin/sh\n${header}\n`)).toEqual([complaint]);
  });

  it('takes the whole language, with maps in one line', () => {
    const text = [
      '#!/bin/sh',
      '# testyard: requires: not root, memory >= 16GiB, {any: [kvm, g++]}',
      '# testyard: requires: {not: [net-loopback, "memory > 1TiB"]}',
      '# testyard: prefer: kvm, {all: [g++, memory >= 32GiB]}',
    ].join('\n');
    expect(spec('a.sh', text)).toMatchObject({
      requirement: '(g++ | kvm) & memory >= 16GiB & (not memory > 1TiB | not net-loopback) & not root',
      prefer: ['kvm', 'g++ & memory >= 32GiB'],
    });
  });

  it.each([
    ['# testyard: requires: {any: [kvm, rot]}', "2:35 unknown tag 'rot': did you mean 'root'?"],
    [
      '# testyard: requires: kvm, {or: [root]}',
      "2:28 here stands one of any, all, not, prefer, for example {any: [...]}, not 'or'",
    ],
    ['# testyard: requires: {any: [kvm}', /^2:3[0-9] /],
    ['# testyard: requires: memory >= 16 apples', /^2:33 /],
    ['# testyard: requires: !root', "2:23 '!' is not understood: write 'not x' for the contrary of x"],
  ])('and says where in it a mistake is: %j', (header, complaint) => {
    const [first] = complaints('a.sh', `#!/bin/sh\n${header}\n`);
    if (typeof complaint === 'string') expect(first).toBe(complaint);
    else expect(first).toMatch(complaint);
  });

  it('tells all mistakes at once, in the order of the file', () => {
    expect(
      complaints(
        'a.sh',
        '#!/bin/sh\n# testyard: owner:\n# testyard: timeout: x\n# testyard: reqires: root\n',
      ),
    ).toHaveLength(3);
  });

  it.each([
    ['', '1:1 the file is empty'],
    ['echo hello\n', '1:1 nothing says what runs this file: begin it with a line such as #!/bin/sh'],
    [
      '#!/bin/sh\r\nexit 0\r\n',
      '1:1 this line ends with a carriage return, which would be part of the interpreter: use Unix line ends',
    ],
    ['\ufeff#!/bin/sh\n', '1:1 a byte order mark stands before the #!: save the file without it'],
    ['#!\n', '1:1 no interpreter after the #!: write for example #!/bin/sh'],
  ])('refuses what could never start: %j', (text, complaint) => {
    expect(complaints('a.sh', text)).toEqual([complaint]);
  });

  it('takes any well-formed tag where there is no catalogue', () => {
    const result = read('a.sh', '#!/bin/sh\n# testyard: requires: whatever-1.2, root\n', undefined);
    // The default parameter would bring the catalogue back.
    expect(
      readTestFile({ name: 'a.sh', bytes: bytes('#!/bin/sh\n# testyard: requires: zzz\n') }, undefined),
    ).toMatchObject({ ok: true, spec: { requirement: 'zzz' } });
    expect(result.ok).toBe(false);
  });
});

describe('a test in YAML', () => {
  it('reads every key, values as they are written', () => {
    expect(
      spec(
        'a.yaml',
        `testyard: 1
name: "0012"
owner: 6.10
requires: [root, kernel-6.10]
labels: [1.0, yes]
setup: apt-get update
run: |
  echo hello
teardown: |
  rm -f x
timeout: 90s
setup_timeout: 1m
teardown_timeout: 1m
environment: {VERSION: 6.10, OCTAL: 0012, YES: yes, NOTHING: }
dirties: nothing
cases: [a]
output: ktap
commands: [gcc, g++]
under_test: tool
network: false
`,
      ),
    ).toEqual({
      name: '0012',
      owner: '6.10',
      requirement: 'kernel-6.10 & root',
      labels: ['1.0', 'yes'],
      setup: 'apt-get update',
      run: Buffer.from('#!/bin/sh\necho hello\n').toString('base64'),
      teardown: 'rm -f x\n',
      environment: { VERSION: '6.10', OCTAL: '0012', YES: 'yes', NOTHING: '' },
      timeoutMs: 90_000,
      setupTimeoutMs: 60_000,
      teardownTimeoutMs: 60_000,
      dirties: 'nothing',
      cases: ['a'],
      output: 'ktap',
      commands: ['gcc', 'g++'],
      underTest: ['tool'],
      network: false,
    });
  });

  it('keeps an interpreter line of its own', () => {
    const run = spec('a.yml', "testyard: 1\nrun: |\n  #!/usr/bin/python3\n  print('x')\n").run;
    expect(Buffer.from(run, 'base64').toString()).toBe("#!/usr/bin/python3\nprint('x')\n");
  });

  it('is known by its first key where the file has no ending', () => {
    expect(spec('a', '# mine\n\ntestyard: 1\nrun: exit 0\n').name).toBe('a');
  });

  it.each([
    ['testyard: 2\nrun: x\nwhatever: y\n', "1:11 version '2' is not known here: write 'testyard: 1'"],
    ['testyard: 1.0\nrun: x\n', "1:11 version '1.0' is not known here: write 'testyard: 1'"],
    ['run: x\n', "1:1 the version is missing: write 'testyard: 1' as the first line"],
    [
      'metadata: {format: Lava-Test Test Definition 1.0}\n',
      "1:1 there is no section 'run': it would test nothing",
    ],
    ['- a\n', "1:1 a test in YAML begins with the line 'testyard: 1'"],
    ['# nothing\n', '1:1 the file is empty'],
    ['testyard: 1\n', "1:1 'run' is missing: say what the test runs"],
    ['testyard: 1\nrun:\n', "2:5 'run' is empty: write a value, or leave it out"],
    ['testyard: 1\nrun: [a]\n', "2:6 'run' is a single text, not a list"],
    [
      'testyard: 1\nrun: x\nrequires: [!virtual]\n',
      "3:12 '!virtual' is a YAML tag; to say that a tag must be absent write 'not virtual'",
    ],
    [
      'testyard: 1\nrun: x\nowner: !!int 5\n',
      "3:8 '!!int' is not used here: values are read as they are written",
    ],
    ['testyard: 1\nrun: x\nrequires:\n  - root\n  -\n', '5:4 empty item: write a tag, or leave the line out'],
    ['testyard: 1\nrun: x\nrequires: [root, kvmm]\n', "3:18 unknown tag 'kvmm': did you mean 'kvm'?"],
    [
      'testyard: 1\nrun: x\nrequires: [[root]]\n',
      '3:12 a list within a list: say what it means, {any: [...]} or {all: [...]}',
    ],
    ['testyard: 1\nrun: x\nowner: a\nowner: b\n', "4:1 'owner' stands twice: first in line 3"],
    ['testyard: 1\nrun: x\nrequire: [root]\n', "3:1 unknown key 'require': did you mean 'requires'?"],
    ['testyard: 1\nrun: x\ntimeout: 5\n', "3:10 '5' is no duration: say the unit, for example 5s"],
    ['testyard: 1\nrun: x\nowner: "a\\0b"\n', '3:8 a NUL character cannot stand in a text'],
    ['testyard: 1\nrun: x\nowner: "\\ud800"\n', '3:8 half of a surrogate pair is no character'],
    ['testyard: 1\nrun: x\n---\ntestyard: 1\n', '3:1 one document per file: a second begins'],
    ['testyard: 1\nrun: x\nowner: *nobody\n', "3:8 the anchor '&nobody' is nowhere before this"],
    ['testyard: 1\nrun: &a x\nowner: &a y\n', "3:11 the anchor '&a' stands twice"],
    ['testyard: 1\nrun: x\n? [a]\n: b\n', '3:3 a key is a word'],
    ['testyard: 1\nrun: x\nenvironment: [A=1]\n', "3:14 'environment' is a list of NAME: value lines"],
  ])('says where a mistake is and what would be right: %j', (text, complaint) => {
    expect(complaints('a.yaml', text)).toEqual([complaint]);
  });

  it('shares values by anchors, as long as they stay small', () => {
    expect(spec('a.yaml', 'testyard: 1\nrun: x\ncases: &c [a, b]\nlabels: *c\n').labels).toEqual(['a', 'b']);
  });

  it('says what is no YAML, and what is no text, with its place', () => {
    expect(complaints('a.yaml', 'testyard: 1\nrun: "x\n')[0]).toMatch(/^\d+:\d+ /);
    expect(complaints('a.yaml', Uint8Array.from([...bytes('testyard: 1\nrun: '), 0xff]))).toEqual([
      '2:6 this is not UTF-8 text',
    ]);
  });
});

describe('hostile files end quickly', () => {
  const levels = Array.from(
    { length: 30 },
    (_, i) =>
      `l${i}: &l${i} [${
        i === 0
          ? 'x'
          : Array(10)
              .fill(`*l${i - 1}`)
              .join(',')
      }]`,
  );
  const deep = (text: string) => text.repeat(Math.floor((MAX_TEST_FILE_BYTES - 100) / text.length));
  it.each([
    ['a bomb of aliases', `testyard: 1\n${levels.join('\n')}\n`],
    ['an alias in itself', 'testyard: 1\nlabels: &a [*a]\n'],
    ['brackets', deep('[')],
    ['braces', deep('{a: ')],
    ['dashes', deep('- ')],
    ['question marks', deep('? ')],
    ['colons', deep('a: b: ')],
    ['empty maps', deep('{}')],
    ['keys', deep('k: v\n')],
    ['items', `testyard: 1\nlabels:\n${'- x\n'.repeat(100_000)}`],
    ['anchors', deep('&a ')],
    ['YAML tags', deep('!x ')],
    ['documents', deep('---\n')],
    ['open quotes', deep('"')],
    ['too much', 'x'.repeat(MAX_TEST_FILE_BYTES + 1)],
  ])('%s', (_, text) => {
    const begun = performance.now();
    const result = readTestFile({ name: 'a.yaml', bytes: bytes(text) }, TAGS);
    expect(result.ok).toBe(false);
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  it.each([
    ['spaces in a comment', `#!/bin/sh\n# testyard: owner: a${' '.repeat(2_000_000)}b\n`],
    ['spaces', `#!/bin/sh\n${' '.repeat(2_000_000)}x\n`],
    ['colons', `#!/bin/sh\n# testyard${':'.repeat(2_000_000)}\n`],
    ['comments', `#!/bin/sh\n${'# testyard: x\n'.repeat(140_000)}\n`],
    ['commas', `#!/bin/sh\n# testyard: requires: ${'a,'.repeat(900_000)}\n`],
  ])('%s in a script', (_, text) => {
    const begun = performance.now();
    readTestFile({ name: 'a.sh', bytes: bytes(text) }, TAGS);
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});

describe('any file is either refused with a place or read, and read the same again', () => {
  const pieces = [
    ...[
      'testyard',
      ':',
      ' ',
      '\n',
      '1',
      '- ',
      '[',
      ']',
      '{',
      '}',
      ',',
      '&a ',
      '*a',
      '!x',
      '"',
      "'",
      '|\n  ',
      '#',
    ],
    ...[
      'run',
      'requires',
      'root',
      'timeout',
      '90s',
      'env',
      'A=1',
      '\t',
      '\0',
      '\r\n',
      '%',
      '---\n',
      '\u{1f600}',
      '\ud800',
    ],
  ];
  const yaml =
    'testyard: 1\nname: a\nrequires: [root, kvm]\nrun: |\n  exit 0\ntimeout: 90s\nenvironment: {A: 1}\n';
  const script =
    '#!/bin/sh\n# testyard: requires: root, kvm\n# testyard: timeout: 90s\n# testyard: env: A=1\nexit 0\n';
  const mutant = (base: string) =>
    fc
      .array(
        fc.record({
          at: fc.nat(base.length),
          remove: fc.nat(6),
          insert: fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3, unit: 'binary' })),
        }),
        { minLength: 1, maxLength: 4 },
      )
      .map((edits) =>
        edits.reduce((text, e) => text.slice(0, e.at) + e.insert + text.slice(e.at + e.remove), base),
      );

  it.each([
    ['a.yaml', yaml],
    ['a.sh', script],
  ])('%s', (name, base) => {
    fc.assert(
      fc.property(mutant(base), (text) => {
        const once = read(name, text);
        expect(read(name, text)).toEqual(once);
        if (once.ok) {
          const named = tagsOf(fromCanonical(once.spec.requirement));
          expect(named.filter((tag) => TAGS.find(tag) === undefined)).toEqual([]);
          expect(once.spec.timeoutMs).toBeGreaterThan(0);
          expect(JSON.stringify({ ...once.spec, run: '' })).not.toContain('\\u0000');
        } else {
          expect(once.problems.length).toBeGreaterThan(0);
          for (const problem of once.problems) {
            expect(problem.line).toBeGreaterThan(0);
            expect(problem.column).toBeGreaterThan(0);
            expect(problem.message).not.toBe('');
          }
        }
      }),
      { seed: SEED, numRuns: count(400) },
    );
  });
});

describe('a matrix', () => {
  const yaml = (matrix: string) => `testyard: 1\nname: fs\nrun: exit 0\nmatrix:\n${matrix}`;

  it('is kept as it was written, its values as source text', () => {
    const text = yaml('  axes: {FS: [ext4, xfs], KERNEL: [6.10]}\n  exclude: [{FS: xfs}]\n  most: 8\n');
    expect(spec('fs.yaml', text).matrix).toEqual({
      axes: { FS: ['ext4', 'xfs'], KERNEL: ['6.10'] },
      exclude: [{ FS: 'xfs' }],
      most: 8,
    });
  });

  it.each([
    ['  axes: {FS: ext4}\n', "5:14 'FS' takes a list of values"],
    ['  axes: [FS]\n', "5:9 here stand axes, each 'NAME: [value, value]'"],
    ['  axe: {FS: [a]}\n', "5:3 unknown key 'axe'"],
    ['  axes: {FS: [a]}\n  exclude: [{FS: a}]\n', '5:3 nothing is left: every combination is excluded'],
  ])('that makes no sense is refused where it is wrong: %j', (matrix, complaint) => {
    expect(complaints('fs.yaml', yaml(matrix)).join('\n')).toContain(complaint);
  });
});
