import fc from 'fast-check';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { junit } from '../../src/domain/report/junit.js';
import type { Report, ReportedRun } from '../../src/domain/report/reported.js';
import { tap } from '../../src/domain/report/tap.js';

function aRun(more: Partial<ReportedRun> = {}): ReportedRun {
  const base = { id: 'r1', project: 'default', test: 'boot', variant: {}, reason: 'exit 0', marks: [] };
  return { ...base, state: 'done', verdict: 'passed', cases: [], ...more };
}
const report = (...runs: ReportedRun[]): Report => ({ name: 'nightly', runs });

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  readonly text: string;
}

/** What the XSD of Jenkins (xunit-plugin, junit-10.xsd) allows: attributes (! must be there) and children. */
const XSD: Readonly<Record<string, { readonly attributes: string; readonly children: string }>> = {
  testsuites: { attributes: 'name time tests failures disabled errors', children: 'testsuite' },
  testsuite: {
    attributes: 'name! tests! failures errors time disabled skipped timestamp hostname id package',
    children: 'properties testcase system-out system-err',
  },
  properties: { attributes: '', children: 'property' },
  property: { attributes: 'name! value!', children: '' },
  testcase: {
    attributes: 'name! assertions time classname! status',
    children: 'skipped error failure system-out system-err',
  },
  skipped: { attributes: 'message type', children: '' },
  error: { attributes: 'message type', children: '' },
  failure: { attributes: 'message type', children: '' },
  'system-out': { attributes: '', children: '' },
};

/** Reads XML with a real parser, and holds it against the XSD. */
function read(xml: string): Element {
  expect(XMLValidator.validate(xml)).toBe(true);
  // The parser lets pass what XML has no way to say; the standard does not.
  expect(xml).not.toMatch(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u);
  const parser = new XMLParser({
    preserveOrder: true,
    ignoreAttributes: false,
    attributeNamePrefix: '',
    parseTagValue: false,
    trimValues: false,
    htmlEntities: true,
    processEntities: { enabled: true, maxTotalExpansions: 1e6, maxExpandedLength: 1e7 },
  });
  const root = (parser.parse(xml) as Node[]).map(elementOf).find((one) => one.name === 'testsuites');
  if (root === undefined) throw new Error('no testsuites');
  check(root);
  return root;
}
type Node = Record<string, unknown>;
function elementOf(node: Node): Element {
  const name = Object.keys(node).find((key) => key !== ':@') ?? '';
  const inside = (Array.isArray(node[name]) ? node[name] : []) as Node[];
  const texts = inside.flatMap((child) => ('#text' in child ? [String(child['#text'])] : []));
  const children = inside.filter((child) => !('#text' in child)).map(elementOf);
  return { name, children, text: texts.join(''), attributes: (node[':@'] ?? {}) as Record<string, string> };
}
function check(element: Element): void {
  const rule = XSD[element.name];
  if (rule === undefined) throw new Error(`the XSD has no ${element.name}`);
  const known = rule.attributes.split(' ').map((name) => name.replace('!', ''));
  const must = rule.attributes.split(' ').flatMap((name) => (name.endsWith('!') ? [name.slice(0, -1)] : []));
  expect(known).toEqual(expect.arrayContaining(Object.keys(element.attributes)));
  expect(Object.keys(element.attributes)).toEqual(expect.arrayContaining(must));
  for (const child of element.children) {
    expect(rule.children.split(' ')).toContain(child.name);
    check(child);
  }
}
const all = (element: Element, name: string): Element[] => [
  ...element.children.filter((child) => child.name === name),
  ...element.children.flatMap((child) => all(child, name)),
];

const NO_VERDICTS = [
  'could_not_run',
  'setup_failed',
  'host_lost',
  'tested_nothing',
  'cancelled',
  'expired',
  'held_too_long',
  'not_compatible',
] as const;
const failing = [{ name: 'ping', result: 'fail' as const, message: 'no answer' }];

/** Every way in which a run has no verdict, with a failed case. */
const UNJUDGED: [string, Partial<ReportedRun>][] = [
  ...NO_VERDICTS.map((noVerdict): [string, Partial<ReportedRun>] => [
    noVerdict,
    { verdict: 'none', noVerdict, cases: failing },
  ]),
  ...(['waiting', 'held', 'running'] as const).map((state): [string, Partial<ReportedRun>] => [
    state,
    { state, cases: failing },
  ]),
];

describe('JUnit XML', () => {
  it.each(UNJUDGED)('%s is an error or skipped, never a failure, its failed cases neither', (word, more) => {
    const { verdict: _, ...base } = aRun();
    const root = read(junit(report({ ...base, ...more })));
    expect(all(root, 'failure')).toEqual([]);
    expect(root.attributes).toMatchObject({ failures: '0', errors: word === 'cancelled' ? '0' : '1' });
    const own = all(root, 'testcase')[0];
    expect(own?.children.map((child) => child.name)).toEqual([word === 'cancelled' ? 'skipped' : 'error']);
    expect(own?.children[0]?.attributes['message']).toContain(word.replaceAll('_', ' '));
  });

  it('tells passed, failed and skipped, with cases, and counts them', () => {
    const root = read(
      junit(
        report(
          aRun(),
          aRun({
            verdict: 'failed',
            reason: 'failed cases: ping (exit 0)',
            cases: failing,
            marks: ['teardown_failed'],
          }),
          aRun({ verdict: 'skipped', reason: 'exit 77' }),
        ),
      ),
    );
    expect(root.attributes).toEqual({ name: 'nightly', tests: '4', failures: '2', errors: '0' });
    expect(root.children.map((suite) => suite.children.filter((c) => c.name === 'testcase').length)).toEqual([
      1, 2, 1,
    ]);
    expect(all(root, 'failure').map((one) => one.attributes['message'])).toEqual([
      'failed cases: ping (exit 0); teardown failed',
      'no answer',
    ]);
    expect(all(root, 'skipped')).toHaveLength(1);
  });

  it('carries host, measurements, the last lines, the evidence, and the issue of a known red', () => {
    const known = { link: 'https://example.org/7', why: '' };
    const cases = [
      { name: 'speed', result: 'pass' as const, message: '', measurement: { raw: '3.50', unit: 'ms' } },
    ];
    const more = {
      host: 'n042',
      durationS: 1.5,
      startedAt: '2026-01-01T00:00:00.250Z',
      evidence: 'http://g/r1',
    };
    const root = read(
      junit(report(aRun({ verdict: 'failed', known, cases, tail: 'a < b\n]]> & c', ...more }))),
    );
    const properties = Object.fromEntries(
      all(root, 'property').map(({ attributes: a }) => [a['name'], a['value']]),
    );
    expect(properties).toMatchObject({
      ...{ run: 'r1', host: 'n042', known: known.link, evidence: 'http://g/r1' },
      'measurement:speed': '3.50 ms',
    });
    expect(root.children[0]?.attributes).toMatchObject({
      time: '1.500',
      timestamp: '2026-01-01T00:00:00',
      hostname: 'n042',
    });
    expect(all(root, 'system-out').map((one) => one.text)).toEqual(['a < b\n]]> & c']);
    expect(all(root, 'failure')[0]?.attributes['message']).toContain(known.link);
  });

  it('survives whatever names and output there are', () => {
    const nasty = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\0', '\ud800', ']]>', '"><x/>', '&amp;', '\u001b[31m', '\ufffe', '<!--', 'a\r\nb'),
    );
    fc.assert(
      fc.property(nasty, nasty, nasty, (name, message, tail) => {
        const cases = [{ name, result: 'fail' as const, message }];
        const run = aRun({
          test: name,
          variant: { V: name },
          verdict: 'failed',
          reason: message,
          tail,
          cases,
        });
        const root = read(junit({ name, runs: [run] }));
        expect(all(root, 'testcase')).toHaveLength(2);
        expect(all(root, 'failure')).toHaveLength(2);
      }),
    );
  });
});

/** The top-level test points of a TAP document. */
const points = (text: string) => text.split('\n').filter((line) => /^(not )?ok /.test(line));

describe('TAP', () => {
  it.each(UNJUDGED)('%s is never not ok, nor is a case of it', (_word, more) => {
    const { verdict: _, ...base } = aRun();
    const text = tap(report({ ...base, ...more }));
    expect(text).not.toMatch(/^ *not ok/m);
    expect(points(text)).toEqual([expect.stringMatching(/^ok 1 - boot # SKIP /)]);
  });

  it('has a plan, a point per run, and cases as a subtest before it', () => {
    const text = tap(
      report(
        aRun(),
        aRun({ verdict: 'failed', reason: 'exit 1', cases: failing }),
        aRun({ verdict: 'none', noVerdict: 'host_lost', reason: 'lost' }),
      ),
    );
    expect(text.split('\n').slice(0, 2)).toEqual(['TAP version 14', '1..3']);
    expect(points(text)).toEqual([
      'ok 1 - boot',
      'not ok 2 - boot',
      'ok 3 - boot # SKIP no verdict: host lost: lost',
    ]);
    expect(text).toContain('# Subtest: boot\n    1..1\n    not ok 1 - ping\nnot ok 2 - boot\n  ---\n');
    expect(text).toContain('# 1 of 3 without a verdict\n');
  });

  it('is not led astray by names and output', () => {
    const nasty = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('x # SKIP', 'a\nnot ok 9', '\\#', '...', '\u2028'),
    );
    fc.assert(
      fc.property(nasty, nasty, (name, tail) => {
        const cases = [{ name, result: 'pass' as const, message: name }];
        const text = tap(report(aRun({ test: name, reason: tail, tail, cases })));
        expect(points(text)).toHaveLength(1);
        expect(points(text)[0]).toMatch(/^ok 1 - ?/);
        expect(points(text)[0]).not.toMatch(/[^\\]# *SKIP/);
        const block = /^ {2}---\n([\s\S]*?)^ {2}\.\.\.$/m.exec(text)?.[1] ?? '';
        expect(parseYaml(block)).toMatchObject({ run: 'r1' });
      }),
    );
  });
});
