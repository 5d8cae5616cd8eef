import { describe, expect, it } from 'vitest';
import {
  blame,
  checkDelayS,
  quarantineCap,
  signatureOf,
  type WorkRecord,
} from '../../src/domain/recover/blame.js';

/** `host work ok bad`. */
const record = (text: string): WorkRecord => {
  const [host = '', work = '', okAttempt = '0', badAttempt = '0'] = text.split(' ');
  return { host, work, okAttempt, badAttempt };
};

describe('whose failure it is', () => {
  it.each<[string, string, string[], object]>([
    ['the first failure makes the host suspect', '1 step:s 10', [], { kind: 'host', quarantine: false }],
    ['a canary clears the host: the step', '1 step:s 10', ['1 canary 11 0'], { kind: 'step' }],
    [
      'a canary from before clears nobody',
      '1 step:s 10',
      ['1 canary 9 0'],
      { kind: 'host', quarantine: false },
    ],
    [
      'cleared, and it works elsewhere: the step on this host',
      '1 step:s 10',
      ['1 canary 11 0', '2 step:s 5 0'],
      { kind: 'step_on_host' },
    ],
    ['it fails elsewhere too: the step', '1 step:s 10', ['2 step:s 0 9'], { kind: 'step' }],
    [
      'it worked on many hosts before it broke: the step all the same',
      '1 step:s 10',
      ['2 step:s 3 9', '3 step:s 4 0', '4 step:s 5 0'],
      { kind: 'step' },
    ],
    [
      'it fails elsewhere and has worked since: not the step',
      '1 step:s 10',
      ['2 step:s 3 7', '3 step:s 8 0'],
      { kind: 'host', quarantine: false },
    ],
    [
      'two different pieces of work failed',
      '1 canary 11',
      ['1 reach 0 10'],
      { kind: 'host', quarantine: true },
    ],
    ['the same one twice is no second', '1 reach 11', ['1 reach 0 10'], { kind: 'host', quarantine: false }],
    [
      'a failure before the host did well is over',
      '1 reach 20',
      ['1 step:s 0 10', '1 test 15 0'],
      { kind: 'host', quarantine: false },
    ],
    ['a lost connection is never a step', '1 reach 10', ['2 reach 0 9'], { kind: 'host', quarantine: false }],
    ['ids are compared as numbers', '1 step:s 9', ['1 canary 10 0'], { kind: 'step' }],
  ])('%s', (_title, failed, records, expected) => {
    const { host, work, okAttempt } = record(failed);
    const all = [{ host, work, okAttempt: '0', badAttempt: okAttempt }, ...records.map(record)];
    expect(blame({ host, work, attempt: okAttempt }, all)).toMatchObject(expected);
  });

  it('has a cap on quarantines: 1 or 10 %', () => {
    expect([1, 2, 9, 10, 19, 20, 300].map((hosts) => quarantineCap(hosts))).toEqual([1, 1, 1, 1, 1, 2, 30]);
    expect([1, 10, 300].map((hosts) => quarantineCap(hosts, { hosts: 3 }))).toEqual([3, 3, 3]);
    expect([1, 3, 10, 300].map((hosts) => quarantineCap(hosts, { percent: 50 }))).toEqual([1, 1, 5, 150]);
  });

  it('checks later and later, at most every hour', () => {
    expect([0, 1, 2, 8, 1000].map((n) => checkDelayS(n, 15))).toEqual([15, 30, 60, 3600, 3600]);
  });

  it.each([
    ['connect to 10.0.0.7:22 failed after 3 s', 'connect to ADDRESS failed after N s'],
    ['no space on /dev/sda1', 'no space on PATH'],
    ['link of 52:54:00:12:34:56 is down', 'link of MAC is down'],
    ['commit deadbeef01 is bad', 'commit HEX is bad'],
    ['  two\n lines ', 'two lines'],
  ])('%j has the signature %j', (text, signature) => {
    expect(signatureOf(text)).toBe(signature);
    expect(signatureOf(signature)).toBe(signature);
    expect(signatureOf(text.repeat(100)).length).toBeLessThanOrEqual(200);
  });
});
