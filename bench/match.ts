import { hasBit } from '../src/domain/match/bits.js';
import type { Sets } from '../src/domain/match/column.js';
import { holds } from '../src/domain/match/holds.js';
import { HostIndex } from '../src/domain/match/host-index.js';
import type { Requirement } from '../src/domain/requirement.js';
import { type MatchGrid, matchGrid, rollRequirement } from './parts/match-grid.js';
import { scanOf } from './parts/match-scan.js';
import { asked, dice, quantile, report } from './parts/report.js';

/**
 * Which hosts meet a requirement, for requirements that are all different: from the formula to both sets, by the
 * index and by a scan over all hosts. The two take turns in batches. The values that requirements name repeat, as
 * they do in life; what a new one costs is a figure of its own. Every answer of one side is compared with that of
 * the other, some with the formula itself; then hosts change and everything is compared again.
 */
const options = asked({ hosts: 10_000, tags: 512, requirements: 10_000, share: 0.2, updates: 5000 });
/**
 * So many that a side is measured and not what the other has left in the caches, of which the scan wants more than
 * there is: nobody scans between two questions to an index. Few enough that the two see the same moments of a
 * shared machine. What the first ones after a scan take is a figure of its own.
 */
const BATCH = 1000;
const AFTER_SCAN = 200;
/** Changes of hosts that are timed together. */
const UPDATES_AT_ONCE = 200;
/** Requirements that are asked of every host one by one as well. */
const BY_FORMULA = 20;
/** Requirements of which it is counted how many hosts match. */
const MATCHED = 20;

const roll = dice(options.seed);
const grid = matchGrid(options, roll);
const requirements = Array.from({ length: options.requirements }, () => rollRequirement(grid, roll));
/** Until each value was asked for twice, and has its sets: what a new one costs is a figure of its own. */
const warmUp = Array.from({ length: 5 * BATCH }, () => rollRequirement(grid, roll));

const index = new HostIndex(grid.catalogue);
const building = performance.now();
for (let host = 0; host < grid.hosts; host++) index.add(host, grid.factsOf(host));
// Columns are made when a tag is first asked for: here all are.
for (const name of grid.names) index.compile({ kind: 'tag', name });
const buildMs = performance.now() - building;

const scan = scanOf(grid);
const [byIndex, byScan] = [index.empty(), index.empty()];
const askIndex = (requirement: Requirement): void => void index.match(index.compile(requirement), byIndex);
const askScan = (requirement: Requirement): void => scan.ask(requirement, byScan);
inBatches(warmUp);
const times = inBatches(requirements);
let disagreements = compareAll();
const updateUs = update();
disagreements += compareAll();

const held = report(
  'match',
  {
    us_per_requirement: { value: quantile(times.index, 0.5), bound: { kind: 'most', than: 10 } },
    vs_naive: {
      value: quantile(times.index, 0.5) / quantile(times.scan, 0.5),
      bound: { kind: 'most', than: 0.3 },
    },
    disagreements: { value: disagreements, bound: { kind: 'exactly', than: 0 } },
    us_per_requirement_after_scan: { value: quantile(times.afterScan, 0.5) },
    us_per_requirement_p10: { value: quantile(times.index, 0.1) },
    us_per_requirement_p90: { value: quantile(times.index, 0.9) },
    naive_us_per_requirement: { value: quantile(times.scan, 0.5) },
    index_build_ms: { value: buildMs },
    us_per_host_update: { value: updateUs },
    us_per_new_value: { value: placeNewValues() },
    matched_share: { value: shareMatched(requirements) },
  },
  options,
);
process.exitCode = held ? 0 : 1;

/** Microseconds per requirement, batch by batch; each side in turn first. `afterScan`: of the index, the first ones only. */
function inBatches(all: readonly Requirement[]): {
  readonly index: readonly number[];
  readonly afterScan: readonly number[];
  readonly scan: readonly number[];
} {
  const found = { index: [] as number[], afterScan: [] as number[], scan: [] as number[] };
  const timed = (ask: (requirement: Requirement) => void, some: readonly Requirement[]): number => {
    const from = performance.now();
    for (const requirement of some) ask(requirement);
    return (performance.now() - from) * 1000;
  };
  const askIndexOf = (batch: readonly Requirement[]): void => {
    const first = timed(askIndex, batch.slice(0, AFTER_SCAN));
    const others = timed(askIndex, batch.slice(AFTER_SCAN));
    found.afterScan.push(first / Math.min(AFTER_SCAN, batch.length));
    found.index.push((first + others) / batch.length);
  };
  for (let n = 0; n * BATCH < all.length; n++) {
    const batch = all.slice(n * BATCH, (n + 1) * BATCH);
    if (n % 2 === 0) askIndexOf(batch);
    found.scan.push(timed(askScan, batch) / batch.length);
    if (n % 2 === 1) askIndexOf(batch);
  }
  return found;
}

/** Requirements of which the two do not say the same of every host, or not what the formula says. */
function compareAll(): number {
  let wrong = 0;
  requirements.forEach((requirement, n) => {
    askIndex(requirement);
    askScan(requirement);
    if (!areSame(byIndex, byScan) || (n < BY_FORMULA && !isRight(requirement, grid, byIndex))) wrong++;
  });
  return wrong;
}

function areSame(a: Sets, b: Sets): boolean {
  return a.yes.every((word, n) => word === b.yes[n]) && a.maybe.every((word, n) => word === b.maybe[n]);
}

function isRight(requirement: Requirement, { hosts, factsOf, catalogue }: MatchGrid, sets: Sets): boolean {
  for (let host = 0; host < hosts; host++) {
    const truth = holds(requirement, factsOf(host), catalogue);
    if (hasBit(sets.yes, host) !== (truth === 'yes') || hasBit(sets.maybe, host) !== (truth !== 'no'))
      return false;
  }
  return true;
}

/** Microseconds for three tags of a host that change. */
function update(): number {
  const changes = Array.from({ length: options.updates }, () => {
    const host = Math.floor(roll() * grid.hosts);
    return { host, tags: [grid.change(host), grid.change(host), grid.change(host)] };
  });
  const batches: number[] = [];
  for (let n = 0; n < changes.length; n += UPDATES_AT_ONCE) {
    const batch = changes.slice(n, n + UPDATES_AT_ONCE);
    const from = performance.now();
    for (const { host, tags } of batch) index.update(host, grid.factsOf(host), tags);
    batches.push(((performance.now() - from) * 1000) / batch.length);
  }
  for (const { host } of changes) scan.put(host);
  return quantile(batches, 0.5);
}

/** Microseconds for a comparison with a value that nobody asked for or has: it is looked for in the tag's order. */
function placeNewValues(): number {
  const count = 1000;
  const from = performance.now();
  for (let n = 0; n < count; n++) {
    const name = `version${n % grid.versions}`;
    index.compile({ kind: 'compare', name, operator: '>=', value: `4.${n % 20}.${n}-new` });
  }
  return ((performance.now() - from) * 1000) / count;
}

function shareMatched(all: readonly Requirement[]): number {
  let hosts = 0;
  for (const requirement of all.slice(0, MATCHED)) {
    askIndex(requirement);
    for (const word of byIndex.yes) for (let left = word; left !== 0; left &= left - 1) hosts++;
  }
  return hosts / (Math.min(MATCHED, all.length) * grid.hosts);
}
