import { MOST_RUNS, readBrokenRule } from '../domain/culprit/broken-rule.js';
import { TAP_FORMS } from '../domain/judge/tap-in.js';
import { DEFAULT_MAPPING, type LavaMapping } from '../domain/lava/mapping.js';
import { canonical, fromCanonical, normal } from '../domain/requirement.js';
import type { Catalogue } from '../domain/tag.js';
import { TEST_DEFAULTS, type TestSpec } from '../domain/test.js';
import { isLava, LAVA_FORMAT, type LavaResult, readLavaDefinition } from './lava-definition.js';
import { readMatrix } from './matrix-source.js';
import { Fields, NAME } from './source-fields.js';
import { headerKey, readHeader, TEST_KEYS } from './test-header.js';
import { decodeUtf8, type FileProblem, type Position, readYaml, type Source, shown } from './yaml-source.js';

/** A test file, as it was found or sent. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What came of reading a test file: all that is wrong with it at once; notes stop nobody. */
export type TestFileResult =
  | { readonly ok: true; readonly spec: TestSpec; readonly notes?: readonly FileProblem[] }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** The largest test file that is taken. */
export const MAX_TEST_FILE_BYTES = 2 * 1024 * 1024;

const START: Position = { line: 1, column: 1 };
const ENV_NAME = /^(?!TESTYARD_)[A-Za-z_][A-Za-z0-9_]{0,99}$/;
const ENV_RULE = 'a name for the environment: letters, digits and _, and not TESTYARD_..., which is ours';
const COMMAND = /^[A-Za-z0-9_+./][A-Za-z0-9_+./@:-]{0,199}$/;
/** Printable and of one line: it is shown in lists and written to JUnit XML. */
const CASE = /^[^\p{Cc}]{1,500}$/u;
const HANDLER = /^(?:\.\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/;
const DIRTIES = ['nothing', 'use', 'boot', 'packages', 'image'] as const;
const LAVA_KEYS = TEST_KEYS.filter((key) => !['name', 'output'].includes(key));
const YAML_KEYS = ['testyard', ...TEST_KEYS, 'matrix', 'run', 'setup', 'teardown'];

/**
 * Reads a test file of any form: an executable with its needs in comments at its top, YAML, or a LAVA test definition.
 * What it requires is read against the catalogue; without one any well-formed name is taken. Words of LAVA metadata
 * mean what the mapping says.
 */
export function readTestFile(
  file: NamedBytes,
  catalogue: Catalogue | undefined,
  mapping: LavaMapping = DEFAULT_MAPPING,
): TestFileResult {
  if (file.bytes.length === 0) return refused('the file is empty');
  if (file.bytes.length > MAX_TEST_FILE_BYTES)
    return refused(`the file has ${file.bytes.length} bytes; a test file has at most ${MAX_TEST_FILE_BYTES}`);
  return isYaml(file) ? readYamlTest(file, catalogue, mapping) : readExecutable(file, catalogue);
}

function isYaml({ name, bytes }: NamedBytes): boolean {
  if (/\.ya?ml$/i.test(name)) return true;
  // Without the ending: what begins like our YAML would be no program anyway.
  return isYamlTest(bytes);
}

/** Whether a file begins, after comments, as a test in YAML does. */
function isYamlTest(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, 4096)).toString('latin1');
  return !head.startsWith('#!') && /^(?:---[ \t]*\r?\n)?(?:[ \t]*(?:#.*)?\r?\n)*testyard[ \t]*:/.test(head);
}

/**
 * What a file that begins so is: a LAVA definition, a test, or a program that says nothing of being one; a program is a
 * test too, but beside LAVA definitions it is a part of theirs. Undefined: no test.
 */
export function headKind(head: Uint8Array, isExecutable: boolean): 'lava' | 'test' | 'program' | undefined {
  const text = Buffer.from(head).toString('latin1');
  if (text.startsWith('#!')) return SAYS_SO.test(text) ? 'test' : 'program';
  if (text.startsWith('\x7fELF')) return isExecutable ? 'program' : undefined;
  if (isYamlTest(head)) return 'test';
  return LAVA_HEAD.test(text) && !LAVA_JOB.test(text) ? 'lava' : undefined;
}

/** Which of the files of a folder are tests. */
export function testsAmong<Of extends { readonly kind: ReturnType<typeof headKind> }>(files: readonly Of[]) {
  const hasLava = files.some(({ kind }) => kind === 'lava');
  return (file: Of) => file.kind !== undefined && !(hasLava && file.kind === 'program');
}

const SAYS_SO = /^[ \t]*(?:#|\/\/|--|;+)[ \t]*testyard:/m;
/** A job has definitions in it and is none. */
const LAVA_JOB = /^(?:job_name|actions)[ \t]*:/m;
/** A line that says the format; whatever else is wrong with such a file its reader says better. */
const LAVA_HEAD = new RegExp(`^metadata[ \\t]*:[\\s\\S]*^[ \\t]+format[ \\t]*:[ \\t'"]*${LAVA_FORMAT}`, 'm');

function readExecutable(file: NamedBytes, catalogue: Catalogue | undefined): TestFileResult {
  const header = readHeader(file.bytes);
  const fields = new Fields(header.entries, TEST_KEYS, START, headerKey);
  fields.problems.push(...header.problems);
  return finished(fields, {
    ...common(fields, file.name, catalogue),
    run: Buffer.from(file.bytes).toString('base64'),
  });
}

function readYamlTest(
  file: NamedBytes,
  catalogue: Catalogue | undefined,
  mapping: LavaMapping,
): TestFileResult {
  const decoded = decodeUtf8(file.bytes);
  if ('problem' in decoded) return { ok: false, problems: [decoded.problem] };
  if (!isYamlTest(file.bytes)) {
    const others = readYaml(decoded.text, 'others');
    if (!others.ok && LAVA_HEAD.test(decoded.text)) return others;
    if (others.ok && others.root.kind === 'map' && isLava(others.root.entries))
      return withOwnWords(readLavaDefinition(others.root, file, mapping), others.root, file, catalogue);
  }
  const yaml = readYaml(decoded.text);
  if (!yaml.ok) return yaml;
  if (yaml.root.kind !== 'map') return refused("a test in YAML begins with the line 'testyard: 1'");
  const version = yaml.root.entries.find(({ key }) => key === 'testyard')?.value;
  if (version === undefined) {
    return refused("the version is missing: write 'testyard: 1' as the first line");
  }
  // What another version means by its keys is not ours to guess, so nothing else is looked at.
  if (version.kind !== 'text' || version.text !== '1') {
    const found = version.kind === 'text' ? ` '${shown(version.text)}'` : '';
    return refused(`version${found} is not known here: write 'testyard: 1'`, version.at);
  }
  const fields = new Fields(yaml.root.entries, YAML_KEYS, START);
  if (!fields.has('run')) fields.wrong(START, "'run' is missing: say what the test runs");
  const run = fields.text('run') ?? '';
  const setup = fields.text('setup');
  const teardown = fields.text('teardown');
  const matrix = readMatrix(fields);
  return finished(fields, {
    ...common(fields, file.name, catalogue),
    run: Buffer.from(run.startsWith('#!') ? run : `#!/bin/sh\n${run}`).toString('base64'),
    ...(matrix === undefined ? {} : { matrix }),
    ...(setup === undefined ? {} : { setup }),
    ...(teardown === undefined ? {} : { teardown }),
  });
}

/**
 * What a LAVA definition says for us, below the key `testyard`, which LAVA passes over: what it requires, beside what its
 * metadata asks for, and the rest that every test can say.
 */
function withOwnWords(
  read: LavaResult,
  root: Source & { readonly kind: 'map' },
  file: NamedBytes,
  catalogue: Catalogue | undefined,
): TestFileResult {
  const own = root.entries.find(({ key }) => key === 'testyard');
  if (!read.ok || own?.value.kind !== 'map') return read;
  const fields = new Fields(own.value.entries, LAVA_KEYS, own.at);
  const { name: _, requirement, ...said } = common(fields, file.name, catalogue);
  const both = [read.spec.requirement, requirement].map(fromCanonical);
  const result = finished(fields, {
    ...read.spec,
    ...said,
    requirement: canonical(normal({ kind: 'all', of: both })),
  });
  return result.ok ? { ...result, notes: read.notes } : result;
}

/** What both forms can say. */
function common(fields: Fields, fileName: string, catalogue: Catalogue | undefined) {
  const owner = fields.line('owner');
  const dirties = fields.oneOf('dirties', DIRTIES);
  const output = fields.oneOf('output', TAP_FORMS);
  const handlers = fields.words(
    'handlers',
    HANDLER,
    'the name of a handler, or ./FILE for one that lies beside the test',
  );
  const { requirement, prefer } = fields.formula('requires', catalogue, 'prefer');
  const broken = brokenRule(fields);
  return {
    name: fields.has('name') ? (fields.name('name') ?? '') : defaultName(fields, fileName),
    ...(owner === undefined ? {} : { owner }),
    requirement,
    ...(prefer.length === 0 ? {} : { prefer }),
    labels: fields.words('labels', NAME, 'a label'),
    environment: fields.texts('environment', ENV_NAME, ENV_RULE),
    timeoutMs: fields.duration('timeout') ?? TEST_DEFAULTS.timeoutMs,
    setupTimeoutMs: fields.duration('setup_timeout') ?? TEST_DEFAULTS.setupTimeoutMs,
    teardownTimeoutMs: fields.duration('teardown_timeout') ?? TEST_DEFAULTS.teardownTimeoutMs,
    ...(dirties === undefined ? {} : { dirties }),
    cases: fields.words('cases', CASE, 'the name of a case'),
    ...(output === undefined ? {} : { output }),
    commands: fields.words('commands', COMMAND, 'the name of a command'),
    underTest: fields.words('under_test', COMMAND, 'the name of a command'),
    network: fields.flag('network') ?? false,
    ...(broken === undefined ? {} : { broken }),
    ...(handlers.length === 0 ? {} : { handlers }),
  };
}

function brokenRule(fields: Fields) {
  const text = fields.text('broken');
  const rule = text === undefined ? undefined : readBrokenRule(text);
  if (text !== undefined && rule === undefined)
    fields.wrong(
      fields.at('broken'),
      `'${shown(text)}' is no rule: write 9/10 where it is broken once more than 9 of 10 runs fail (${MOST_RUNS} runs at most)`,
    );
  return rule;
}

function defaultName(fields: Fields, fileName: string): string {
  const base = fileName.slice(Math.max(fileName.lastIndexOf('/'), fileName.lastIndexOf('\\')) + 1);
  const name = base.replace(/(?<=.)\.[^.]*$/, '');
  if (!NAME.test(name))
    fields.wrong(START, `the file's name '${shown(base)}' is no name for a test: say one with 'name: ...'`);
  return name;
}

function finished(fields: Fields, spec: TestSpec): TestFileResult {
  if (fields.problems.length === 0) return { ok: true, spec };
  const byPlace = [...fields.problems].sort(
    (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
  return { ok: false, problems: byPlace.slice(0, 50) };
}

function refused(message: string, at: Position = START): TestFileResult {
  return { ok: false, problems: [{ message, ...at }] };
}
