import { describe, expect, it } from 'vitest';
import { isCalled, isCondition, isTaken, useInLine, useOf } from '../../../src/executor/observe/use.js';

describe('what a line of shell does with a command', () => {
  const table: readonly (readonly [string, string])[] = [
    ['fio --output=a', 'needed'],
    ['x=$(fio --version)', 'needed'],
    ['if fio; then', 'needed'],
    ['fio || exit 1', 'needed'],
    ['fio || report_fail a', 'needed'],
    ['fio | tee log', 'needed'],
    ['fio 2>/dev/null', 'tolerated'],
    ['fio 2>/dev/null\n[ $? = 0 ]', 'needed'],
    ['fio 2>/dev/null\nverdict_of a', 'needed'],
    ['x=$(fio 2>/dev/null)', 'needed'],
    ['fio >log 2>/dev/null || true', 'needed'],
    ['fio 2>/dev/null | grep x', 'needed'],
    ['fio >>log 2>&1 || true', 'needed'],
    ['fio >/dev/null 2>&1 || exit 1', 'needed'],
    ["TOOL='fio'", 'needed'],
    ['fio || true', 'tolerated'],
    ['fio || :', 'tolerated'],
    ['(fio || true)', 'tolerated'],
    ['fio || echo "not there"', 'tolerated'],
    ['fio || warn_msg "not there"', 'tolerated'],
    ['fio || { echo "fail"; exit 1; }', 'needed'],
    ['fio >/dev/null 2>&1', 'tolerated'],
    ['fio &>/dev/null', 'tolerated'],
    ['which fio', 'tolerated'],
    ['command -v fio && fio', 'asked'],
    ['if command -v fio >/dev/null 2>&1; then', 'asked'],
    ['if ! command -v fio; then', 'needed'],
    ['command -v fio || exit 1', 'needed'],
    ['command -v fio || {', 'needed'],
    ['which fio || error_msg "no fio"', 'needed'],
    ['if ! tool=$(command -v fio); then\n    tool=./bin/fio\nfi', 'asked'],
    ['if ! command -v fio; then\n    code=1\n    exit 1', 'needed'],
    ['if ! command -v fio; then\n    echo no\nfi\nx=1', 'needed'],
    ['echo "running fio"', 'none'],
    ['# fio is great', 'none'],
    ['#!/usr/bin/env fio', 'needed'],
    ['#!/usr/bin/env fio-2', 'none'],
    ['fio-helper', 'none'],
    ['/opt/fio', 'none'],
    ['my_fio', 'none'],
  ];
  const readers = new Set(['verdict_of']);
  it.each(table)('%s', (lines, use) => {
    const [text = '', ...after] = lines.split('\n');
    expect(useInLine('fio', { text, after }, readers)).toBe(use);
  });

  it.each([
    ['if fio check; then', true],
    ['  elif ! fio; then', true],
    ['if fio-helper; then', false],
    ['if command -v fio; then', false],
    ['fio && pass a', false],
  ])('a condition: %s', (text, is) => {
    expect(isCondition('fio', { text })).toBe(is);
  });

  it('what is asked for before it is called is not needed', () => {
    const lines = ['if command -v fio; then', '  fio', 'fi'].map((text, number) => ({
      file: '/a',
      number,
      text,
      after: [],
    }));
    expect(useOf('fio', lines, readers)).toBe('asked');
    expect(useOf('fio', lines.slice(1), readers)).toBe('needed');
  });
});

describe('what a line of shell calls', () => {
  const calls = [
    ...[
      'fio --output=a',
      '  fio',
      'if fio; then',
      'x=$(fio -v)',
      'x=`fio`',
      'a | fio',
      'a && fio',
      'for x in y; do fio; done',
    ],
    ...[
      'LC_ALL=C fio',
      'timeout 10 fio a',
      'timeout -k 1 10 fio',
      'sudo -u x fio',
      '/usr/bin/fio a',
      'lava-test-case a --shell fio b',
    ],
    ...['"fio" a', 'while ! fio; do', 'nice -n 5 env A=1 fio', '{ fio; }', '(fio)', 'else fio'],
  ];
  for (const line of calls) it(line, () => expect(isCalled('fio', { text: line })).toBe(true));

  const none = [
    ...[
      'apt-get install fio',
      'install_deps "fio"',
      'echo fio',
      '# fio',
      'fio=1',
      'fio() {',
      'x fio',
      'TOOL=fio',
      'fio-server',
      'a.fio',
    ],
    ...['fio.conf', 'lava-test-case fio --result pass', 'report_pass "fio"', 'cat fio'],
  ];
  for (const line of none) it(`not: ${line}`, () => expect(isCalled('fio', { text: line })).toBe(false));

  it('and what it may run under another name', () => {
    for (const line of [
      'sh /usr/bin/fio',
      '. fio',
      'python3 -u fio',
      'cp "/usr/bin/fio" x',
      'sh "$(command -v fio)"',
    ])
      expect(isTaken('fio', { text: line }), line).toBe(true);
    for (const line of ['fio', 'apt-get install fio', 'command -v fio', 'x=$(fio)', 'sh fio-helper'])
      expect(isTaken('fio', { text: line }), line).toBe(false);
  });
});
