import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Item, readRequirement } from '../../src/domain/language/read.js';
import { canonical, requirementKey } from '../../src/domain/requirement.js';
import { alias, BYTES, catalogueOf, LAB, read, tag, text } from './a-catalogue.js';

const said = (...items: readonly (string | Item)[]) => {
  const { requirement, problems } = read(items);
  return problems.length > 0 ? problems : canonical(requirement);
};
const at = { line: 1, column: 1 };
const group = (kind: 'any' | 'all' | 'not' | 'prefer', ...of: readonly (string | Item)[]): Item => ({
  kind,
  of: of.map((item) => (typeof item === 'string' ? text(item) : item)),
  at,
});

describe('what a requirement says', () => {
  it.each([
    ['root', 'root'],
    ['kernel-3.3.10+', 'kernel >= 3.3.10'],
    ['windows-7sp1+', 'windows >= 7sp1'],
    ['win_fresh_install', 'win_fresh_install'],
    ['virtiowin-2013-10-24+', 'virtiowin >= 2013-10-24'],
    ['fresh_reboot', 'fresh_reboot'],
    ['DELL_R420', 'model = "PowerEdge R420"'],
    ['NVIDIAGTX999GX8GB_at_PCIePORT1', 'pci 10de:1b80 @ 01:00.0'],
  ])('understands %s as the mailing list meant it', (item, meaning) => {
    expect(said(item)).toBe(meaning);
  });

  it.each([
    ['not virtual', 'not virtual'],
    ['not not virtual', 'virtual'],
    ['not (root & virtual)', 'not root | not virtual'],
    ['windows-7sp1', 'windows = 7sp1'],
    ['not kernel-3.3.10+', 'not kernel >= 3.3.10'],
    ['g++', 'g++'],
    ['e1000-82540em', 'e1000-82540em'],
    ['e1000-82541+', 'e1000 >= 82541'],
    ['cmd:g++', 'cmd:g++'],
    ['memory >= 16GiB', 'memory >= 16GiB'],
    ['memory-16GiB+', 'memory >= 16GiB'],
    ['cpus>=8', 'cpus >= 8'],
    ['kernel >= 5.4.1 < 6.0.2', 'kernel >= 5.4.1 < 6.0.2'],
    ['kernel < 6.0.2 >= 5.4.1', 'kernel >= 5.4.1 < 6.0.2'],
    ['kernel >= 5.4.1 != 5.10.2', 'kernel != 5.10.2 & kernel >= 5.4.1'],
    ['linux >= 5.4.1', 'kernel >= 5.4.1'],
    ['linux-5.4.1+', 'kernel >= 5.4.1'],
    ['DELL_R420 | root', 'model = "PowerEdge R420" | root'],
    ['dell & root', '(model = "PowerEdge R420" | model = "PowerEdge R430") & root'],
    ['root & virtual | g++', 'g++ | (root & virtual)'],
    ['root & (virtual | g++)', '(g++ | virtual) & root'],
    ['bare-metal', 'bare-metal'],
    ['pci', 'pci'],
    ['pci x 2', 'pci x 2'],
    ['pci 10DE:1B80 @ 0000:01:00.0', 'pci 10de:1b80 @ 01:00.0'],
    ['pci @ 01:00.0 10de:1b80', 'pci 10de:1b80 @ 01:00.0'],
    ['pci x 2 driver = nvidia 10de:*', 'pci 10de:* driver = nvidia x 2'],
    ['pci @ 0001:01:00.0', 'pci @ 0001:01:00.0'],
    ['nic @ eth0 driver != e1000', 'nic @ eth0 driver != e1000'],
    ['nic speed >= 10Gbit/s < 40Gbit/s', 'nic speed >= 10Gbit/s speed < 40Gbit/s'],
    ['model = "a \\"b\\" \\u{e9}"', 'model = "a \\"b\\" é"'],
    ['model = x', 'model = "x"'],
  ])('reads %s', (item, meaning) => {
    expect(said(item)).toBe(meaning);
  });

  it('joins the items of a list, and reads the longer forms', () => {
    expect(said('root', 'not virtual')).toBe('not virtual & root');
    expect(said(group('any', 'root', 'virtual'))).toBe('root | virtual');
    expect(said(group('any', group('all', 'root', 'g++'), 'virtual'))).toBe('(g++ & root) | virtual');
    expect(said(group('not', 'root'))).toBe('not root');
    expect(said(group('not', 'root', 'virtual'))).toBe('not root | not virtual');
    expect(said()).toBe('');
  });

  it('keeps preferences apart from what must hold', () => {
    const { requirement, prefer, problems } = read(['root', group('prefer', 'kernel-6.1.1+', 'not virtual')]);
    expect(problems).toEqual([]);
    expect(canonical(requirement)).toBe('root');
    expect(prefer.map(canonical)).toEqual(['kernel >= 6.1.1', 'not virtual']);
  });

  it('takes any well-formed name for a flag where there is no catalogue, and compares nothing', () => {
    const bare = (item: string) => readRequirement([text(item)], undefined);
    expect(canonical(bare('not something-1.2+').requirement)).toBe('not something-1.2+');
    expect(bare('kernel >= 5').problems).toMatchObject([
      { at: { column: 8 }, message: expect.stringContaining('no tag catalogue') },
    ]);
    expect(bare('a b').problems).toMatchObject([
      { at: { column: 3 }, message: expect.stringContaining('one item per line') },
    ]);
    expect(bare('ä').problems).toHaveLength(1);
  });
});

describe('what is no requirement is refused, with the place and what would be right', () => {
  it.each<[string, number, string]>([
    ['', 1, 'empty item: write a tag, or leave the line out'],
    ['  ', 1, 'empty item'],
    ['!virtual', 1, "write 'not x' for the contrary of x"],
    ['root virtual', 6, "'virtual' begins a second one"],
    ['not root virtual', 10, "'virtual' begins a second one"],
    ['kernel >= 5.4 root', 15, "'root' begins a second one"],
    ['pci 10de:1b80 root', 15, "'root' begins a second one"],
    ['pci driver = a kernel >= 5', 16, "'kernel' begins a second one"],
    ['root kernel-5+', 6, "'kernel-5+' begins a second one"],
    ['root not virtual', 6, "'not' begins a second one"],
    ['root, virtual', 1, 'one item per line, without commas'],
    ['root and virtual', 6, "'and' is written '&'"],
    ['root || virtual', 6, "'||' is written '|'"],
    ['kernle', 1, "did you mean 'kernel'?"],
    ['Root', 1, "did you mean 'root'?"],
    ['kernle-5.4+', 1, "did you mean 'kernel-5.4+'?"],
    ['kernle-5.4~rc1+', 1, "did you mean 'kernel-5.4~rc1+'?"],
    ['something-else', 1, 'the catalogue has no such tag'],
    ['root-5', 1, 'root is a flag and has no value'],
    ['pci-10de:1b80', 1, "write 'pci 10de:1b80'"],
    ['cmd:*', 1, 'not understood'],
    ['ä', 1, 'not understood'],
    ['"root"', 1, 'without quotes'],
    ['root >= 5', 6, 'root is a flag, there or not, without a value'],
    ['root @ 5', 6, "root is a flag, there or not: '@' and 'x' ask for devices"],
    ['root x2', 6, "'x2' is written 'x 2'"],
    ['nic x2', 5, "'x2' is written 'x 2'"],
    ['model > 5', 7, "'>' needs an order"],
    ['model = PowerEdge R420', 19, 'a value with spaces stands in double quotes'],
    ["model = 'PowerEdge R420'", 9, 'double quotes'],
    ['model = "PowerEdge', 9, 'never closed'],
    ['model = "a\\qb"', 11, 'after a backslash'],
    ['model = "a\\u{0}b"', 11, 'after a backslash'],
    ['kernel @ 5', 8, 'kernel is no device'],
    ['kernel release = 5', 8, 'kernel has no attributes'],
    ['kernel >= ', 11, "after '>=' comes a value"],
    ['kernel == 5', 8, "'==' is written '='"],
    ['kernel => 5', 8, "'=>' is written '>='"],
    ['kernel >= abc', 11, "'abc' is no kernel version"],
    ['kernel-5.x.4+', 8, 'is no kernel version'],
    ['kernel-5.4+ < 6', 13, "a range begins with 'kernel >= 5.4'"],
    ['kernel >= 6.0 < 5.4', 15, 'no kernel is >= 6.0'],
    ['kernel = 5.4 > 5.4', 14, 'at once'],
    ['kernel > 5.4 <= 5.4', 14, 'at once'],
    ['nic speed >= 10Gbit speed < 1Gbit', 21, 'no speed is'],
    ['memory >= 16', 11, 'no unit'],
    ['memory >= 16 GiB', 14, 'one word: 16GiB'],
    ['pci drivr = nvidia', 5, "did you mean 'driver'?"],
    ['pci colour = red', 5, 'it has driver'],
    ['pci id = 10de:1b80', 5, 'stands behind its name'],
    ['pci >= 5', 5, 'name an attribute'],
    ['pci a b', 7, 'two ids'],
    ['pci *', 5, "'*' stands at its end only"],
    ['pci @ a @ b', 9, 'two places'],
    ['pci @', 6, "after '@' comes a place"],
    ['pci x 2 x 3', 9, 'twice how many'],
    ['pci x 0', 7, 'a whole number from 1'],
    ['pci x many', 7, 'a whole number from 1'],
    ['dell > 5', 6, 'dell is a name for'],
    ['dell root', 6, "'root' begins a second one"],
    ['pkg:openssl-3.0+', 1, "write 'pkg:openssl >= 3.0'"],
    ['not', 1, "after 'not' comes what must not be"],
    ['& root', 1, "'&' stands where a tag is expected"],
    ['root |', 7, 'the item ends where a tag is expected'],
    ['(root', 1, 'never closed'],
    ['root)', 5, 'closes nothing'],
    ['root (virtual)', 6, "before '(' comes"],
    ['()', 1, 'nothing between these parentheses'],
    ['ro\0ot', 3, 'U+0000'],
    ['root\u200b', 5, 'U+200B'],
  ])('%j', (item, column, message) => {
    const { requirement, problems } = read([item]);
    expect(problems).toMatchObject([{ at: { line: 1, column }, message: expect.stringContaining(message) }]);
    expect(canonical(requirement)).toBe('not ()');
  });

  it('finds the place in a file, in later lines too', () => {
    const { problems } = readRequirement(
      [
        { kind: 'text', text: 'root & kernle', at: { line: 7, column: 5 } },
        { kind: 'text', text: 'root &\n  virtal', at: { line: 9, column: 5 } },
      ],
      LAB,
    );
    expect(problems.map((problem) => problem.at)).toEqual([
      { line: 7, column: 12 },
      { line: 10, column: 3 },
    ]);
  });

  it.each<[string, Item, string]>([
    ['nothing to choose from', group('any'), "'any' has no items"],
    ['nothing denied', group('not'), "'not' has no items"],
    ['a preference among what must hold', group('any', group('prefer', 'root')), "'prefer' only ranks"],
    ['a preference of preferences', group('prefer', group('prefer', 'root')), "'prefer' only ranks"],
  ])('%s', (_title, item, message) => {
    expect(read([item]).problems).toMatchObject([{ message: expect.stringContaining(message) }]);
  });
});

describe('hostile input gives a clear answer quickly', () => {
  let deep: Item = text('root');
  for (let n = 0; n < 5000; n++) deep = group('not', deep);
  const doubled = catalogueOf(
    [tag('a'), tag('b')],
    Array.from({ length: 5 }, (_, n) => {
      const below = n === 0 ? 'a' : `n${n - 1}`;
      return alias(`n${n}`, `(${below} & b) | (${below} & not b)`);
    }),
  );
  it.each<[string, Item[], string]>([
    ['ten megabytes', [text('a'.repeat(10_000_000))], 'this item has 10000000 characters'],
    ['parentheses without end', [text('('.repeat(9000))], 'nested too deeply'],
    ['denials without end', [text('not '.repeat(2000))], 'nested too deeply'],
    ['items within items without end', [deep], 'nested too deeply'],
    ['ten thousand items', Array.from({ length: 10_000 }, () => text('root')), 'more than 500 parts'],
    ['ten thousand tags in one item', [text(`root${' & root'.repeat(1400)}`)], 'more than 500 parts'],
    ['aliases of aliases', Array.from({ length: 50 }, (_, n) => text(`n${n % 5}`)), 'more than 500 parts'],
    ['a word of dashes', [text('-'.repeat(9000))], 'not understood'],
    ['a word that is nearly a comparison', [text(`kernel${'-'.repeat(9000)}`)], 'not understood'],
    ['quotes', [text('"'.repeat(9998))], 'without quotes'],
    ['signs', [text(`kernel ${'>'.repeat(9000)}`)], "after '>' comes a value"],
    ['binary', [text(String.fromCharCode(...Array.from({ length: 9000 }, (_, n) => n % 256)))], 'U+0000'],
  ])('%s', (title, items, message) => {
    const start = performance.now();
    const { problems } = readRequirement(items, title.startsWith('aliases') ? doubled : LAB);
    expect(performance.now() - start).toBeLessThan(1000);
    expect(problems.length).toBe(1);
    expect(problems[0]?.message).toContain(message);
    expect(problems[0]?.message.length).toBeLessThan(400);
  });

  it('many mistakes are not all listed', () => {
    const wrong = Array.from({ length: 400 }, (_, n) => text(`nonsense${n}`));
    expect(readRequirement(wrong, LAB).problems).toHaveLength(20);
  });

  it('any text at all is read or refused where it is wrong, never anything else', () => {
    const pieces = fc.constantFrom(
      ...[
        'root',
        'kernel',
        'pci',
        'not',
        'x',
        '2',
        '5.4',
        '>=',
        '<',
        '=',
        '!',
        '(',
        ')',
        '|',
        '&',
        '@',
        '"',
        ' ',
        '-',
        '+',
        'driver',
        ':*',
      ],
    );
    let read_ = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(pieces).map((all) => all.join('')),
          fc.array(pieces).map((all) => all.join(' ')),
          fc.string({ unit: 'binary' }),
        ),
        (item) => {
          const { problems, requirement } = read([item]);
          if (problems.length === 0) read_++;
          for (const {
            at: { line, column },
          } of problems) {
            const lines = item.split('\n');
            expect(line).toBeLessThanOrEqual(lines.length);
            expect(column).toBeGreaterThan(0);
            expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1);
          }
          if (problems.length === 0)
            expect(requirementKey(read([canonical(requirement)]).requirement)).toBe(
              requirementKey(requirement),
            );
        },
      ),
      { numRuns: 3000 },
    );
    expect(read_).toBeGreaterThan(20);
  });
});

describe('the dash form', () => {
  it('is read by the longest name in the catalogue that has values', () => {
    const catalogue = catalogueOf([tag('a', BYTES), tag('a-1', BYTES), tag('a-1-flag')]);
    const meaning = (item: string) => canonical(readRequirement([text(item)], catalogue).requirement);
    expect(meaning('a-1B')).toBe('a = 1B');
    expect(meaning('a-1-2B+')).toBe('a-1 >= 2B');
    expect(meaning('a-1-flag')).toBe('a-1-flag');
    expect(meaning('a-1')).toBe('a-1');
  });
});
