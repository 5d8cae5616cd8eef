import type { HostSpec, Inventory } from '../../src/domain/inventory.js';
import { type Dirties, LAYERS } from '../../src/domain/layer.js';
import { canonical } from '../../src/domain/requirement.js';
import type { StepSpec } from '../../src/domain/step.js';
import type { TagSpec } from '../../src/domain/tag.js';
import { TEST_DEFAULTS, type TestSpec } from '../../src/domain/test.js';

/** What makes a lab of this campaign; pools have equally many hosts. */
export interface LabSize {
  readonly pools: number;
  readonly hostsPerPool: number;
  readonly tests: number;
  /** The share of tests that truly fail. */
  readonly failing: number;
}

const IMAGES = ['small', 'wide', 'old'];
/** Packages steps, and the versions that each puts in: some share one. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'put-alpha': ['libfoo 1.2', 'alpha 3'],
  'put-beta': ['libfoo 1.2', 'beta 7'],
  'put-gamma': ['libbar 2.0', 'gamma 1'],
  'put-delta': ['libbar 2.0', 'delta 4'],
  'put-epsilon': ['epsilon 5'],
};
const FETCHES = ['get-tools', 'get-data'];
const LICENSED = ['take-compiler', 'take-simulator'];
const SCRIPTS = ['make-net', 'make-disk', 'make-users'];

/** Whoever answers for something of the lab. */
export function ownerOf(what: string): string {
  return `owner of ${what}`;
}

/** A lab with all that hosts and steps can share, and tests that need it in many ways. */
export function lab(size: LabSize, roll: () => number): Inventory {
  const hosts = Array.from({ length: size.pools * size.hostsPerPool }, (_, n) => host(n, size));
  const names = [
    'mirror',
    'dns',
    'image-server',
    'git-server',
    'licences',
    'key-even',
    'key-odd',
    'feed-1',
    'feed-2',
  ];
  return {
    grid: { name: 'faults', admin: 'admin', default: '' },
    tags: steps().flatMap(({ gives }) => gives.map(tag)),
    aliases: [],
    pools: Array.from({ length: size.pools }, (_, n) => ({ name: `pool-${n}`, owner: ownerOf(`pool-${n}`) })),
    resources: names.map((name) => ({ name, meaning: name, owner: ownerOf(name) })),
    types: [],
    hosts,
    steps: steps(),
    tests: Array.from({ length: size.tests }, (_, n) => test(n, size, roll)),
  };
}

function host(n: number, { hostsPerPool }: LabSize): HostSpec {
  const name = `host-${n}`;
  return {
    name,
    type: 'generic',
    pool: `pool-${Math.floor(n / hostsPerPool)}`,
    owner: ownerOf(name),
    seats: 1,
    expendable: LAYERS,
    tags: [],
    resources: [n % 2 === 0 ? 'key-even' : 'key-odd', n % 3 === 0 ? 'feed-1' : 'feed-2'],
    restore: { kind: 'command', command: ['put-back'] },
    transport: {
      kind: 'ssh',
      address: '127.0.0.1',
      port: 22,
      user: 'root',
      keyFile: '/none',
      hostKeys: ['none'],
    },
  };
}

function steps(): StepSpec[] {
  const step = (name: string, more: Partial<StepSpec>): StepSpec => ({
    name,
    owner: ownerOf(name),
    layer: 'use',
    needs: '',
    gives: [`has-${name}`],
    action: { kind: 'script', script: 'true' },
    undo: { none: 'it is made up' },
    timeoutMs: 300_000,
    costS: 10,
    ...more,
  });
  const packages = Object.entries(PACKAGES).map(([name, versions]) =>
    step(name, {
      layer: 'packages',
      uses: ['dns', 'mirror'],
      costS: 20,
      action: {
        kind: 'packages',
        by: 'apt',
        install: versions.map((one) => ({ name: one.split(' ')[0] ?? '', version: one.split(' ')[1] ?? '' })),
        remove: [],
        hold: [],
        unhold: [],
        files: [],
        from: [],
      },
    }),
  );
  const images = IMAGES.map((image) =>
    step(`restore-${image}`, {
      layer: 'image',
      uses: ['image-server'],
      costS: 60,
      action: { kind: 'restore', image },
    }),
  );
  return [
    ...images,
    ...packages,
    ...FETCHES.map((name) => step(name, { uses: ['dns', 'git-server'] })),
    ...LICENSED.map((name) => step(name, { uses: ['licences'] })),
    ...SCRIPTS.map((name) => step(name, {})),
  ];
}

function tag(name: string): TagSpec {
  return { name, meaning: name, kind: 'flag', source: { by: 'probe', script: 'true' } };
}

function test(n: number, size: LabSize, roll: () => number): TestSpec {
  const one = (from: readonly string[]) => `has-${from[Math.floor(roll() * from.length)]}`;
  const needs = [
    ...(roll() < 0.5 ? [one(IMAGES.map((image) => `restore-${image}`))] : []),
    ...(roll() < 0.6 ? [one(Object.keys(PACKAGES))] : []),
    ...(roll() < 0.4 ? [one(FETCHES)] : []),
    ...(roll() < 0.3 ? [one(LICENSED)] : []),
    ...(roll() < 0.4 ? [one(SCRIPTS)] : []),
  ];
  const owner = ownerOf(`test-${n}`);
  return {
    name: `test-${n}`,
    requirement: canonical({ kind: 'all', of: needs.map((name) => ({ kind: 'tag', name })) }),
    labels: [],
    run: '',
    environment: {},
    ...TEST_DEFAULTS,
    cases: [],
    commands: [],
    underTest: [],
    network: false,
    owner,
    timeoutMs: 400_000,
    setup: 'prepare',
    dirties: dirt(roll()),
    // The share is exact, so that no seed is without reds.
    ...(isFailing(n, size) ? { labels: ['red'] } : {}),
  };
}

/** What a test leaves changed; some images are spoilt too. */
function dirt(rolled: number): Dirties {
  if (rolled < 0.02) return 'image';
  if (rolled < 0.22) return 'packages';
  if (rolled < 0.52) return 'boot';
  return rolled < 0.75 ? 'use' : 'nothing';
}

/** Whether a test truly fails. */
export function isFailing(n: number, { tests, failing }: LabSize): boolean {
  return n % Math.round(1 / failing) === 0 && n < tests;
}
