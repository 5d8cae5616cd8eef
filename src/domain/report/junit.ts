import {
  nameOf,
  type Report,
  type ReportedCase,
  type ReportedRun,
  type Said,
  saidOf,
  sourceText,
} from './reported.js';

/**
 * JUnit XML as the XSD of Jenkins has it (xunit-plugin, junit-10.xsd): one suite per run, in it one test case for the
 * run itself and one for each case. No verdict is `<error>`, cancelled and skipped are `<skipped>`, and neither is ever
 * `<failure>`; of a run without a verdict no case is one either. Measurements are properties of the suite.
 */
export function junit(report: Report): string {
  const suites = report.runs.map(suiteOf);
  const sum = (of: (counts: Counts) => number) =>
    suites.reduce((total, suite) => total + of(suite.counts), 0);
  const head = {
    name: report.name,
    tests: sum((counts) => counts.tests),
    failures: sum((counts) => counts.failures),
    errors: sum((counts) => counts.errors),
  };
  const body = suites.map((suite) => suite.xml).join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${attributes(head)}>\n${body}</testsuites>\n`;
}

interface Counts {
  readonly tests: number;
  readonly failures: number;
  readonly errors: number;
  readonly skipped: number;
}

function suiteOf(run: ReportedRun): { readonly xml: string; readonly counts: Counts } {
  const said = saidOf(run);
  const isJudged = run.state === 'done' && run.verdict !== 'none';
  const cases = run.cases.map((one) => ({ one, said: saidOfCase(one, isJudged) }));
  const all = [said, ...cases.map((one) => one.said)];
  const count = (kind: Said['kind']) => all.filter((one) => one.kind === kind).length;
  const counts = {
    tests: all.length,
    failures: count('failed'),
    errors: count('unjudged'),
    skipped: count('skipped'),
  };
  const name = nameOf(run);
  const head = {
    name,
    ...counts,
    time: seconds(run.durationS),
    timestamp: run.startedAt?.replace(/(\.\d+)?Z$/, ''),
    hostname: run.host,
    id: run.id,
    package: run.project,
  };
  const own = testCase(
    { name, classname: run.project ?? 'testyard', time: seconds(run.durationS) },
    said,
    run.tail,
  );
  const rest = cases.map(({ one, said }) => testCase({ name: one.name, classname: name }, said, undefined));
  const properties = propertiesOf(run).map(
    ([key, value]) => `      <property${attributes({ name: key, value })}/>\n`,
  );
  const block = properties.length === 0 ? '' : `    <properties>\n${properties.join('')}    </properties>\n`;
  return { counts, xml: `  <testsuite${attributes(head)}>\n${block}${own}${rest.join('')}  </testsuite>\n` };
}

/** A case is judged with its run: where nothing is known of the run, a failed case is no failure. */
function saidOfCase({ result, message, judged }: ReportedCase, isJudged: boolean): Said {
  if (judged !== undefined)
    return { kind: 'unjudged', type: judged.is, message: `${judged.is.replaceAll('_', ' ')}: ${judged.why}` };
  const text = message === '' ? result : message;
  if (result === 'pass') return { kind: 'passed' };
  if (result === 'skip') return { kind: 'skipped', message: text };
  if (result === 'unknown') return { kind: 'unjudged', type: 'unknown', message: text };
  return isJudged
    ? { kind: 'failed', message: text }
    : { kind: 'skipped', message: `failed, but its run has no verdict: ${text}` };
}

function testCase(head: Attributes, said: Said, tail: string | undefined): string {
  const inside = [
    ...(said.kind === 'passed' ? [] : [element(said)]),
    ...(tail === undefined || tail === '' ? [] : [`      <system-out>${text(tail)}</system-out>\n`]),
  ].join('');
  if (inside === '') return `    <testcase${attributes(head)}/>\n`;
  return `    <testcase${attributes(head)}>\n${inside}    </testcase>\n`;
}

function element(said: Exclude<Said, { kind: 'passed' }>): string {
  const { message } = said;
  switch (said.kind) {
    case 'failed':
      return `      <failure${attributes({ message, type: 'failed' })}>${text(message)}</failure>\n`;
    case 'unjudged':
      return `      <error${attributes({ message, type: said.type })}>${text(message)}</error>\n`;
    case 'skipped':
      return `      <skipped${attributes({ message })}/>\n`;
  }
}

function propertiesOf(run: ReportedRun): [string, string][] {
  const facts: [string, string | undefined][] = [
    ['run', run.id],
    ['host', run.host],
    ['requirement', run.requirement === '' ? undefined : run.requirement],
    ['source', run.source && sourceText(run.source)],
    ['reason', run.reason],
    ['marks', run.marks.length === 0 ? undefined : run.marks.join(' ')],
    ['known', run.known?.link],
    ['evidence', run.evidence],
  ];
  const measured = run.cases.flatMap(({ name, measurement }): [string, string][] =>
    measurement === undefined
      ? []
      : [[`measurement:${name}`, `${measurement.raw} ${measurement.unit}`.trim()]],
  );
  return [...facts.filter((fact): fact is [string, string] => fact[1] !== undefined), ...measured];
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

function attributes(of: Attributes): string {
  return Object.entries(of)
    .filter((entry): entry is [string, string | number] => entry[1] !== undefined)
    .map(([key, value]) => ` ${key}="${attribute(String(value))}"`)
    .join('');
}

function seconds(value: number | undefined): string | undefined {
  return value === undefined ? undefined : value.toFixed(3);
}

/** Line ends and tabs of an attribute would be read as spaces. */
function attribute(value: string): string {
  return text(value).replaceAll('"', '&quot;').replaceAll('\n', '&#10;').replaceAll('\t', '&#9;');
}

/** What XML 1.0 has no way to say at all, not even escaped, becomes U+FFFD; CR would be read as a line end. */
function text(value: string): string {
  return value
    .replace(/\r\n?/g, '\n')
    .replace(/[^\t\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
