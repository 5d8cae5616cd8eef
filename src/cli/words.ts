import type { RunView } from '../http/contract.js';
import type { Cell, Tone } from './screen.js';

/** Where a run stands, in one or two words: its verdict, why it has none, or its state. */
export function standing(run: Pick<RunView, 'state' | 'verdict' | 'noVerdict'>): Cell {
  if (run.state !== 'done') {
    const tone: Tone | undefined =
      run.state === 'held' ? 'warn' : run.state === 'waiting' ? 'quiet' : undefined;
    return tone === undefined ? { text: run.state } : { text: run.state, tone };
  }
  return verdictWord(run.verdict ?? 'none', run.noVerdict);
}

/** A verdict as people see it; `none` shows why there is none. */
export function verdictWord(verdict: NonNullable<RunView['verdict']>, noVerdict?: string): Cell {
  switch (verdict) {
    case 'passed':
      return { text: 'passed', tone: 'good' };
    case 'failed':
      return { text: 'failed', tone: 'bad' };
    case 'skipped':
      return { text: 'skipped', tone: 'quiet' };
    case 'none':
      return { text: (noVerdict ?? 'no verdict').replaceAll('_', ' '), tone: 'warn' };
  }
}

/** The reason of a run, with what is said beside it. */
export function reasonOf(run: Pick<RunView, 'reason' | 'marks' | 'incident' | 'known'>): string {
  const marks = run.marks.map((mark) => mark.replaceAll('_', ' '));
  const incident = run.incident === undefined || run.reason.includes(run.incident) ? [] : [run.incident];
  const known = run.known === undefined ? [] : [`known: ${run.known.link}`];
  return [run.reason, ...incident, ...marks, ...known].filter((part) => part !== '').join('; ');
}

/** The name of a run's test, with its variant where it has one. */
export function testOf(run: Pick<RunView, 'test' | 'variant'>): string {
  const variant = Object.entries(run.variant).map(([key, value]) => `${key}=${value}`);
  return variant.length === 0 ? run.test : `${run.test} [${variant.join(' ')}]`;
}

/** `2 passed, 1 failed`: numbers that are not nought, in the order given. */
export function counted(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  return parts.map(([word, count]) => `${count} ${word}`).join(', ') || 'nothing';
}
