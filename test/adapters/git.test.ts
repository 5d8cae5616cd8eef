import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Git } from '../../src/adapters/git.js';
import { GitServer, type Repository } from './git-server.js';

let server: GitServer;
let repository: Repository;
let kept: string;
let source: Git;
let first: string;
let second: string;

const script = (text: string) => `#!/bin/sh\n${text}\n`;
const never = new AbortController().signal;
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();

beforeAll(async () => {
  server = await GitServer.start();
  repository = server.repository('tests.git');
  first = repository.commit({
    'net/b.sh': script('echo first'),
    'net/a.sh': script('true'),
    'net/deep/c.yaml': 'testyard: 1\nrun: "true"\n',
    'net/data.txt': 'no test',
    'net/README.md': '#!/bin/false\n',
    'net/.hidden': script('false'),
    'top.sh': script('true'),
  });
  repository.git('tag', '-a', 'v1', '-m', 'one');
  second = repository.commit({ 'net/b.sh': script('echo second') });
  kept = mkdtempSync(path.join(tmpdir(), 'testyard-kept-'));
  source = new Git(kept);
});
afterAll(() => {
  server.stop();
  rmSync(kept, { recursive: true, force: true });
});

/** What is found there, as texts by path; or what is said instead. */
async function at(commit: string, where: string, url = repository.url, git = source) {
  const found = await git.testsAt(url, commit, where, never);
  if ('trouble' in found) return `${found.trouble}: ${found.message}`;
  return Object.fromEntries(found.tests.map(({ path, bytes }) => [path, textOf(bytes)]));
}

describe('what a name stands for', () => {
  it.each([
    ['no name', undefined, () => second],
    ['a branch', 'main', () => second],
    ['a branch in full', 'refs/heads/main', () => second],
    ['an annotated tag', 'v1', () => first],
  ])('%s', async (_, ref, expected) => {
    expect(await source.resolve(repository.url, ref, never)).toEqual({ commit: expected() });
  });

  it('what is not there is said, with what a short commit would need', async () => {
    const said = async (ref: string) => await source.resolve(repository.url, ref, never);
    expect(await said('nope')).toEqual({
      trouble: 'ref',
      message: `${repository.url} has no branch or tag 'nope'`,
    });
    expect(await said(first.slice(0, 10))).toMatchObject({
      trouble: 'ref',
      message: /in full, with all its 40 digits/,
    });
  });

  it('a branch and a tag of one name are not confused', async () => {
    const both = server.repository('both.git');
    both.commit({ a: '1' });
    both.git('tag', 'twin');
    both.git('checkout', '--quiet', '-b', 'twin');
    both.commit({ a: '2' });
    expect(await source.resolve(both.url, 'twin', never)).toMatchObject({
      trouble: 'ref',
      message: /say refs\/heads\/twin or refs\/tags\/twin/,
    });
  });

  it('a server that is not there, and one that never answers', async () => {
    expect(await source.resolve('git://127.0.0.1:1/x', undefined, never)).toMatchObject({
      trouble: 'unreachable',
    });
    const mute = createServer(() => gone.abort()).listen(0, '127.0.0.1');
    const gone = new AbortController();
    await new Promise((resolve) => mute.once('listening', resolve));
    const { port } = mute.address() as { port: number };
    // It is given up when git has come to the server, which says nothing.
    const told = await source.resolve(`git://127.0.0.1:${port}/x`, undefined, gone.signal);
    mute.close();
    expect(told).toEqual({ trouble: 'slow', message: `git://127.0.0.1:${port}/x did not answer in time` });
  });

  it('what git itself would run is refused by git too', async () => {
    const mark = path.join(kept, 'was-run');
    for (const url of [`ext::touch ${mark}`, `ext::sh -c touch%20${mark}`])
      expect(await source.resolve(url, undefined, never)).toMatchObject({ trouble: 'unreachable' });
    expect(readdirSync(kept)).not.toContain('was-run');
  });
});

describe('the tests at a path of a commit', () => {
  it('a file, and a folder as run has it', async () => {
    expect(await at(first, 'top.sh')).toEqual({ 'top.sh': script('true') });
    expect(Object.keys((await at(first, 'net')) as object)).toEqual([
      'net/a.sh',
      'net/b.sh',
      'net/deep/c.yaml',
    ]);
    expect(Object.keys((await at(first, 'net/')) as object)).toHaveLength(3);
    expect(Object.keys((await at(first, '.')) as object)).toHaveLength(4);
    const found = await source.testsAt(repository.url, first, 'net', never);
    expect(found).toMatchObject({ others: ['net/data.txt'] });
  });

  it('stay what they were when the branch has moved', async () => {
    expect(await at(first, 'net/b.sh')).toEqual({ 'net/b.sh': script('echo first') });
    expect(await at(second, 'net/b.sh')).toEqual({ 'net/b.sh': script('echo second') });
  });

  it('of a commit that no branch has any more', async () => {
    const moved = server.repository('moved.git');
    const lost = moved.commit({ 'a.sh': script('echo lost') });
    moved.git('commit', '--quiet', '--amend', '-m', 'another');
    expect(await at(lost, 'a.sh', moved.url)).toEqual({ 'a.sh': script('echo lost') });
    // What is kept is used where the server has it no more.
    moved.git('reflog', 'expire', '--expire=now', '--all');
    moved.git('gc', '--quiet', '--prune=now');
    expect(await at(lost, 'a.sh', moved.url)).toEqual({ 'a.sh': script('echo lost') });
    const elsewhere = new Git(mkdtempSync(path.join(kept, 'other-')));
    expect(await at(lost, 'a.sh', moved.url, elsewhere)).toMatch(/^(ref|unreachable): /);
  });

  it('what is kept and damaged, or locked by a command that was cut off, is fetched anew', async () => {
    const own = new Git(path.join(kept, 'damaged'));
    await at(first, 'top.sh', repository.url, own);
    const [name = ''] = readdirSync(path.join(kept, 'damaged'));
    writeFileSync(path.join(kept, 'damaged', name, 'shallow.lock'), '');
    expect(await at(second, 'top.sh', repository.url, own)).toEqual({ 'top.sh': script('true') });
    writeFileSync(path.join(kept, 'damaged', name, 'config'), 'rubbish [');
    expect(await at(first, 'top.sh', repository.url, own)).toEqual({ 'top.sh': script('true') });
  });

  it('of what is kept that goes which was not used for the longest time', async () => {
    const own = path.join(kept, 'small');
    const git = new Git(own, 1);
    await at(first, 'top.sh', repository.url, git);
    const [before] = readdirSync(own);
    const other = server.repository('other.git');
    await at(other.commit({ 'a.sh': script('true') }), 'a.sh', other.url, git);
    await vi.waitFor(() => expect(readdirSync(own)).toHaveLength(1));
    expect(readdirSync(own)).not.toContain(before);
    expect(await at(first, 'top.sh', repository.url, git)).toEqual({ 'top.sh': script('true') });
  });

  it('many at once of one repository', async () => {
    const own = new Git(path.join(kept, 'many'));
    const all = await Promise.all(
      [first, second, first, second].map((commit) => at(commit, 'net/b.sh', repository.url, own)),
    );
    expect(all.map((one) => (one as Record<string, string>)['net/b.sh'])).toEqual(
      ['first', 'second', 'first', 'second'].map((word) => script(`echo ${word}`)),
    );
  });

  it('what cannot be taken is said', async () => {
    const odd = server.repository('odd.git');
    const commit = odd.commit({
      'links/a.sh': '->/etc/passwd',
      'up/x': '->..',
      'big/big.sh': Buffer.concat([Buffer.from('#!/bin/sh\n'), Buffer.alloc(10_000_000, 35)]),
      'names/a\nb.sh': script('true'),
      'names/*': script('true'),
      'glob/-rf *.sh': script('true'),
      'none/x.txt': 'x',
    });
    expect(await at(commit, 'links', odd.url)).toMatch(
      /^path: links\/a\.sh is a symbolic link; links are not followed/,
    );
    expect(await at(commit, 'links/a.sh', odd.url)).toMatch(/is a symbolic link/);
    expect(await at(commit, 'up/x/links', odd.url)).toMatch(/^path: there is nothing at up\/x\/links/);
    expect(await at(commit, 'big', odd.url)).toBe(
      'path: big/big.sh has 10000010 bytes; a test file has at most 2097152',
    );
    expect(await at(commit, 'big/big.sh', odd.url)).toMatch(/has 10000010 bytes/);
    expect(await at(commit, 'names', odd.url)).toBe('path: names/a?b.sh is no name for a file of tests');
    expect(await at(commit, 'names/*', odd.url)).toEqual({ 'names/*': script('true') });
    expect(await at(commit, 'glob/-rf *.sh', odd.url)).toEqual({ 'glob/-rf *.sh': script('true') });
    expect(await at(commit, 'none', odd.url)).toMatch(
      /^path: there is no test in none \(at [0-9a-f]{12}\): a test begins/,
    );
    await expect(at(commit, '../../etc', odd.url)).rejects.toThrow(/outside repository/);
    expect(await at(commit, 'nowhere', odd.url)).toBe(
      `path: there is nothing at nowhere (at ${commit.slice(0, 12)})`,
    );
  });

  it('a submodule is not fetched', async () => {
    const outer = server.repository('outer.git');
    outer.commit({ 'a.sh': script('true') });
    outer.git('update-index', '--add', '--cacheinfo', `160000,${first},inner`);
    outer.git('commit', '--quiet', '-m', 'with another');
    const commit = outer.git('rev-parse', 'HEAD');
    expect(await at(commit, '.', outer.url)).toMatch(/^path: inner is another repository \(a submodule\)/);
    expect(await at(commit, 'inner', outer.url)).toMatch(/is another repository/);
    expect(await at(commit, 'a.sh', outer.url)).toEqual({ 'a.sh': script('true') });
  });
});
