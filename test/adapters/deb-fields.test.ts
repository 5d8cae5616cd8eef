import { describe, expect, it } from 'vitest';
import { factsOf, newestEntry, paragraphsOf, relationsOf } from '../../src/adapters/deb-fields.js';

describe('relations between packages', () => {
  it.each([
    ['a', [{ package: 'a' }]],
    ['a (>= 1.0-1), b', [{ package: 'a', operator: '>=', version: '1.0-1' }, { package: 'b' }]],
    [
      'a (<< 2) | b (>> 1) | c',
      [
        {
          package: 'a',
          operator: '<',
          version: '2',
          or: [{ package: 'b', operator: '>', version: '1' }, { package: 'c' }],
        },
      ],
    ],
    ['python3:any (= 3.11)', [{ package: 'python3', operator: '=', version: '3.11' }]],
    ['a [amd64] <!nocheck>', [{ package: 'a' }]],
    ['', []],
    [' , ,', []],
  ])('%j', (text, relations) => {
    expect(relationsOf(text)).toEqual(relations);
  });
});

describe('a paragraph of a list of packages', () => {
  const text = `Package: app
Source: app-src (1.0)
Version: 1:1.0
Pre-Depends: init
Depends: lib,
 other
Breaks: old (<< 1)
Provides: thing (= 2), stuff
Section: net
Architecture: all
Description: short
 long

Package: second
Version: 2
`;

  it('has what a search goes by', () => {
    const [first, second] = [...paragraphsOf(text)].map(factsOf);
    expect(first).toEqual({
      ...{
        name: 'app',
        source: 'app-src',
        section: 'net',
        architecture: 'all',
        provides: ['thing', 'stuff'],
      },
      depends: [{ package: 'init' }, { package: 'lib' }, { package: 'other' }],
      conflicts: [{ package: 'old', operator: '<', version: '1' }],
    });
    expect(second).toEqual({ name: 'second', source: 'second' });
  });
});

describe('a changelog', () => {
  it('tells by its newest entry what was done, by whom and when', () => {
    const log = `app (1.0-2) unstable; urgency=medium

  * Fixes the leak.
  * More.

 -- Ann Body <ann@example.org>  Mon, 05 Jan 2026 10:00:00 +0100

app (1.0-1) unstable; urgency=low

  * Older.

 -- Bob <bob@example.org>  Sun, 04 Jan 2026 10:00:00 +0100
`;
    expect(newestEntry(log)).toEqual({
      title: 'Fixes the leak.',
      author: 'Ann Body <ann@example.org>',
      madeAt: new Date('2026-01-05T09:00:00Z'),
    });
  });

  it.each(['', 'nothing of the kind', ' -- Ann <ann@example.org>  some day\n'])(
    '%j breaks nothing',
    (text) => {
      expect(newestEntry(text)).not.toHaveProperty('madeAt');
    },
  );
});
