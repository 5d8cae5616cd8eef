import { describe, expect, it } from 'vitest';
import { unusual } from '../../src/domain/judge/unusual.js';

const steady = { cases: [40, 40, 40, 40, 40], durationsMs: [60_000, 61_000, 59_000, 60_500, 62_000] };
const marks = (...asked: Parameters<typeof unusual>) => unusual(...asked).map(({ mark }) => mark);

describe('a pass, beside the passes before it', () => {
  it.each([
    ['as ever', 40, 60_000, []],
    ['one case fewer', 39, 60_000, []],
    ['a quarter of the cases lost', 30, 60_000, ['unusual_case_count']],
    ['no case left', 0, 60_000, ['unusual_case_count']],
    ['twice as many cases', 80, 60_000, ['unusual_case_count']],
    ['half as long again', 40, 90_000, []],
    ['three times as long', 40, 180_000, ['unusual_duration']],
    ['done at once', 40, 500, ['unusual_duration']],
    ['both', 2, 500, ['unusual_case_count', 'unusual_duration']],
  ])('%s', (_, cases, durationMs, expected) => {
    expect(marks({ cases, durationMs }, steady)).toEqual(expected);
  });

  it('is told what is usual', () => {
    expect(unusual({ cases: 12, durationMs: 200_000 }, steady)).toEqual([
      { mark: 'unusual_case_count', why: '12 cases, where 40 are usual' },
      { mark: 'unusual_duration', why: 'it took 200 s, where 60.5 s are usual' },
    ]);
  });

  it('is usual where little is known of the past', () => {
    expect(marks({ cases: 0, durationMs: 1 }, { cases: [40, 40, 40, 40], durationsMs: [9e6, 9e6] })).toEqual(
      [],
    );
    expect(marks({ cases: 40 }, steady)).toEqual([]);
  });

  it('is not usual where a test of two cases has always had both', () => {
    const both = { cases: [2, 2, 2, 2, 2], durationsMs: [] };
    expect(marks({ cases: 1 }, both)).toEqual(['unusual_case_count']);
    expect(marks({ cases: 2 }, both)).toEqual([]);
  });

  it('may differ where the past differs', () => {
    const wild = { cases: [10, 60, 35, 80, 22], durationsMs: [1000, 90_000, 20_000, 5000, 300_000] };
    expect(marks({ cases: 120, durationMs: 600_000 }, wild)).toEqual([]);
  });

  it('that takes milliseconds is not held to its milliseconds', () => {
    expect(
      marks({ cases: 1, durationMs: 400 }, { cases: [1, 1, 1, 1, 1], durationsMs: [4, 5, 4, 6, 4] }),
    ).toEqual([]);
  });

  it('is seen for what it is though the past had an outlier', () => {
    expect(marks({ cases: 5 }, { cases: [40, 40, 5, 40, 40, 40], durationsMs: [] })).toEqual([
      'unusual_case_count',
    ]);
  });
});
