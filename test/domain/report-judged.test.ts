import { expect, it } from 'vitest';
import { junit } from '../../src/domain/report/junit.js';
import type { Report } from '../../src/domain/report/reported.js';
import { tap } from '../../src/domain/report/tap.js';

const why = 'for want of the command fio (needs cmd:fio)';
const report: Report = {
  name: 'nightly',
  runs: [
    {
      ...{
        test: 'disk',
        variant: {},
        state: 'done',
        verdict: 'failed',
        reason: 'failed cases: seek',
        marks: [],
      },
      cases: [
        {
          name: 'write',
          result: 'fail',
          message: '',
          judged: { is: 'could_not_run', why, tags: ['cmd:fio'] },
        },
        {
          name: 'speed',
          result: 'pass',
          message: '',
          judged: { is: 'tested_nothing', why: 'no number', tags: [] },
        },
        { name: 'seek', result: 'fail', message: '' },
      ],
    },
  ],
};

it('a case that could not run, or tested nothing, is neither a failure nor a pass in JUnit XML', () => {
  const xml = junit(report);
  expect(xml).toContain(`<error message="could not run: ${why}" type="could_not_run">`);
  expect(xml).toContain('<error message="tested nothing: no number" type="tested_nothing">');
  expect(xml.match(/<failure/g)).toHaveLength(2);
  expect(xml).toContain('tests="4" failures="2" errors="2"');
});

it('nor in TAP, where it is skipped with the reason', () => {
  expect(
    tap(report)
      .split('\n')
      .filter((line) => line.startsWith('    ')),
  ).toEqual([
    '    1..3',
    `    ok 1 - write # SKIP could not run: ${why}`,
    '    ok 2 - speed # SKIP tested nothing: no number',
    '    not ok 3 - seek',
  ]);
});
