import { describe, expect, it } from 'vitest';
import { type Arrival, inLine } from '../../src/domain/change.js';
import { fitsGlob } from '../../src/domain/glob.js';
import { mailOf, ownerOf } from '../../src/domain/watch.js';

const one = (name: string, depends: readonly string[] = [], madeAt?: Date): Arrival => ({
  ...{ component: `w/${name}`, version: '1', title: name },
  ...(madeAt === undefined ? {} : { madeAt }),
  facts: { name, depends: depends.map((on) => ({ package: on })) },
});
const names = (line: readonly Arrival[]) => line.map(({ title }) => title).join(' ');

describe('what came together', () => {
  it('stands in a line after what it depends on', () => {
    expect(names(inLine([one('a', ['c']), one('b'), one('c', ['d']), one('d')]))).toBe('d c a b');
  });

  it('stands there once, however often it is needed, and whatever is not there', () => {
    expect(names(inLine([one('x', ['z', 'none']), one('y', ['z']), one('z')]))).toBe('z x y');
  });

  it('gets in line in a circle too, and in a chain that is longer than a stack', () => {
    expect(inLine([one('a', ['b']), one('b', ['a'])])).toHaveLength(2);
    const chain = Array.from({ length: 50_000 }, (_, n) => one(`p${n}`, [`p${n + 1}`]));
    expect(inLine(chain)[0]?.title).toBe('p49999');
  });

  it('goes by time where all times are known, and of one time by dependencies', () => {
    const [early, late] = [new Date(1000), new Date(2000)];
    expect(names(inLine([one('a', ['b'], late), one('b', [], late), one('c', ['a'], early)]))).toBe('c b a');
    expect(names(inLine([one('a', ['b'], early), one('b')]))).toBe('b a');
  });
});

describe('whose it is', () => {
  it.each([
    ['linux-image', 'linux-*', true],
    ['linux', 'linux-*', false],
    ['libc6', 'lib??', true],
    ['libc', 'lib??', false],
    ['anything', '*', true],
    ['', '*', true],
    ['a/b/c', '*/c', true],
    ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab', '*a*a*a*a*a*a*a*a*c', false],
    ['a.b', 'a?b', true],
    ['ab', 'a.b', false],
  ])('%s fits %s: %s', (text, pattern, fits) => {
    expect(fitsGlob(text, pattern)).toBe(fits);
  });

  it('goes by the first pattern that fits, else by what its place says', () => {
    const owners = { 'lib*': 'lib@example.org', '*': 'all@example.org' };
    expect(ownerOf({ owners }, ['libc'], 'own@example.org')).toBe('lib@example.org');
    expect(ownerOf({ owners }, ['app', 'libc'], 'own@example.org')).toBe('lib@example.org');
    expect(ownerOf({}, ['app'], 'own@example.org')).toBe('own@example.org');
  });

  it.each([
    ['Ann <ann@example.org>', 'ann@example.org'],
    ['ann@example.org', 'ann@example.org'],
    ['Ann', undefined],
    ['Ann <ann@example.org\r\nBcc: x@y.z>', undefined],
    [undefined, undefined],
  ])('%j has the address %j', (person, mail) => {
    expect(mailOf(person)).toBe(mail);
  });
});
