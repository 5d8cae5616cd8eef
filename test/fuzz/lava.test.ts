import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { readTestFile } from '../../src/adapters/test-file.js';
import type { LavaDefinition } from '../../src/domain/lava/definition.js';
import { lavaScripts } from '../../src/domain/lava/scripts.js';
import { HOSTILE_TEXTS } from './hostile.js';
import { count, Dice, SEED } from './seed.js';

const FORMAT = '  format: Lava-Test Test Definition 1.0\n';

/** Among them every section and key that a definition may have. */
const DEFINITIONS: readonly string[] = [
  `metadata:\n${FORMAT}  name: plain\nrun:\n  steps:\n    - ./go.sh\n    - lava-test-case a --result pass\n`,
  `metadata:
${FORMAT}  name: "with params"
  maintainer:
    - ann@example.org
  os: [debian, fedora]
  devices: [qemu]
  scope: [functional]
  environment: [lava-test-shell]
params:
  SIZE: 010
  ON: yes
  TEXT: "it's $HOME"
default_parameters:
  SIZE: 1.10
run:
  steps:
    - cd ./a/b
    - ./go.sh -s "\${SIZE}" -t "\${TEXT}"
`,
  `metadata: {format: Lava-Test Test Definition 1.0, name: parsed}
run: {steps: ['./go.sh', 'echo done']}
parse:
  pattern: '^(?P<test_case_id>[a-z]+): (?P<result>\\w+) (?P<measurement>\\d+) (?P<units>\\S+)$'
  fixupdict:
    PASS: pass
    'NOT OK': fail
`,
  `metadata:
${FORMAT}  name: installs
install:
  deps:
    - gcc
    - libssl-dev=3.0*
  git-repos:
    - url: https://git.example.org/tools.git
      destination: tools
      branch: main
    - https://git.example.org/more.git
  steps:
    - make
run:
  steps:
    - ./go
`,
  `metadata:
${FORMAT}  name: block
  description: >
    Several lines
    of it.
run:
  steps:
    - |
      for i in 1 2 3; do
        lava-test-case "n$i" --result pass --measurement $i --units s
      done
    - "echo 'one: two'"
`,
];

/** A text with a part changed: a line gone, told twice, moved or indented, a value or some bytes replaced. */
function spoilt(text: string, dice: Dice): Buffer {
  const lines = text.split('\n');
  const at = dice.below(lines.length);
  const line = lines[at] ?? '';
  const end = line.search(/(?<=[:-] ).*$/);
  switch (dice.below(6)) {
    case 0:
      lines.splice(at, 1);
      break;
    case 1:
      lines.splice(dice.below(lines.length), 0, line);
      break;
    case 2:
      lines[at] = `${' '.repeat(dice.below(5))}${line.trimStart()}`;
      break;
    case 3:
      lines[at] =
        `${end < 0 ? `${line.match(/^\s*/)?.[0]}- ` : line.slice(0, end)}${dice.pick(HOSTILE_TEXTS)}`;
      break;
    case 4:
      // As a value that YAML reads as it is meant.
      lines[at] =
        `${end < 0 ? line : line.slice(0, end)}${JSON.stringify(dice.pick(HOSTILE_TEXTS).slice(0, 2000))}`;
      break;
    default: {
      const bytes = Buffer.from(text);
      for (let times = dice.below(4); times >= 0; times--) bytes[dice.below(bytes.length)] = dice.below(256);
      return bytes;
    }
  }
  return Buffer.from(lines.join('\n'));
}

/** Whether a shell takes it for a program, without running it. */
const isShell = (text: string) => {
  const { status, error } = spawnSync('sh', ['-n'], { input: text });
  if (error !== undefined) throw error;
  return status === 0;
};

/** The scripts that come of what was read, each with the lines in it that are the author's own. */
function scriptsOf(lava: LavaDefinition): readonly { readonly script: string; readonly own: string }[] {
  const { install, run } = lavaScripts(lava, {});
  const own = { run: lava.steps.join('\n'), install: lava.installSteps.join('\n') };
  return [
    { script: run, own: own.run },
    ...(install === undefined ? [] : [{ script: install, own: own.install }]),
  ];
}

describe('a LAVA definition that is spoilt', () => {
  test('is read or refused with a place, and what is read gives what a shell can read', () => {
    const dice = new Dice(SEED);
    let read = 0;
    let refused = 0;
    for (let mutant = 0; mutant < count(400); mutant++) {
      let bytes = spoilt(dice.pick(DEFINITIONS), dice);
      if (dice.below(3) === 0) bytes = spoilt(bytes.toString('utf8'), dice);
      const result = readTestFile({ name: 'suite/spoilt.yaml', bytes }, undefined);
      if (!result.ok) {
        refused++;
        expect(result.problems.length).toBeGreaterThan(0);
        for (const { message, line, column } of result.problems) {
          expect(message, bytes.toString()).not.toMatch(/undefined|\[object|TypeError|\p{Cc}/u);
          expect([line, column], `${message}: ${bytes}`).toEqual([expect.any(Number), expect.any(Number)]);
        }
        continue;
      }
      const { lava, run } = result.spec;
      if (lava === undefined) throw new Error(`read as something else: ${bytes}`);
      read++;
      expect(Buffer.from(run, 'base64').equals(bytes)).toBe(true);
      // A step that is no shell is its author's.
      for (const { script, own } of scriptsOf(lava))
        if (!isShell(script)) expect(isShell(own), `${script}\n--- of\n${bytes}`).toBe(false);
    }
    expect(Math.min(read, refused)).toBeGreaterThan(count(400) / 10);
  }, 120_000);

  test('but for nothing is read', () => {
    for (const text of DEFINITIONS) {
      const result = readTestFile({ name: 'a.yaml', bytes: Buffer.from(text) }, undefined);
      if (!result.ok) throw new Error(JSON.stringify(result.problems));
      for (const { script } of scriptsOf(result.spec.lava as LavaDefinition))
        expect(isShell(script)).toBe(true);
    }
  });
});
