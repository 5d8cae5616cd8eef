import type { HostSpec, Inventory } from '../../src/domain/inventory.js';
import { type Dirties, LAYERS } from '../../src/domain/layer.js';
import { canonical, normal, type Requirement } from '../../src/domain/requirement.js';
import type { StepSpec } from '../../src/domain/step.js';
import type { TagSpec } from '../../src/domain/tag.js';
import { TEST_DEFAULTS, type TestSpec } from '../../src/domain/test.js';
import { dice } from './report.js';

/** Layers of an environment, lowest first, and what each costs in seconds of host time. */
export const COST_S = { image: 600, packages: 60, build: 240, boot: 90 } as const;

/** One run of the trace: what it needs, when it is submitted, how long its test takes and what that changes. */
export interface TracedRun {
  readonly number: number;
  readonly atS: number;
  readonly takesS: number;
  readonly environment: number;
  readonly image: number;
  /** 0: the environment's usual packages; any other one is this run's own. */
  readonly version: number;
  readonly dirties: Exclude<Dirties, 'nothing'>;
}

/** What a trace is rolled from. */
export interface TraceShape {
  readonly runs: number;
  readonly hosts: number;
  readonly environments: number;
  readonly images: number;
  /** Share of the hosts' time that the tests alone would take. */
  readonly load: number;
}

const TAKES_S = { least: 120, most: 1200 };

/**
 * Runs as they come in: a Poisson process, environments by Zipf's law. Every environment has an image, packages, a
 * build and a boot. One run in ten brings a new version of a package, which nobody asks for again.
 */
export function rollTrace(shape: TraceShape, seed: number): readonly TracedRun[] {
  const roll = dice(seed);
  const meanS = (TAKES_S.least + TAKES_S.most) / 2;
  const perS = (shape.load * shape.hosts) / meanS;
  let atS = 0;
  return Array.from({ length: shape.runs }, (_, number) => {
    atS += -Math.log(1 - roll()) / perS;
    return { ...rollRun(shape, roll, number), atS };
  });
}

/** One run, submitted at once. */
export function rollRun({ environments, images }: TraceShape, roll: () => number, number: number): TracedRun {
  const environment = zipf(environments, roll());
  const takesS = Math.round(TAKES_S.least + roll() * (TAKES_S.most - TAKES_S.least));
  const version = roll() < 0.1 ? number + 1 : 0;
  return {
    number,
    atS: 0,
    takesS,
    environment,
    image: environment % images,
    version,
    dirties: rollDirt(roll()),
  };
}

function rollDirt(rolled: number): TracedRun['dirties'] {
  return rolled < 0.02 ? 'image' : rolled < 0.22 ? 'packages' : rolled < 0.52 ? 'boot' : 'use';
}

function zipf(many: number, rolled: number): number {
  const weights = Array.from({ length: many }, (_, n) => 1 / (n + 1));
  let left = rolled * weights.reduce((sum, one) => sum + one, 0);
  for (const [n, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return n;
  }
  return many - 1;
}

/** What is on a host, as far as it matters here; undefined: nobody knows. */
export type State = Pick<TracedRun, 'environment' | 'image' | 'version' | 'dirties'> | undefined;

/** What it costs to bring a host from a state to what a run needs: everything from the lowest layer that is not right. */
export function costBetween(state: State, run: TracedRun): number {
  const { image, packages, build, boot } = COST_S;
  const rest = packages + build + boot;
  if (state === undefined || state.image !== run.image || state.dirties === 'image') return image + rest;
  const isSame = state.environment === run.environment && state.version === run.version;
  if (!isSame || state.dirties === 'packages') return rest;
  return state.dirties === 'boot' ? boot : 0;
}

/** The name of the test that a run is of. */
export function testOf({ environment, version, dirties }: TracedRun): string {
  return `e${environment}-v${version}-${dirties}`;
}

const restore = { kind: 'command' as const, command: ['put-back'] };

/** The lab in which these runs can be carried out. */
export function inventoryFor(runs: readonly TracedRun[], hosts: number): Inventory {
  const steps = new Map<string, StepSpec>();
  const tests = new Map<string, TestSpec>();
  for (const run of runs) {
    for (const step of stepsOf(run)) steps.set(step.name, step);
    tests.set(testOf(run), aTestOf(run));
  }
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
  return {
    grid: { name: 'trace', admin: 'admin', default: '' },
    tags: ['booted', 'built', 'image', 'packages'].map(aText),
    aliases: [],
    pools: [{ name: 'default' }],
    resources: [],
    types: [],
    hosts: Array.from({ length: hosts }, (_, n) => aBoard(n)).sort(byName),
    steps: [...steps.values()].sort(byName),
    tests: [...tests.values()].sort(byName),
  };
}

function aText(name: string): TagSpec {
  return {
    name: `${name}-is`,
    meaning: name,
    kind: 'text',
    source: { by: 'probe', script: `cat /etc/${name}` },
  };
}

function aBoard(n: number): HostSpec {
  return {
    name: `board${String(n + 1).padStart(3, '0')}`,
    type: 'board',
    pool: 'default',
    owner: 'lab',
    seats: 1,
    expendable: LAYERS,
    tags: [],
    resources: [],
    restore,
    transport: {
      kind: 'ssh',
      address: '127.0.0.1',
      port: 22,
      user: 'root',
      keyFile: '/nowhere',
      hostKeys: ['none'],
    },
  };
}

/** What a run needs, layer by layer, as tags with their values. */
export function neededBy({ environment, image, version }: TracedRun): Readonly<Record<string, string>> {
  const e = `e${environment}`;
  return { 'booted-is': e, 'built-is': e, 'image-is': `i${image}`, 'packages-is': `${e}.v${version}` };
}

function is(needed: Readonly<Record<string, string>>, ...tags: readonly string[]): string {
  const of = tags.map(
    (name): Requirement => ({ kind: 'compare', name, operator: '=', value: needed[name] ?? '' }),
  );
  return canonical(normal({ kind: 'all', of }));
}

function stepsOf(run: TracedRun): readonly StepSpec[] {
  const needed = neededBy(run);
  const { environment, image, version } = run;
  const about = { owner: 'lab', undo: { none: 'the next one takes its place' }, timeoutMs: 3_600_000 };
  const script = { kind: 'script' as const, script: 'true' };
  return [
    {
      ...about,
      name: `put-i${image}`,
      layer: 'image',
      needs: '',
      gives: [is(needed, 'image-is')],
      action: { kind: 'restore', image: `i${image}` },
      costS: COST_S.image,
    },
    {
      ...about,
      name: `install-e${environment}-v${version}`,
      layer: 'packages',
      needs: is(needed, 'image-is'),
      gives: [is(needed, 'packages-is')],
      action: script,
      clears: true,
      costS: COST_S.packages,
    },
    {
      ...about,
      name: `build-e${environment}`,
      layer: 'build',
      needs: is(needed, 'image-is'),
      gives: [is(needed, 'built-is')],
      action: script,
      costS: COST_S.build,
    },
    {
      ...about,
      name: `boot-e${environment}`,
      layer: 'boot',
      needs: is(needed, 'built-is'),
      gives: [is(needed, 'booted-is')],
      action: { kind: 'reboot', command: 'reboot' },
      costS: COST_S.boot,
    },
  ];
}

function aTestOf(run: TracedRun): TestSpec {
  const needed = neededBy(run);
  return {
    ...TEST_DEFAULTS,
    name: testOf(run),
    requirement: is(needed, ...Object.keys(needed)),
    labels: [],
    run: Buffer.from('#!/bin/sh\n').toString('base64'),
    environment: {},
    timeoutMs: 2 * TAKES_S.most * 1000,
    dirties: run.dirties,
    cases: [],
    commands: [],
    underTest: [],
    network: false,
  };
}
