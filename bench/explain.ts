import { explain } from '../src/domain/explain/explain.js';
import type { HostState, Question, Reach } from '../src/domain/explain/question.js';
import { inWords } from '../src/domain/explain/words.js';
import { HostIndex } from '../src/domain/match/host-index.js';
import type { Requirement } from '../src/domain/requirement.js';
import { matchGrid, rollRequirement } from './parts/match-grid.js';
import { asked, dice, quantile, report } from './parts/report.js';

/**
 * Why a run waits or can never run, answered on a large grid: random requirements, of which about half no host
 * meets, each explained with the words for people. Some flags are given by steps; hosts are down and busy.
 */
const options = asked({ hosts: 10_000, tags: 512, questions: 300, share: 0.5 });
const KINDS_OF_HOST = 20;

const roll = dice(options.seed);
const grid = matchGrid(options, roll);
const index = new HostIndex(grid.catalogue);
const hosts = new Map<number, HostState>();
for (let host = 0; host < grid.hosts; host++) {
  index.add(host, grid.factsOf(host));
  hosts.set(host, aState(host));
}
const givable = new Set(grid.names.slice(0, 20));
const reachable = (host: number): Reach =>
  host % 3 === 0
    ? { ok: false, why: 'step make may not run there' }
    : { ok: true, costS: 60 + (host % 7), steps: ['make'] };

const times: number[] = [];
const cpuTimes: number[] = [];
const statuses = new Map<string, number>();
for (let n = 0; n < options.questions + 20; n++) {
  const requirement = rollQuestion();
  const question: Question = {
    requirement,
    catalogue: grid.catalogue,
    index,
    hosts,
    givable,
    reachable,
    queue: { place: 7, of: 20, ahead: 6, typicalS: 600, freeInS: [0, 60, 600] },
  };
  const cpu = process.cpuUsage();
  const from = performance.now();
  const explanation = explain(question);
  const lines = inWords(explanation);
  const ms = performance.now() - from;
  const { user, system } = process.cpuUsage(cpu);
  if (lines.length === 0) throw new Error('nothing was said');
  // The first ones make the columns of tags that nobody asked for before, and warm up.
  if (n < 20) continue;
  times.push(ms);
  cpuTimes.push((user + system) / 1000);
  statuses.set(explanation.status, (statuses.get(explanation.status) ?? 0) + 1);
}

const unmet = (statuses.get('never') ?? 0) + (statuses.get('not known') ?? 0);
const held = report(
  'explain',
  {
    ms_p99: { value: quantile(times, 0.99), bound: { kind: 'most', than: 50 } },
    ms_p50: { value: quantile(times, 0.5) },
    cpu_ms_p99: { value: quantile(cpuTimes, 0.99) },
    cpu_ms_p50: { value: quantile(cpuTimes, 0.5) },
    ms_most: { value: Math.max(...times) },
    unmet_share: { value: unmet / times.length },
  },
  options,
);
process.exitCode = held ? 0 : 1;

function aState(host: number): HostState {
  const type = `type${host % KINDS_OF_HOST}`;
  return {
    name: `h${host}`,
    type,
    likeness: type,
    pool: 'main',
    offline: roll() < 0.1,
    health: roll() < 0.05 ? 'quarantined' : 'good',
    healthWhy: 'two tests lost it',
    seats: 1,
    taken: roll() < 0.5 ? 1 : 0,
  };
}

/** Two or three of the usual formulas together: seldom met; or one; with parts that are not or one of several. */
function rollQuestion(): Requirement {
  const parts = Array.from({ length: 1 + Math.floor(roll() * 3) }, () => rollRequirement(grid, roll));
  const flag = (): Requirement => ({ kind: 'tag', name: `flag${Math.floor(roll() * grid.flags)}` });
  if (roll() < 0.3) parts.push({ kind: 'not', of: flag() }, { kind: 'any', of: [flag(), flag()] });
  // Nobody has such a new one.
  if (roll() < 0.2) parts.push({ kind: 'compare', name: 'version0', operator: '>=', value: '99.1' });
  return { kind: 'all', of: parts };
}
