import { describe, expect, it } from 'vitest';
import { isAllowed, isCommit, wrongPath, wrongRef, wrongUrl } from '../../src/domain/submit/source.js';

describe('an allow-list of repositories', () => {
  it.each([
    ['https://git.example.org/a/b.git', ['https://git.example.org/'], true],
    ['https://git.example.org/a/b.git', ['https://git.example.org'], true],
    ['https://git.example.org/a', ['https://git.example.org/a'], true],
    ['https://git.example.org/a/b', ['https://other.example.org/', 'https://git.example.org/a'], true],
    ['https://git.example.org/ab', ['https://git.example.org/a'], false],
    ['https://git.example.org.evil.example/a', ['https://git.example.org'], false],
    ['https://git.example.org@evil.example/a', ['https://git.example.org'], false],
    ['http://git.example.org/a', ['https://git.example.org/'], false],
    ['ssh://root@git.example.org/a', ['ssh://git@git.example.org/'], false],
    ['https://git.example.org/a', [], false],
  ])('%s by %j: %s', (url, sources, allowed) => {
    expect(isAllowed(url, sources)).toBe(allowed);
  });
});

describe('what names a test of a repository', () => {
  it.each([
    'https://git.example.org/lab.git',
    'http://127.0.0.1:8080/x',
    'ssh://git@git.example.org:2222/~lea/lab',
    'git://git.example.org/lab%20one',
    'file:///srv/git/lab.git',
  ])('the address %s is well', (url) => expect(wrongUrl(url)).toBeUndefined());

  it.each(['main', 'v1.2', 'feature/x-1', 'refs/pull/1/head', 'größe', 'a@b', '0123456789'.repeat(4)])(
    'the name %s is well',
    (ref) => expect(wrongRef(ref)).toBeUndefined(),
  );

  it.each(['.', 'tests', 'tests/', 'a/b c.sh', '-rf', '...', 'a..b'])('the path %s is well', (path) =>
    expect(wrongPath(path)).toBeUndefined(),
  );

  it('a commit has all its digits', () => {
    expect(['a'.repeat(40), 'a'.repeat(64), 'a'.repeat(39), 'A'.repeat(40), 'main'].map(isCommit)).toEqual([
      ...[true, true, false, false, false],
    ]);
  });
});
