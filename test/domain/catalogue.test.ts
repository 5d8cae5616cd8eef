import { describe, expect, it } from 'vitest';
import { makeCatalogue } from '../../src/domain/catalogue.js';
import type { Alias, TagSpec } from '../../src/domain/tag.js';
import { alias, catalogueOf, derived, KERNEL, tag } from './a-catalogue.js';

const problems = (tags: readonly TagSpec[], aliases: readonly Alias[] = []) => {
  const made = makeCatalogue(tags, aliases);
  return 'problems' in made ? made.problems.map(({ name, message }) => `${name}: ${message}`) : [];
};

describe('a catalogue', () => {
  it('finds tags by name, and members of families under their own', () => {
    const { find, names } = catalogueOf(
      [tag('gpu'), tag('cmd:*'), tag('cmd:py:*', KERNEL), tag('cmd:gcc', KERNEL)],
      [alias('card', 'gpu')],
    );
    expect(find('gpu')?.name).toBe('gpu');
    expect(find('cmd:g++')).toMatchObject({ name: 'cmd:g++', kind: 'flag' });
    expect(find('cmd:py:pip')).toMatchObject({ name: 'cmd:py:pip', kind: 'version' });
    expect(find('cmd:gcc')).toMatchObject({ name: 'cmd:gcc', kind: 'version' });
    for (const none of ['cmd:', 'cmd', 'cmd:a b', 'other', 'card', '']) expect(find(none)).toBeUndefined();
    expect(names).toEqual(['card', 'cmd:*', 'cmd:gcc', 'cmd:py:*', 'gpu']);
  });

  it('writes aliases out, in any order, in one spelling', () => {
    const catalogue = catalogueOf(
      [tag('a'), tag('b')],
      [alias('z', 'not y'), alias('y', 'x | b'), alias('x', 'a')],
    );
    expect(catalogue.alias('z')?.is).toBe('not a & not b');
    expect(catalogue.alias('x')?.is).toBe('a');
    expect(catalogue.alias('a')).toBeUndefined();
  });

  it('takes the same entry twice for one', () => {
    expect(problems([tag('a'), tag('a')], [alias('x', 'a'), alias('x', 'a')])).toEqual([]);
  });

  it.each<[string, readonly TagSpec[], readonly Alias[], readonly string[]]>([
    [
      'one name with two meanings, and both are named',
      [tag('gpu'), tag('gpu', 'flag', { meaning: 'a card', owner: 'jo' })],
      [],
      ["gpu: 'gpu' has two meanings: 'what gpu means' and 'a card' (jo)"],
    ],
    [
      'a tag of two kinds',
      [tag('k'), tag('k', KERNEL)],
      [],
      [
        "k: 'k' has two meanings: 'what k means' and 'what k means', which differ in what else is said of them",
      ],
    ],
    ['an alias that is a tag', [tag('gpu'), tag('a')], [alias('gpu', 'a')], ['two meanings']],
    [
      'an alias that a family takes in',
      [tag('cmd:*')],
      [alias('cmd:cc', 'cmd:gcc')],
      ["cmd:cc: 'cmd:cc' has two meanings"],
    ],
    [
      'an alias of nothing known',
      [tag('kernel')],
      [alias('x', 'kernle')],
      ["'kernle'; did you mean 'kernel'?"],
    ],
    ['an alias of itself', [tag('a')], [alias('x', 'not x')], ["'x' stands for itself: x -> x"]],
    [
      'aliases in a circle',
      [tag('a')],
      [alias('x', 'y & a'), alias('y', 'z'), alias('z', 'a | x')],
      ["'x' stands for itself: x -> y -> z -> x"],
    ],
    [
      'a tag that follows from nothing known',
      [derived('d', 'e')],
      [],
      ["'d' follows from an unknown tag: 'e'"],
    ],
    [
      'tags that follow from each other',
      [tag('a'), derived('d', 'a & e'), derived('e', 'not f'), derived('f', 'd')],
      [],
      ["'d' follows from itself: d -> e -> f -> d"],
    ],
    ['a keyword', [tag('not')], [], ["'not' is a word of the requirement language"]],
    ['a name with a space', [tag('a b')], [], ["'a b' cannot be the name of a tag"]],
    ['a family of everything', [tag(':*')], [], ["':*' cannot be the name of a tag"]],
    [
      'a derived version',
      [tag('a'), { ...tag('v', KERNEL), source: { by: 'formula', is: 'a' } }],
      [],
      ["'v' follows from a formula, and so is a flag, not a version"],
    ],
    [
      'a derived family',
      [tag('a'), { ...tag('v:*'), source: { by: 'formula', is: 'a' } }],
      [],
      ["'v:*' is a family"],
    ],
    [
      'aliases that grow without end',
      [tag('a'), tag('b')],
      [
        alias('x0', 'a'),
        ...Array.from({ length: 30 }, (_, n) => alias(`x${n + 1}`, `(x${n} & b) | (x${n} & not b)`)),
      ],
      ['x7', 'x14', 'x21', 'x28'].map((name) => `'${name}' has more than 500 parts when written out`),
    ],
    [
      'aliases of aliases without end',
      [tag('a')],
      [alias('x0', 'a'), ...Array.from({ length: 3000 }, (_, n) => alias(`x${n + 1}`, `x${n}`))].reverse(),
      ['is named by aliases more than 40 deep'],
    ],
    [
      'tags that follow from tags without end',
      [tag('x0'), ...Array.from({ length: 3000 }, (_, n) => derived(`x${n + 1}`, `x${n}`))].reverse(),
      [],
      ['follows from others more than 40 deep'],
    ],
  ])('refuses %s', (_title, tags, aliases, messages) => {
    const found = problems(tags, aliases);
    for (const message of messages) expect(found.join('\n')).toContain(message);
    if (found.length < 5) expect(found).toHaveLength(messages.length);
  });
});
