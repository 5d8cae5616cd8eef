import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { HostSpec } from '../../src/domain/inventory.js';
import type { Exit, Outcome, Phase, Printed, Teardown } from '../../src/domain/outcome.js';
import type { Assignment, AttemptEvent } from '../../src/protocol/messages.js';
import { aHost, aStep, aTag, aTest, exit, LOOKS, TestGrid } from './test-grid.js';

interface Line {
  readonly id: string;
  readonly seen: string;
  readonly run: string;
  readonly blamed: string;
  readonly dirty: string;
  readonly health: string;
}

/** The lines of the page, by id. */
const lines = new Map<string, Line>(
  readFileSync('docs/OUTCOMES.md', 'utf8')
    .split('\n')
    .filter((line) => /^\| [A-Z]-/.test(line))
    .map((line) => {
      const [id = '', , seen = '', run = '', blamed = '', dirty = '', health = ''] = line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim());
      return [id, { id, seen, run, blamed, dirty, health }];
    }),
);

/** What is played: how far the attempt comes, and what its executor says at the end. */
interface Played {
  /** The part in which it happens; what comes before went well. */
  readonly part: 'transport' | 'chain' | 'verify' | 'setup' | 'test' | 'teardown';
  /** Undefined: the executor dies there. */
  readonly outcome?: Outcome;
  readonly teardown?: Teardown;
  readonly cancel?: boolean;
  readonly cases?: readonly ('pass' | 'fail')[];
  readonly declares?: { cases?: string[]; commands?: string[]; underTest?: string[] };
  readonly looks?: typeof LOOKS;
  /** Others were on the host before, and it can be made fresh. */
  readonly restorable?: boolean;
}

const CODES: Record<string, Exit> = {
  '0': { kind: 'exited', code: 0 },
  '1': { kind: 'exited', code: 1 },
  '77': { kind: 'exited', code: 77 },
  '99': { kind: 'exited', code: 99 },
  '126': { kind: 'exited', code: 126 },
  '127': { kind: 'exited', code: 127 },
  SIG: { kind: 'signalled', signal: 'SIGSEGV' },
};
const CANCELLED: Outcome = { kind: 'cancelled' };
const ended = (what: Exit): Outcome => ({
  kind: 'ended',
  exit: what,
  missing: { needed: [], underTest: [] },
});
const printed = (what: Printed): Outcome => ({
  kind: 'ended',
  exit: { kind: 'exited', code: 0 },
  missing: { needed: [], underTest: [] },
  printed: what,
});
const lost = (phase: Phase, back = false): Outcome => ({
  kind: 'host_lost',
  phase,
  error: 'lost',
  message: 'the connection ended',
  ...(back ? { back } : {}),
});
const CHANGED = { ...LOOKS, modules: 'm2' };

/** How each part plays each column; the rows of a part differ only in this. */
function played(letter: string, column: string): Played {
  const code = CODES[column];
  const died = ['SAME', 'BOOT', 'GONE'].includes(column);
  const back = column === 'SAME';
  switch (letter) {
    case 'S': {
      if (column === '0') return { part: 'test', outcome: exit(0) };
      if (column === 'KILL') return { part: 'setup', outcome: CANCELLED, cancel: true };
      if (died) return { part: 'setup', outcome: lost('setup', back) };
      if (column === 'EXEC') return { part: 'setup' };
      const result = column === 'HANG' ? 'timed_out' : 'failed';
      return {
        part: 'setup',
        outcome: { kind: 'setup_failed', result, message: JSON.stringify(code) ?? '' },
      };
    }
    case 'C': {
      if (column === '0') return { part: 'test', outcome: exit(0) };
      if (column === 'KILL') return { part: 'chain', outcome: CANCELLED, cancel: true };
      if (died) return { part: 'chain', outcome: lost('chain', back) };
      if (column === 'EXEC') return { part: 'chain' };
      const result = column === 'HANG' ? 'timed_out' : 'failed';
      const message = JSON.stringify(code) ?? 'too long';
      return {
        part: 'chain',
        outcome: { kind: 'chain_failed', step: 'make-svc', layer: 'packages', result, message },
      };
    }
    case 'X': {
      if (column === 'KILL') return { part: 'transport', outcome: CANCELLED, cancel: true };
      if (column === 'EXEC') return { part: 'transport' };
      return { part: 'transport', outcome: lost(code === undefined ? 'connect' : 'begin', back) };
    }
    case 'T': {
      if (code !== undefined) return { part: 'test', outcome: ended(code) };
      if (column === 'HANG')
        return { part: 'test', outcome: { kind: 'timed_out', afterMs: 600_000, hostAnswered: true } };
      if (column === 'KILL') return { part: 'test', outcome: CANCELLED, cancel: true };
      if (column === 'BOOT')
        return { part: 'test', outcome: { kind: 'crashed', evidence: 'another boot id' }, looks: CHANGED };
      return died ? { part: 'test', outcome: lost('test', back) } : { part: 'test' };
    }
    default: {
      if (column === 'EXEC') return { part: 'teardown' };
      const cancel = column === 'KILL';
      const teardown = column === '0' || cancel ? 'ok' : column === 'HANG' ? 'timed_out' : 'failed';
      return { part: 'teardown', outcome: exit(0), teardown, cancel };
    }
  }
}

const BEYOND: Record<string, Played> = {
  'T-127-OWN': {
    part: 'test',
    outcome: exit(127, { underTest: ['tool'] }),
    declares: { underTest: ['tool'] },
  },
  'T-126-USED': { part: 'test', outcome: exit(126), restorable: true },
  'T-127-USED': { part: 'test', outcome: exit(127), restorable: true },
  'T-99-USED': { part: 'test', outcome: exit(99), restorable: true },
  'T-1-USED': { part: 'test', outcome: exit(1), restorable: true },
  'T-0-NEED': { part: 'test', outcome: exit(0, { needed: ['tool'] }), declares: { commands: ['tool'] } },
  'T-0-CASE': { part: 'test', outcome: exit(0), declares: { cases: ['one'] } },
  'T-1-CASE': { part: 'test', outcome: exit(1), cases: ['pass', 'pass'] },
  'T-0-FAIL': { part: 'test', outcome: exit(0), cases: ['pass', 'fail'] },
  'T-0-PLAN': {
    part: 'test',
    outcome: printed({ cases: 1, flaw: 'planned 2 cases and printed 1' }),
    cases: ['pass'],
  },
  'T-0-TAPLESS': { part: 'test', outcome: printed({ cases: 0 }) },
  'T-0-SKIPALL': { part: 'test', outcome: printed({ cases: 0, skipped: 'no such card' }) },
  'T-NEVER': { part: 'verify', outcome: { kind: 'never_started', why: 'no such interpreter' } },
  'T-HANG-GONE': { part: 'test', outcome: { kind: 'timed_out', afterMs: 600_000, hostAnswered: false } },
  'X-UNCLEAN': { part: 'transport', outcome: { kind: 'unclean', message: 'pid 7 is still there' } },
  'X-STALE': { part: 'transport', outcome: { kind: 'stale', message: 'not as recorded' }, looks: CHANGED },
  'X-FENCED': { part: 'transport', outcome: { kind: 'fenced', message: 'has seen a newer attempt' } },
  'X-UNABLE': { part: 'transport', outcome: { kind: 'executor_unable', message: 'no key file' } },
  'C-LIE': {
    part: 'verify',
    outcome: { kind: 'tag_lied', step: 'make-svc', tag: 'svc', presence: 'absent' },
  },
};

const PARTS = ['transport', 'chain', 'verify', 'setup', 'test', 'teardown'] as const;

/** The events of an attempt up to where something happens. */
function eventsUpTo(assignment: Assignment, { part, looks, cases = [], outcome }: Played): AttemptEvent[] {
  const reached = (one: Played['part']) => PARTS.indexOf(one) <= PARTS.indexOf(part);
  const events: AttemptEvent[] = [{ kind: 'begun' }];
  const begin = (seq: number, what: 'setup' | 'test' | 'teardown' | 'chain', step: string) =>
    events.push({ kind: 'step_started', role: 'main', seq, what, step });
  const well = (seq: number, result: 'ok' | 'failed' = 'ok') =>
    events.push({ kind: 'step_ended', role: 'main', seq, result, durationMs: 1, message: '' });
  const seesFirst = part !== 'transport' || outcome?.kind === 'stale';
  if (seesFirst) {
    const fingerprint = part === 'transport' && looks ? looks : LOOKS;
    events.push({ kind: 'seen', role: 'main', tags: [], fingerprint });
  }
  let seq = 0;
  for (const step of assignment.places[0]?.chain ?? []) {
    if (!reached('chain')) break;
    begin(++seq, 'chain', step.name);
    if (part !== 'chain') well(seq);
    else if (outcome?.kind === 'chain_failed') well(seq, 'failed');
  }
  if (!reached('verify')) return events;
  events.push({ kind: 'chain_done' });
  const tags = (assignment.places[0]?.verify ?? []).map(({ tag }) => ({ tag, presence: 'present' as const }));
  events.push({ kind: 'verified', role: 'main', tags, fingerprint: LOOKS });
  if (!reached('setup')) return events;
  if (assignment.test.setup !== undefined) {
    begin(++seq, 'setup', 'setup');
    if (part === 'setup') {
      if (outcome?.kind === 'setup_failed') well(seq, 'failed');
      return events;
    }
    well(seq);
  }
  begin(++seq, 'test', 'test');
  events.push({ kind: 'test_started' });
  cases.forEach((result, i) => {
    events.push({ kind: 'case', role: 'main', seq: i + 1, name: `case ${i}`, result, message: '' });
  });
  if (part === 'teardown') {
    well(seq);
    begin(++seq, 'teardown', 'teardown');
  }
  return events;
}

const RESTORABLE: Partial<HostSpec> = {
  expendable: ['image', 'packages', 'build', 'boot', 'use'],
  restore: { kind: 'command', command: ['true'] },
};
const PRISTINE = aStep('make-pristine', 'pristine', {
  layer: 'image',
  action: { kind: 'restore', image: 'base' },
});

async function play(id: string, how: Played) {
  const withChain = id.startsWith('C-');
  const grid = await TestGrid.open({
    tags: [aTag('svc'), aTag('pristine')],
    steps: [aStep('make-svc', 'svc', { layer: 'packages' }), ...(how.restorable ? [PRISTINE] : [])],
    hosts: [aHost('one', { expendable: ['packages'], ...(how.restorable ? RESTORABLE : {}) })],
    tests: [
      aTest('it', {
        owner: 'qe',
        dirties: 'nothing',
        ...(id.startsWith('S-') ? { setup: 'prepare' } : {}),
        ...(id.startsWith('D-') ? { teardown: 'tidy' } : {}),
        ...(withChain ? { requirement: 'svc' } : {}),
        ...how.declares,
      }),
    ],
  });
  try {
    if (withChain) grid.sees.set('one', { svc: 'absent' });
    await grid.lookAtHosts();
    const [run = ''] = await grid.submit('it');
    const work = await grid.takeRun(run);
    expect(work.places[0]?.chain.length).toBe(withChain ? 1 : 0);
    await grid.report(work, eventsUpTo(work, how));
    if (how.cancel) await grid.cancel(run, 'somebody');
    if (how.outcome === undefined) await grid.executorStarts();
    else {
      const looked =
        !(how.part === 'transport' || how.outcome.kind === 'host_lost') || how.looks !== undefined;
      await grid.report(work, [
        {
          kind: 'ended',
          end: { outcome: how.outcome, teardown: how.teardown ?? 'none' },
          places: [
            {
              role: 'main',
              ...(looked ? { fingerprint: how.looks ?? LOOKS } : {}),
              outputBytes: 0,
              outputCut: 0,
            },
          ],
        },
      ]);
    }
    // Only this attempt is judged: what the grid does next is not of this page.
    await grid.heartbeat.beat();
    const [attempt] = await grid.store.rows<{ outcome: string }>(
      `SELECT outcome FROM attempt WHERE run_id = $1 ORDER BY id LIMIT 1`,
      [run],
    );
    const now = await grid.run(run);
    const incidents = await grid.incidents();
    const told = await grid.history(`r${run}`);
    const host = await grid.host('one');
    const again = now.state === 'waiting' || now.state === 'running';
    return { seen: attempt?.outcome, now, again, incidents, told, host, logged: grid.logged };
  } finally {
    await grid.close();
  }
}

describe('docs/OUTCOMES.md', () => {
  const columns = ['0', '1', '77', '99', '126', '127', 'SIG', 'HANG', 'KILL', 'SAME', 'BOOT', 'GONE', 'EXEC'];
  const cells = ['S', 'C', 'X', 'T', 'D'].flatMap((letter) =>
    columns.map((column): [string, Played] => [`${letter}-${column}`, played(letter, column)]),
  );
  const all = [...cells, ...Object.entries(BEYOND)];

  it('has a test for every line, and a line for every test', () => {
    expect([...lines.keys()].sort()).toEqual(all.map(([id]) => id).sort());
  });

  it.each(all)('%s', async (id, how) => {
    const line = lines.get(id);
    if (line === undefined) throw new Error(`the page has no line ${id}`);
    const { seen, now, again, incidents, told, host } = await play(id, how);
    expect(seen).toBe(line.seen === 'goes on' ? 'ended' : line.seen);
    const [, verdict, noVerdict, mark] =
      /^(\w+)(?:: (\w+))?(?:, marked (\w+))?$/.exec(line.run) ?? expect.fail(`${line.run}?`);
    if (verdict === 'again') {
      expect(again).toBe(true);
      expect(now.verdict).toBe(null);
      expect(now.reason).not.toBe('');
    } else {
      const marks = now.marks.filter((m) => m !== 'not_repeated_on_fresh_host');
      expect({ ...now, marks }).toMatchObject({
        verdict,
        noVerdict: noVerdict ?? null,
        marks: mark === undefined ? [] : [mark],
      });
    }
    expect(incidents.map((i) => i.scope)).toEqual(line.blamed.startsWith('host') ? ['host'] : []);
    expect(told.map((h) => h.kind).includes('test.teardown_failed')).toBe(line.blamed.endsWith('is told'));
    expect(host).toMatchObject({ dirty: line.dirty === 'clean' ? null : line.dirty, health: line.health });
  });
});
