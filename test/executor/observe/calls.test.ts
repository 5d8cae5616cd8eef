import { describe, expect, it } from 'vitest';
import { readCall } from '../../../src/executor/observe/calls.js';

describe('what a call of a tool of set-up asks for', () => {
  const table: readonly (readonly [string, string | undefined])[] = [
    ['curl -fsSL https://example.org/x', 'https://example.org/x'],
    ['curl -fsSL get.example.org -o get-it.sh', 'get.example.org'],
    ['curl -o get-it.sh get.example.org', 'get.example.org'],
    ['curl -sSLo get-it.sh get.example.org:8080', 'get.example.org:8080'],
    ['wget -q -O page.html example.org', 'example.org'],
    ['wget example.org/a.tar', 'example.org/a.tar'],
    ['wget --version', undefined],
    ['curl -o page.html', undefined],
    ['git clone https://example.org/x.git', 'https://example.org/x.git'],
    ['git status', undefined],
  ];
  for (const [line, from] of table)
    it(line, () => {
      const [tool = '', ...args] = line.split(' ');
      expect(readCall(tool, args)).toEqual(from === undefined ? undefined : { of: 'fetch', from });
    });
});
