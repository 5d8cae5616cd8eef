import { describe, expect, it } from 'vitest';
import { compilePattern, parsedCase } from '../../src/domain/lava/parse.js';
import { printedSignal } from '../../src/domain/lava/signal.js';

const groupsOf = (pattern: string, line: string) => {
  const compiled = compilePattern(pattern);
  if ('problem' in compiled) return compiled.problem;
  return new RegExp(compiled.source, compiled.flags).exec(line)?.groups;
};

describe('a pattern in the spelling of Python', () => {
  it.each([
    ['^(?P<test_case_id>\\w+):\\s(?P<result>\\w+)$', 'a: ok', { test_case_id: 'a', result: 'ok' }],
    ['(?i)\\A(?P<test_case_id>x)\\Z', 'X', { test_case_id: 'X' }],
    ['(?P<test_case_id>[]x]+) (?:a|b)', ']x] b', { test_case_id: ']x]' }],
    ['(?P<test_case_id>[^]]+)]', 'ab]', { test_case_id: 'ab' }],
    ['(?P<q>["\'])(?P<test_case_id>.*?)(?P=q)', 'is "it" so', { q: '"', test_case_id: 'it' }],
    ['(?P<test_case_id>a{,2})b(?#so few)', 'aab', { test_case_id: 'aa' }],
    ['\\[(?P<test_case_id>[[(]+)\\]', '[[(]', { test_case_id: '[(' }],
    ['(?<!no )(?P<test_case_id>t\\d)', 'no t1 t2', { test_case_id: 't2' }],
  ])('%s finds its groups', (pattern, line, groups) => {
    expect(groupsOf(pattern, line)).toEqual(groups);
  });

  it.each([
    ['(?P<test_case_id>a)(?>b)', "'(?>b)' is not known here"],
    ['(?P<test_case_id>a++)', "'++' never gives back what it took: not known here"],
    ['(?x)(?P<test_case_id>a)', 'the flag (?x) of Python is not known here; i, m and s are'],
    ['(?P<test_case_id>\\N{BULLET})', "'\\N' is not known here"],
    ['(?P<test_case_id>a', /^is no regular expression: /],
    ['(?P<test_case_id>[a', "a set of characters '[...' has no end"],
    ['(?P<name>a)', 'has no group (?P<test_case_id>...)'],
    ['(?P<test_case_id>a)\\', 'ends with a backslash'],
  ])('%s is said to be none', (pattern, problem) => {
    const compiled = compilePattern(pattern);
    expect('problem' in compiled && compiled.problem).toEqual(
      typeof problem === 'string' ? problem : expect.stringMatching(problem),
    );
  });

  it('has its results put right, and only by what the definition itself says', () => {
    const groups = { test_case_id: ' a ', result: 'constructor', measurement: undefined };
    expect(parsedCase(groups, { OK: 'pass' })).toMatchObject({ name: 'a', result: 'constructor' });
    expect(parsedCase({ ...groups, result: 'OK' }, { OK: 'pass' })).toMatchObject({ result: 'pass' });
  });
});

describe('a signal that is printed', () => {
  it.each([
    ['<LAVA_SIGNAL_STARTTC a>', { kind: 'start', name: 'a' }],
    ['<LAVA_SIGNAL_ENDTC a>', { kind: 'end', name: 'a' }],
    [
      'x <LAVA_SIGNAL_TESTCASE TEST_CASE_ID=a=b RESULT=pass UNITS=s MEASUREMENT=1> y',
      { kind: 'case', name: 'a=b', result: 'pass', measurement: '1', units: 's' },
    ],
    ['<LAVA_SIGNAL_TESTSET START s>', { kind: 'set', name: 's' }],
    ['<LAVA_SIGNAL_TESTSET STOP s>', { kind: 'set', name: '' }],
    ['<LAVA_SIGNAL_TESTREFERENCE a pass u>', { kind: 'reference', name: 'a', result: 'pass', url: 'u' }],
    ['<LAVA_SIGNAL_TESTRAISE no board>', { kind: 'raise', message: 'no board' }],
  ])('%s is read', (line, signal) => {
    expect(printedSignal(line)).toEqual(signal);
  });

  it.each([
    '+ echo <LAVA_SIGNAL_TESTCASE TEST_CASE_ID=a RESULT=pass>',
    '<LAVA_SIGNAL_TESTCASE RESULT=pass>',
    '<LAVA_SIGNAL_STARTRUN 0_x 1.2>',
    '<LAVA_SIGNAL_TESTSET PAUSE s>',
    '<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=a RESULT=pass',
    '<LAVA_SIGNAL_TESTSET START >',
  ])('%s says nothing of a case', (line) => {
    expect(printedSignal(line)).toBeUndefined();
  });
});
