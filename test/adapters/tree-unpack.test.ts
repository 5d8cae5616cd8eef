import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { archiveOf, writeArchive } from '../../src/adapters/tree-archive.js';
import { archiveKind, unpackedTree, unzipped } from '../../src/adapters/tree-unpack.js';
import { count, Dice, SEED } from '../fuzz/seed.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'testyard-unpack-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const LONG = `${'very-long-name/'.repeat(15)}end-é.sh`;

/** A header whose sum is right. */
function head(name: string, { type = '0', to = '', size = 0 } = {}): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write('0000755\0', 100);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(to, 157);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

const END = Buffer.alloc(1024);
const put = (...blocks: readonly Buffer[]) => {
  const file = path.join(folder, 'made.tar');
  writeFileSync(file, Buffer.concat(blocks));
  return file;
};

/** What is in an archive, one line each. */
async function listed(file: string): Promise<readonly string[]> {
  const { entries } = await unpackedTree(file);
  return Promise.all(
    entries.map(async (entry) => {
      if (entry.kind === 'link') return `${entry.path} -> ${entry.to}`;
      if (entry.kind === 'folder') return `${entry.path}/`;
      return `${entry.path}${entry.isExecutable ? '*' : ''} ${Buffer.from(await entry.content())}`;
    }),
  );
}

describe('an archive', () => {
  test.each(['gnu', 'ustar', 'posix', 'v7'])(
    'of the format %s gives what was put into it',
    async (format) => {
      const root = path.join(folder, 'root');
      const long = format === 'gnu' || format === 'posix' ? LONG : `${'d/'.repeat(20)}end.sh`;
      mkdirSync(path.join(root, path.dirname(long)), { recursive: true });
      mkdirSync(path.join(root, 'empty'));
      writeFileSync(path.join(root, long), '#!/bin/sh\n');
      chmodSync(path.join(root, long), 0o755);
      writeFileSync(path.join(root, 'a.txt'), 'x'.repeat(1000));
      linkSync(path.join(root, 'a.txt'), path.join(root, 'b.txt'));
      symlinkSync(long, path.join(root, 'to'));
      const file = path.join(folder, 'a.tar');
      execFileSync('tar', ['--sort=name', `--format=${format}`, '-cf', file, '-C', root, '.']);
      expect((await listed(file)).toSorted()).toEqual(
        [
          `a.txt ${'x'.repeat(1000)}`,
          `b.txt ${'x'.repeat(1000)}`,
          'empty/',
          `to -> ${long}`,
          `${long}* #!/bin/sh\n`,
        ].toSorted(),
      );
    },
  );

  test('of our own is read as it was written, and written again has the same bytes', async () => {
    const entries = [
      { kind: 'file', path: LONG, isExecutable: true, content: async () => Buffer.from('#!') },
      { kind: 'link', path: 'l', to: LONG },
      { kind: 'folder', path: 'e' },
    ] as const;
    const [zipped, plain] = [path.join(folder, 'a'), path.join(folder, 'b')];
    const tree = await writeArchive(archiveOf(entries), zipped);
    await unzipped(zipped, plain);
    const found = await unpackedTree(plain);
    expect(found.notes).toEqual([]);
    expect(await writeArchive(archiveOf(found.entries), path.join(folder, 'c'))).toEqual(tree);
  });

  test('of git is read too', async () => {
    const git = (...args: readonly string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@x', ...args], { cwd: folder });
    git('init', '-q');
    writeFileSync(path.join(folder, 'one.sh'), 'one');
    git('add', '.');
    git('commit', '-qm', 'a');
    git('archive', '--prefix=lab-1.0/', '-o', 'out.tar', 'HEAD');
    expect(await listed(path.join(folder, 'out.tar'))).toEqual(['lab-1.0/one.sh one']);
  });

  test.each([
    ['an absolute name', [head('/etc/passwd')], "/etc/passwd in it begins with '/'"],
    ["a name with '..'", [head('a/../../b')], "a/../../b in it leads out of it by '..'"],
    [
      'a link that leads out',
      [head('a/l', { type: '2', to: '../../x' })],
      'a/l in it is a link that leads out, to ../../x',
    ],
    ['an absolute link', [head('l', { type: '2', to: '/etc' })], 'l in it is a link that leads out, to /etc'],
    [
      'a file below a link',
      [head('l', { type: '2', to: 'x' }), head('l/f')],
      'l/f in it lies below l, which is a link',
    ],
    ['a file below a file', [head('f'), head('f/g')], 'f/g in it lies below f, which is a file'],
    [
      'a second name for what is not in it',
      [head('h', { type: '1', to: 'etc/passwd' })],
      'h in it is a second name for etc/passwd, which is no file in it',
    ],
    [
      'a size beyond its end',
      [head('f', { size: 5000 })],
      'it ends in the middle: the entry at byte 0 is cut off',
    ],
    ['a damaged header', [head('f'), Buffer.alloc(512, 'x')], 'it is damaged at byte 512'],
    [
      'a pax record that does not end',
      [head('p', { type: 'x', size: 9 }), Buffer.from('99 path=a'.padEnd(512, '\0')), head('f')],
      'it is damaged at byte 512',
    ],
    [
      'a name without end',
      [head('L', { type: 'L', size: 2 ** 20 }), Buffer.alloc(2 ** 20)],
      'a name in it has 1048576 bytes',
    ],
    ['no archive at all', [Buffer.alloc(600, 'x')], 'it is no tar archive'],
  ])('with %s is refused', async (_, blocks, message) => {
    await expect(unpackedTree(put(...blocks, END))).rejects.toThrow(message);
  });

  test('with a device is taken without it', async () => {
    const { entries, notes } = await unpackedTree(put(head('null', { type: '3' }), head('f'), END));
    expect(entries.map((entry) => entry.path)).toEqual(['f']);
    expect(notes).toEqual(['null does not go along: it is neither a file, a folder nor a link']);
  });

  test('that is damaged anywhere is read or refused, and no name in it leads out', async () => {
    const dice = new Dice(SEED);
    const pax = Buffer.from('14 path=a/b/c\n12 size=512\n'.padEnd(512, '\0'));
    const whole = Buffer.concat([
      ...[head('a', { type: '5' }), head('p', { type: 'x', size: 26 }), pax, head('x', { size: 1 })],
      ...[Buffer.alloc(512, 'y'), head('l', { type: '2', to: 'a/b' }), head('z', { type: 'L', size: 4 })],
      ...[Buffer.from('long'.padEnd(512, '\0')), head('long'), END],
    ]);
    let read = 0;
    for (let mutant = 0; mutant < count(400); mutant++) {
      const bytes = Buffer.from(whole);
      const header = dice.pick([0, 512, 1536, 2560, 3072, 4096]);
      for (let times = dice.below(3); times >= 0; times--) bytes[header + dice.below(512)] = dice.below(256);
      // Most mutants would end at their sum.
      bytes.write('        ', header + 148, 'latin1');
      const sum = bytes.subarray(header, header + 512).reduce((all, byte) => all + byte, 0);
      bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, header + 148, 'latin1');
      const found = await unpackedTree(put(bytes)).catch((error: Error) => {
        expect(['BadArchive', 'TreeTooLarge'], error.stack).toContain(error.name);
        return undefined;
      });
      for (const { path: name } of found?.entries ?? []) expect(name).not.toMatch(/^\/|(?:^|\/)\.\.(?:\/|$)/);
      if (found !== undefined) read++;
    }
    expect(read).toBeGreaterThan(count(400) / 10);
  });

  test('that is compressed and damaged, or in another way, is told apart', async () => {
    const file = path.join(folder, 'bad.gz');
    writeFileSync(file, Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]));
    await expect(unzipped(file, path.join(folder, 'out'))).rejects.toThrow(/its compression is damaged/);
    expect(archiveKind(Buffer.from('\xfd7zXZ\0', 'latin1'))).toBe('other');
    expect(archiveKind(Buffer.from('#!/bin/sh\n'))).toBeUndefined();
  });
});
