import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { unusual } from '../src/domain/judge/unusual.js';
import { type LightHost, lightHosts } from '../test/lab.js';
import type { Fixture } from './parts/lava-collection.js';
import { openCollections } from './parts/lava-collection.js';
import { everydayArchive, furnish, keep, loseRouteTo, routeTo } from './parts/lava-host.js';
import { Mirror } from './parts/lava-mirror.js';
import { Workshop } from './parts/lava-packages.js';
import { type Tried, tryFile } from './parts/lava-trial.js';
import { type Variant, variantsOf } from './parts/lava-variants.js';
import { dice, type Figure, report } from './parts/report.js';

/**
 * Every definition of the fixtures with every variant that applies to it: healthy, something missing that it needs,
 * tools that do nothing, and true defects of the tested tools. What is said of each is compared with what was planted.
 * A defect that a test does not see is no red; what a test says itself in its cases and its exit decides whether it did.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    held: { type: 'boolean', default: false },
    only: { type: 'string' },
    variant: { type: 'string' },
    hosts: { type: 'string', default: '4' },
    sample: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const logs = path.join(tmpdir(), `testyard-excuses-${process.pid}`);
/** Of the test's own time; what hangs takes all of it. */
const TIME_OUT_MS = 300_000;
const HANG_MS = 12_000;

interface Trial {
  readonly fixture: Fixture;
  readonly variant: Variant;
}

/** What was said of a trial, held against what was planted. */
interface Judged extends Trial {
  readonly said: string;
  readonly reason: string;
  readonly cases: string;
  /** What the test itself saw: all cases as in health, a red, or less than in health. */
  readonly saw: 'all_well' | 'red' | 'less';
  readonly mistake?: Mistake;
  readonly log?: string;
}

type Mistake =
  | 'healthy_not_green'
  | 'false_red'
  | 'empty_green'
  | 'excused_defect'
  | 'lost_red'
  /** The campaign itself came to grief there. */
  | 'broken';

const collections = await openCollections();
const workshop = await Workshop.open();
const mirror = await Mirror.open();
const hosts = await lightHosts(Number(values.hosts));
try {
  const archive = await everydayArchive();
  const all = collections.fixtures.filter(
    ({ name }) => values.only === undefined || values.only.split(',').includes(name),
  );
  const judged = await judgeAll(all, archive);
  process.exitCode = tell(judged) ? 0 : 1;
} finally {
  await Promise.all(hosts.map((host) => host.stop()));
  await mirror.close();
  await workshop.close();
  await collections.close();
}

/** Healthy ones first, since they say which cases there are; then everything else in an order by the seed. */
async function judgeAll(all: readonly Fixture[], archive: string): Promise<readonly Judged[]> {
  const roll = dice(seed);
  const wanted = all.flatMap((fixture) =>
    variantsOf(fixture.plants, workshop, values.held).map((variant) => ({ fixture, variant })),
  );
  const healthy = wanted.filter(({ variant }) => variant.truth === 'healthy');
  const others = wanted
    .filter(({ variant }) => variant.truth !== 'healthy')
    .filter(({ variant }) => values.variant === undefined || values.variant.split(',').includes(variant.name))
    .filter(() => roll() < Number(values.sample))
    .map((trial) => ({ trial, order: roll() }))
    .sort((a, b) => a.order - b.order)
    .map(({ trial }) => trial);
  const inHealth = new Map<string, ReadonlySet<string>>();
  const judged = await besides(healthy, async (trial, host) => {
    const tried = await carryOut(trial, host, archive);
    if (!(tried instanceof Error)) inHealth.set(trial.fixture.name, passedIn(tried));
    return judgeOne(trial, tried, undefined);
  });
  return [
    ...judged,
    ...(await besides(others, async (trial, host) =>
      judgeOne(trial, await carryOut(trial, host, archive), inHealth.get(trial.fixture.name)),
    )),
  ];
}

/** One trial after another on each host, all hosts beside each other. */
async function besides(
  trials: readonly Trial[],
  judge: (trial: Trial, host: LightHost) => Promise<Judged>,
): Promise<readonly Judged[]> {
  const waiting = [...trials];
  const judged: Judged[] = [];
  await Promise.all(
    hosts.map(async (host) => {
      for (let trial = waiting.shift(); trial !== undefined; trial = waiting.shift()) {
        const one = await judge(trial, host);
        judged.push(one);
        if (!values.json)
          console.log(
            `${one.mistake?.toUpperCase() ?? 'ok'} ${trial.fixture.name} ${trial.variant.name}: ${one.said}; ${one.cases}${one.mistake ? `; ${one.reason}; ${one.log}` : ''}`,
          );
      }
    }),
  );
  return judged;
}

async function carryOut(
  { fixture, variant }: Trial,
  host: LightHost,
  archive: string,
): Promise<Tried | Error> {
  try {
    await host.restoreNow();
    await routeTo(host, mirror.address);
    const at = mirror.offer(`${host.name}-${fixture.name}-${variant.name}`, await variant.offer(workshop));
    const healthy = mirror.offer('healthy', {
      packages: await Promise.all(workshop.names.map((name) => workshop.package(name))),
    });
    // What a definition finds there already came from a healthy mirror; one that fails is asked by the test alone.
    const before =
      variant.installed === true
        ? [
            `echo 'deb [trusted=yes] ${healthy} ./' >/etc/apt/sources.list.d/before.list`,
            `{ apt-get update -q && apt-get install -q -y ${fixture.plants.packages.join(' ')}; } >/tmp/before 2>&1 || { cat /tmp/before; exit 1; }`,
            'rm -rf /tmp/before /etc/apt/sources.list.d/before.list /var/lib/apt/lists/*',
          ]
        : [];
    await furnish(host, archive, { ...variant.furniture, sources: [`deb [trusted=yes] ${at} ./`], before });
    if (variant.network === 'down') await loseRouteTo(host, mirror.address);
    return await tryFile(fixture.file, host, {
      tree: fixture.tree,
      environment: { SOURCE_URL: `${at}/corpus.txt`, ...variant.parameters },
      timeoutMs: variant.hangs ? HANG_MS : TIME_OUT_MS,
    });
  } catch (error) {
    return error as Error;
  }
}

function passedIn({ done }: Tried): ReadonlySet<string> {
  return new Set(done.cases.filter(({ result }) => result === 'pass').map(({ name }) => name));
}

async function judgeOne(
  trial: Trial,
  tried: Tried | Error,
  inHealth: ReadonlySet<string> | undefined,
): Promise<Judged> {
  if (tried instanceof Error)
    return { ...trial, said: 'nothing', reason: tried.message, cases: '', saw: 'less', mistake: 'broken' };
  const { verdict, cases } = tried.done;
  const saw = sawOf(tried, inHealth);
  const mistake = mistakeOf(trial.variant.truth, verdict.verdict, saw, isFlagged(cases.length, inHealth));
  const count = (result: string) => cases.filter((one) => one.result === result).length;
  const judged: Judged = {
    ...trial,
    said: verdict.verdict === 'none' ? verdict.noVerdict : verdict.verdict,
    reason: verdict.reason,
    cases: `${count('pass')} pass, ${count('fail')} fail, ${count('skip')} skip`,
    saw,
  };
  if (mistake === undefined) return judged;
  const name = `${trial.fixture.name}-${trial.variant.name}`;
  await keep(logs, `${name}.json`, JSON.stringify({ verdict, cases, end: tried.end }, null, 2));
  return { ...judged, mistake, log: await keep(logs, `${name}.log`, tried.output) };
}

/** Whether a pass with so many cases would be flagged after a few like the one in health. */
function isFlagged(cases: number, inHealth: ReadonlySet<string> | undefined): boolean {
  const past = { cases: Array.from({ length: 5 }, () => inHealth?.size ?? 0), durationsMs: [] };
  return unusual({ cases }, past).length > 0;
}

/** What the test itself says, before anybody has judged it. */
function sawOf({ done, end }: Tried, inHealth: ReadonlySet<string> | undefined): Judged['saw'] {
  const { outcome } = end ?? {};
  if (outcome?.kind === 'timed_out' || done.cases.some(({ result }) => result === 'fail')) return 'red';
  if (outcome?.kind !== 'ended') return 'less';
  if (outcome.exit.kind !== 'exited' || outcome.exit.code !== 0) return 'red';
  const passed = new Set(done.cases.filter(({ result }) => result === 'pass').map(({ name }) => name));
  return [...(inHealth ?? [])].every((name) => passed.has(name)) ? 'all_well' : 'less';
}

function mistakeOf(
  truth: Variant['truth'],
  said: 'passed' | 'failed' | 'skipped' | 'none',
  saw: Judged['saw'],
  flagged: boolean,
): Mistake | undefined {
  switch (truth) {
    case 'healthy':
      return said === 'passed' ? undefined : 'healthy_not_green';
    case 'lack':
      if (said === 'failed') return 'false_red';
      return said === 'passed' ? 'empty_green' : undefined;
    case 'nothing':
      return said === 'passed' ? 'empty_green' : undefined;
    case 'defect':
      if (saw === 'red' && said !== 'failed') return said === 'none' ? 'excused_defect' : 'lost_red';
      // What passes with fewer cases than ever rests on something; it is told apart by its past.
      return saw === 'less' && said === 'passed' && !flagged ? 'empty_green' : undefined;
  }
}

/** Prints what was misjudged and the sums; false where a bound is not kept. */
function tell(judged: readonly Judged[]): boolean {
  const of = (mistake: Mistake) => judged.filter((one) => one.mistake === mistake).length;
  const lacks = judged.filter(({ variant }) => variant.truth === 'lack').length;
  const seen = judged.filter(({ variant, saw }) => variant.truth === 'defect' && saw === 'red');
  const defects = judged.filter(({ variant }) => variant.truth === 'defect').length;
  // Beside the figures, which must be the last line of their own.
  const tellOf = values.json ? console.error : console.log;
  tellOf('\nmisjudged:');
  for (const { fixture, variant, mistake, said, reason, log } of judged)
    if (mistake !== undefined)
      tellOf(`  ${mistake} ${fixture.name} ${variant.name}: ${said}: ${reason.slice(0, 200)} (${log ?? ''})`);
  const kept = seen.filter(({ said }) => said === 'failed').length;
  const share = (some: number, all: number) => (all === 0 ? 0 : some / all);
  const figures: Readonly<Record<string, Figure>> = values.held
    ? {
        held_false_reds: { value: share(of('false_red'), lacks), bound: { kind: 'most', than: 0.02 } },
        held_excused: {
          value: share(of('excused_defect'), seen.length),
          bound: { kind: 'most', than: 0.02 },
        },
        held_empty_greens: { value: of('empty_green') },
      }
    : {
        false_reds: { value: of('false_red'), bound: { kind: 'exactly', than: 0 } },
        empty_greens: { value: of('empty_green'), bound: { kind: 'exactly', than: 0 } },
        true_reds_kept: {
          value: seen.length === 0 ? 1 : kept / seen.length,
          bound: { kind: 'exactly', than: 1 },
        },
        excused_defects: { value: of('excused_defect'), bound: { kind: 'exactly', than: 0 } },
      };
  const healthy = judged.filter(({ variant }) => variant.truth === 'healthy');
  return report(
    'excuses',
    {
      ...figures,
      healthy_green: {
        value: share(healthy.filter(({ said }) => said === 'passed').length, healthy.length),
        bound: { kind: 'exactly', than: 1 },
      },
      definitions: { value: healthy.length },
      lacks: { value: lacks },
      defects: { value: defects },
      defects_seen_by_the_test: { value: seen.length },
      broken: { value: of('broken'), bound: { kind: 'exactly', than: 0 } },
      misjudged: { value: judged.filter(({ mistake }) => mistake !== undefined).length },
    },
    { seed, json: values.json },
  );
}
