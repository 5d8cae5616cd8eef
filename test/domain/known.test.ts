import { expect, it } from 'vitest';
import { makeCatalogue } from '../../src/domain/catalogue.js';
import { STANDARD_TAGS } from '../../src/domain/look/standard-tags.js';
import { driftsOf, type TagRecord, whatIsKnown } from '../../src/domain/match/known.js';
import type { TagSpec } from '../../src/domain/tag.js';

const word = (name: string, more: Partial<TagSpec> = {}) =>
  ({ name, meaning: name, kind: 'flag', source: { by: 'word' }, ...more }) as TagSpec;
const made = makeCatalogue([...STANDARD_TAGS, word('board'), word('new', { decays: 'test' })], []);
if ('problems' in made) throw new Error('the catalogue holds together');
const { catalogue } = made;

const EMPTY: TagRecord = { tags: [], looked: new Map(), gives: [], used: false };
const tag = (name: string, source: 'declared' | 'probed', raw = '') => ({
  tag: name,
  place: '',
  raw,
  source,
});
const presence = (name: string, record: Partial<TagRecord>) =>
  whatIsKnown({ ...EMPTY, ...record }, catalogue)(name).presence;

it('counts what is declared or given only where nobody can look', () => {
  expect(presence('board', {})).toBe('absent');
  expect(presence('board', { tags: [tag('board', 'declared')] })).toBe('present');
  expect(presence('board', { gives: ['board'] })).toBe('present');
  expect(presence('kvm', { tags: [tag('kvm', 'declared')] })).toBe('unknown');
  expect(presence('kvm', { tags: [tag('kvm', 'declared')], looked: new Map([['kvm', true]]) })).toBe(
    'absent',
  );
  expect(presence('kvm', { tags: [tag('kvm', 'probed')], looked: new Map([['kvm', false]]) })).toBe(
    'unknown',
  );
});

it('takes a look at a family for a look at each member', () => {
  const looked = new Map([['cpu:*', true]]);
  expect(presence('cpu:avx2', { looked, tags: [tag('cpu:avx2', 'probed')] })).toBe('present');
  expect(presence('cpu:sse9', { looked })).toBe('absent');
  expect(presence('module:nbd', { looked })).toBe('unknown');
});

it('forgets what a step gave once it has decayed', () => {
  expect(presence('new', { gives: ['new'] })).toBe('present');
  expect(presence('new', { gives: ['new'], used: true })).toBe('absent');
});

it('calls drift what is declared and was looked for and is otherwise, and nothing else', () => {
  const record = (raw: string, looked: boolean) => ({
    ...EMPTY,
    looked: new Map([['arch', looked]]),
    tags: [tag('arch', 'declared', 'x86_64'), tag('arch', 'probed', raw)],
  });
  expect(driftsOf(record('aarch64', true), catalogue)).toMatchObject([{ declared: { tag: 'arch' } }]);
  expect(driftsOf(record('x86_64', true), catalogue)).toEqual([]);
  expect(driftsOf(record('aarch64', false), catalogue)).toEqual([]);
});
