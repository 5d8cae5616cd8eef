import type { PlacedTest, TestThere, TypeForTest } from './compatible.js';
import type { CoreClause, Counts, Explanation, NearHost, Status } from './explain.js';
import { fixesOf } from './fixes.js';
import {
  answerWords,
  coreWords,
  fixWords,
  hostWords,
  inWords,
  lackWords,
  nearWords,
  placeWords,
  whyNotNow,
} from './words.js';

/** An explanation as people and their programs get it: plain values, and the words for each. */
export interface Told {
  /** In canonical spelling; '' is any host. */
  requirement: string;
  status: Status;
  /** The answer in one line, and then all of it, a line for each thing that is said. */
  answer: string;
  lines: string[];
  /** Parts of that: what no host meets; the nearest hosts. */
  why: string[];
  hosts: string[];
  counts: Omit<Counts, 'barredWhy'> & { barredWhy?: string };
  /** The smallest set of clauses that no host meets together. */
  core: { clause: string; hosts: number; unknown: number; near: string[] }[];
  coreIsSmallest: boolean;
  nearest: ToldHost[];
  /** What would let it start, what is least trouble first. */
  fixes: { kind: ReturnType<typeof fixesOf>[number]['kind']; text: string }[];
  queue?: { place: number; of: number; text: string; startsInS?: number; unknown?: string };
}

/** One of the nearest hosts, as it is told. */
export interface ToldHost {
  host: string;
  available: NearHost['available'];
  /** Why it takes nothing now. */
  why?: string;
  lacks: { clause: string; truth: 'no' | 'unknown'; why: string }[];
  /** The steps that bring it there, and what they cost in seconds of host time. */
  steps?: string[];
  costS?: number;
  /** Why no steps do. */
  noSteps?: string;
}

/** Puts an explanation into plain values. */
export function tell(explanation: Explanation): Told {
  const { requirement, status, counts, core, coreIsSmallest, nearest, queue } = explanation;
  const { barredWhy, ...numbers } = counts;
  return {
    requirement,
    status,
    answer: answerWords(explanation),
    lines: [...inWords(explanation)],
    why: [...coreWords(explanation)],
    hosts: [...hostWords(explanation)],
    counts: { ...numbers, ...(barredWhy === '' ? {} : { barredWhy }) },
    core: core.map(coreTold),
    coreIsSmallest,
    nearest: nearest.map(hostTold),
    fixes: fixesOf(explanation).map((fix) => ({ kind: fix.kind, text: fixWords(fix) })),
    ...(queue === undefined ? {} : { queue: queueTold(queue, placeWords(explanation)[0] ?? '') }),
  };
}

function coreTold({ clause, hosts, unknown, near }: CoreClause): Told['core'][number] {
  return { clause, hosts, unknown, near: near.map(nearWords) };
}

function hostTold({ name, state, available, lacks, reach }: NearHost): ToldHost {
  const why = whyNotNow(state, reach);
  return {
    host: name,
    available,
    ...(why === undefined ? {} : { why }),
    lacks: lacks.map((lack) => ({ clause: lack.clause, truth: lack.truth, why: lackWords(lack) })),
    ...(reach?.ok === true ? { steps: [...reach.steps], costS: reach.costS } : {}),
    ...(reach?.ok === false ? { noSteps: reach.why } : {}),
  };
}

function queueTold(
  { place, of, start }: NonNullable<Explanation['queue']>,
  text: string,
): NonNullable<Told['queue']> {
  return { place, of, text, ...('inS' in start ? { startsInS: start.inS } : { unknown: start.unknown }) };
}

/** A test as it stands to a part of the grid. */
export interface TestThereTold {
  test: string;
  project: string;
  requirement: string;
  status: Status;
  ever: number;
  asTheyAre: number;
  perhaps: number;
  steps?: string[];
  nearest?: { host: string; lacks: ToldHost['lacks'] };
  why?: string;
}

/** Puts how a test stands somewhere into plain values. */
export function testThereTold({ test, explanation }: TestThere<PlacedTest>): TestThereTold {
  const { status, counts, nearest } = explanation;
  const { ever, asTheyAre, perhaps } = counts;
  const [near] = nearest.map(hostTold);
  const lines = inWords(explanation);
  return {
    test: test.name,
    project: test.project,
    requirement: test.requirement,
    status,
    ever,
    asTheyAre,
    perhaps,
    ...(near?.steps === undefined || near.steps.length === 0 || asTheyAre > 0 ? {} : { steps: near.steps }),
    ...(ever > 0 || near === undefined ? {} : { nearest: { host: near.host, lacks: near.lacks } }),
    ...(status === 'ready' ? {} : { why: whyShort(explanation, lines) }),
  };
}

/** Why it does not start there, in as few words as do. */
function whyShort({ status, nearest, counts }: Explanation, lines: readonly string[]): string {
  const [near] = nearest;
  if (counts.ever > 0 && near !== undefined) return whyNotNow(near.state, near.reach) ?? near.available;
  if (status === 'never' || status === 'not known') {
    if (near === undefined) return lines[0] ?? '';
    const lacks = near.lacks.map(lackWords);
    const isKnown = near.lacks.some(({ truth }) => truth === 'no');
    const noSteps = near.reach?.ok === false && isKnown ? [near.reach.why] : [];
    return [...new Set([...lacks, ...noSteps])].join('; ');
  }
  return counts.barredWhy === '' ? (lines[0] ?? '') : counts.barredWhy;
}

/** The hosts of a type as they stand to a test, in plain values. */
export function hostsForTold({ type, yes, bySteps, steps, unknown, no, barred, nearest }: TypeForTest) {
  return {
    type,
    yes: [...yes],
    bySteps: [...bySteps],
    ...(steps === undefined ? {} : { steps: [...steps] }),
    unknown: [...unknown],
    no: [...no],
    barred: [...barred],
    ...(nearest === undefined
      ? {}
      : { nearest: { host: nearest.host, lacks: nearest.misses.map((miss) => ({ ...miss })) } }),
  };
}
