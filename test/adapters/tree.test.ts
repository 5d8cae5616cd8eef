import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { archiveOf, writeArchive } from '../../src/adapters/tree-archive.js';
import { Trees } from '../../src/adapters/tree-files.js';

let folder: string;
let root: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'testyard-tree-test-'));
  root = path.join(folder, 'root');
  mkdirSync(root);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const LONG = `${'very-long-name/'.repeat(12)}end.sh`;

/** A text that begins with `->` is a link, one that ends with `/` an empty folder. */
function put(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name);
    mkdirSync(name.endsWith('/') ? file : path.dirname(file), { recursive: true });
    if (name.endsWith('/')) continue;
    if (text.startsWith('->')) symlinkSync(text.slice(2), file);
    else writeFileSync(file, text);
    if (text.startsWith('#!')) chmodSync(file, 0o755);
  }
}

async function pack(name: string) {
  const found = await new Trees().at(root);
  const file = path.join(folder, name);
  return { tree: await writeArchive(archiveOf(found.entries), file), file, notes: found.notes };
}

/** What GNU tar finds in it, one line each: mode, name, target. */
const listed = (file: string) =>
  execFileSync('tar', ['-tvzf', file, '--numeric-owner'], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.replace(/^(\S+) .*? \d\d:\d\d /, '$1 '));

const git = (...args: readonly string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@x', ...args], {
    cwd: root,
    encoding: 'utf8',
  });

describe('what goes along with a test', () => {
  test('is all of its folder, with modes and links that stay inside', async () => {
    put({ 'a.txt': 'a', 'b/run.sh': '#!/bin/sh\n', 'b/link': '->../a.txt', 'empty/': '', [LONG]: '#!x' });
    const { file, notes } = await pack('one.tar.gz');
    expect(notes).toEqual([]);
    expect(listed(file)).toEqual([
      '-rw-r--r-- a.txt',
      'lrwxrwxrwx b/link -> ../a.txt',
      '-rwxr-xr-x b/run.sh',
      'drwxr-xr-x empty/',
      `-rwxr-xr-x ${LONG}`,
    ]);
    const out = path.join(folder, 'out');
    mkdirSync(out);
    execFileSync('tar', ['-xzf', file, '-C', out]);
    expect(readFileSync(path.join(out, LONG), 'utf8')).toBe('#!x');
  });

  test('is the same bytes whenever it is packed', async () => {
    put({ 'z.txt': 'z', 'a/b.sh': '#!/bin/sh\n' });
    const first = await pack('one.tar.gz');
    put({ 'z.txt': 'z' });
    const second = await pack('two.tar.gz');
    expect(second.tree).toEqual(first.tree);
    put({ 'z.txt': 'other' });
    expect((await pack('three.tar.gz')).tree.blob).not.toBe(first.tree.blob);
  });

  test('is not what a link leads out to, and that is said', async () => {
    put({ 'a/out': '->../../secret', 'a/abs': '->/etc/passwd', 'a/in': '->../b/../c' });
    const { file, notes } = await pack('one.tar.gz');
    expect(listed(file)).toEqual(['lrwxrwxrwx a/in -> ../b/../c']);
    expect([...notes].sort()).toEqual([
      'a/abs does not go along: it is a link that leads out, to /etc/passwd',
      'a/out does not go along: it is a link that leads out, to ../../secret',
    ]);
  });

  test('is of a git work tree what git does not ignore, also what is not committed', async () => {
    put({ 'kept.sh': '#!/bin/sh\n', '.gitignore': 'ignored\n', ignored: 'x', gone: 'x', 'd/new.txt': 'n' });
    git('init', '--quiet');
    git('add', 'kept.sh', '.gitignore', 'gone');
    git('commit', '--quiet', '-m', 'x');
    rmSync(path.join(root, 'gone'));
    const { file } = await pack('one.tar.gz');
    expect(listed(file)).toEqual(['-rw-r--r-- .gitignore', '-rw-r--r-- d/new.txt', '-rwxr-xr-x kept.sh']);
  });

  test('begins at the work tree, where the first step wants to go from, at the folder named, or beside the file', async () => {
    put({ 'suites/net/a.yaml': 'a', 'suites/lib.sh': 'x' });
    const file = path.join(root, 'suites/net/a.yaml');
    const from = (named: string | undefined, wants: string) => new Trees().rootOf(file, named, wants);
    expect(await from(undefined, '.')).toBe(path.join(root, 'suites/net'));
    expect(await from(path.join(root, 'suites'), '.')).toBe(path.join(root, 'suites'));
    expect(await from(undefined, 'suites/net')).toBe(root);
    expect(await from(undefined, 'elsewhere')).toBe(path.join(root, 'suites/net'));
    git('init', '--quiet');
    expect(await from(path.join(root, 'suites'), '.')).toBe(root);
  });
});
