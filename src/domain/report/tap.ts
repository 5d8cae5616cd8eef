import { nameOf, type Report, type ReportedCase, type ReportedRun, saidOf } from './reported.js';

/**
 * TAP version 14: one test point per run, its cases as a subtest before it. TAP knows no third answer beside ok and not
 * ok, so what has no verdict is `ok ... # SKIP no verdict`: it is counted as not run, and never as a failure. Who must
 * tell it from a skip reads the directive's text, or the JUnit XML.
 */
export function tap(report: Report): string {
  const points = report.runs.flatMap((run, index) => runLines(run, index + 1));
  const none = report.runs.filter((run) => saidOf(run).kind === 'unjudged').length;
  return [
    'TAP version 14',
    `1..${report.runs.length}${report.runs.length === 0 ? ' # SKIP there is no run' : ''}`,
    ...points,
    ...(none === 0 ? [] : [`# ${none} of ${report.runs.length} without a verdict`]),
    '',
  ].join('\n');
}

function runLines(run: ReportedRun, number: number): string[] {
  const said = saidOf(run);
  const isJudged = run.state === 'done' && run.verdict !== 'none';
  const point = (() => {
    switch (said.kind) {
      case 'passed':
        return `ok ${number} - ${plain(nameOf(run))}`;
      case 'failed':
        return `not ok ${number} - ${plain(nameOf(run))}`;
      case 'skipped':
        return `ok ${number} - ${plain(nameOf(run))} # SKIP ${plain(said.message)}`;
      case 'unjudged':
        return `ok ${number} - ${plain(nameOf(run))} # SKIP no verdict: ${plain(said.message)}`;
    }
  })();
  return [...subtest(run, isJudged), point, ...diagnosis(run)];
}

function subtest(run: ReportedRun, isJudged: boolean): string[] {
  if (run.cases.length === 0) return [];
  const lines = run.cases.map((one, index) => caseLine(one, index + 1, isJudged));
  return [`# Subtest: ${plain(nameOf(run))}`, `    1..${run.cases.length}`, ...lines];
}

function caseLine(
  { name, result, message, judged }: ReportedCase,
  number: number,
  isJudged: boolean,
): string {
  const why = message === '' ? '' : ` ${plain(message)}`;
  if (judged !== undefined)
    return `    ok ${number} - ${plain(name)} # SKIP ${judged.is.replaceAll('_', ' ')}: ${plain(judged.why)}`;
  if (result === 'pass') return `    ok ${number} - ${plain(name)}`;
  if (result === 'skip') return `    ok ${number} - ${plain(name)} # SKIP${why}`;
  if (!isJudged) return `    ok ${number} - ${plain(name)} # SKIP failed, but its run has no verdict${why}`;
  return `    not ok ${number} - ${plain(name)}`;
}

/** The YAML block after a test point; JSON's strings are YAML's. */
function diagnosis(run: ReportedRun): string[] {
  const facts: [string, string | undefined][] = [
    ['run', run.id],
    ['reason', run.reason],
    ['host', run.host],
    ['known', run.known?.link],
    ['evidence', run.evidence],
    ...run.cases.map(({ name, measurement }): [string, string | undefined] => [
      `measurement:${name}`,
      measurement === undefined ? undefined : `${measurement.raw} ${measurement.unit}`.trim(),
    ]),
  ];
  const lines = facts.flatMap(([key, value]) =>
    value === undefined ? [] : [`  ${quoted(key)}: ${quoted(value)}`],
  );
  const tail = run.tail === undefined || run.tail === '' ? [] : [`  "output": ${quoted(run.tail)}`];
  return ['  ---', ...lines, ...tail, '  ...'];
}

/** One line, in which `#` begins no directive. */
function plain(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, ' ')
    .replaceAll('\\', '\\\\')
    .replaceAll('#', '\\#')
    .trim();
}

/** A YAML string in double quotes, in ASCII: what YAML has no way to show is escaped. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
