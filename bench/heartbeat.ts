import type { Demand } from '../src/domain/demand.js';
import { LAYERS } from '../src/domain/layer.js';
import type { Candidate } from '../src/domain/plan/candidate.js';
import { type Answer, fitsOf } from '../src/domain/plan/fit.js';
import { FitIndex } from '../src/domain/plan/fit-index.js';
import { canonical } from '../src/domain/requirement.js';
import type { StepSpec } from '../src/domain/step.js';
import { matchGrid, rollRequirement } from './parts/match-grid.js';
import { asked, dice, quantile, report } from './parts/report.js';

/**
 * Which hosts can serve what waits, as a heartbeat asks it: many hosts, many different demands, a few hosts changed
 * since the last beat. Beside it every host is asked of every demand, as without an index: of `compared` demands a
 * beat, in the same call, their answers compared. Steps give some of the flags, so that some hosts must be planned for.
 */
const options = asked({
  hosts: 10_000,
  tags: 512,
  demands: 200,
  changed: 100,
  beats: 40,
  compared: 2,
  share: 0.2,
});
/** Flags that a step gives. */
const GIVEN = 20;

const roll = dice(options.seed);
const grid = matchGrid(options, roll);
const steps = Array.from({ length: GIVEN }, (_, n) => aStep(n));
const demands = new Map(Array.from({ length: options.demands }, (_, n) => [`d${n}`, aDemand()]));
const hosts = Array.from({ length: grid.hosts }, (_, n) => aHost(n));
const index = new FitIndex();
let fits = 0;

const [firstMs] = beat();
const times = { index: [] as number[], naive: [] as number[] };
let disagreements = 0;
for (let n = 0; n < options.beats; n++) {
  change();
  const [ms, answers] = beat();
  times.index.push(ms / options.demands);
  compare(answers, n);
}

const held = report(
  'heartbeat',
  {
    ms_per_beat: { value: quantile(times.index, 0.5) * options.demands, bound: { kind: 'most', than: 50 } },
    vs_naive: {
      value: quantile(times.index, 0.5) / quantile(times.naive, 0.5),
      bound: { kind: 'most', than: 0.01 },
    },
    disagreements: { value: disagreements, bound: { kind: 'exactly', than: 0 } },
    ms_per_beat_p90: { value: quantile(times.index, 0.9) * options.demands },
    ms_first_beat: { value: firstMs },
    ms_per_demand: { value: quantile(times.index, 0.5) },
    naive_ms_per_demand: { value: quantile(times.naive, 0.5) },
    hosts_per_demand: { value: fits / options.demands },
  },
  options,
);
process.exitCode = held ? 0 : 1;

/** Asks all demands; milliseconds, and the answers. */
function beat(): [number, ReadonlyMap<string, Answer>] {
  const ground = { hosts: [...hosts], steps, incidents: [], catalogue: grid.catalogue };
  const from = performance.now();
  const answers = index.answers(demands, ground);
  const ms = performance.now() - from;
  fits = 0;
  for (const answer of answers.values()) fits += answer.fits.length;
  return [ms, answers];
}

/** Some hosts get three tags anew, or were used. */
function change(): void {
  for (let n = 0; n < options.changed; n++) {
    const at = Math.floor(roll() * grid.hosts);
    for (let tag = 0; tag < 3; tag++) grid.change(at);
    hosts[at] = aHost(at);
  }
}

/** Asks every host of some of the demands, and counts those of which the index says something else. */
function compare(answers: ReadonlyMap<string, Answer>, nth: number): void {
  for (let n = 0; n < options.compared; n++) {
    const key = `d${(nth * options.compared + n) % options.demands}`;
    const from = performance.now();
    const right = fitsOf(demands.get(key) as Demand, hosts, steps, []);
    times.naive.push(performance.now() - from);
    if (said(right) !== said(answers.get(key) as Answer)) disagreements++;
  }
}

function said({ fits, laters, nevers }: Answer): string {
  return JSON.stringify([
    fits.map(({ host, chain }) => [host.id, chain.steps.map(({ name }) => name), chain.fresh]),
    laters.map(({ host, code, why }) => [host.id, code, why]),
    nevers.map(({ host }) => host.id),
  ]);
}

function aDemand(): Demand {
  const requirement = canonical(rollRequirement(grid, roll));
  return { requirement, target: {}, purpose: 'test', fresh: roll() < 0.1, avoid: [] };
}

function aHost(n: number): Candidate {
  return {
    id: String(n + 1),
    name: `h${n + 1}`,
    pool: 'default',
    type: 'board',
    seats: 1,
    expendable: n % 2 === 0 ? LAYERS : ['use'],
    canRestore: false,
    offline: roll() < 0.02,
    health: roll() < 0.02 ? 'suspect' : 'good',
    healthWhy: 'a test was lost there',
    isolated: false,
    stack: [],
    used: roll() < 0.5,
    facts: grid.factsOf(n),
    catalogue: grid.catalogue,
    okAttempt: '0',
  };
}

function aStep(n: number): StepSpec {
  return {
    name: `give${n}`,
    layer: n % 2 === 0 ? 'use' : 'packages',
    needs: '',
    gives: [`flag${n}`],
    action: { kind: 'script', script: 'true' },
    undo: { none: 'nothing to take back' },
    timeoutMs: 60_000,
    costS: 5 + n,
  };
}
