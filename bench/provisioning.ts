import { deployEveryJob, exactLabel } from './parts/provision-baselines.js';
import { againstLeast } from './parts/provision-bound.js';
import { TracedGrid } from './parts/provision-grid.js';
import { rollTrace } from './parts/provision-trace.js';
import { asked, quantile, report } from './parts/report.js';
import { startSimDatabase } from './sim/database.js';

/**
 * What it costs in hosts' time to bring them into the state that each run needs: the whole grid in simulated time on
 * its real database, against two others that carry out the same trace.
 */
const options = asked({ runs: 2000, hosts: 50, environments: 12, images: 4, load: 0.8, instances: 20 });

const trace = rollTrace(options, options.seed);
const always = deployEveryJob(trace, options.hosts);
const label = exactLabel(trace, options.hosts);
const blind = exactLabel(trace, options.hosts, true);

const database = await startSimDatabase();
const from = performance.now();
const grid = await TracedGrid.open(database.url, trace, options.hosts);
const ours = await grid.carryOut(trace);
const tookS = (performance.now() - from) / 1000;
const wrong = grid.wrongEnvironments;
const notAtFirst = await grid.notAtFirst(trace);
await grid.sim.close();
await database.stop();

const small = await startSimDatabase();
const { oursS, leastS } = await againstLeast(small.url, options.instances, options.seed);
await small.stop();

const p95 = (waits: readonly number[]) => quantile(waits, 0.95);
const held = report(
  'provisioning',
  {
    vs_deploy_every_job: {
      value: ours.provisioningS / always.provisioningS,
      bound: { kind: 'most', than: 0.25 },
    },
    vs_exact_label: { value: ours.provisioningS / label.provisioningS, bound: { kind: 'most', than: 0.6 } },
    vs_bound: { value: oursS / leastS, bound: { kind: 'most', than: 1.15 } },
    makespan_vs_exact_label: { value: ours.makespanS / label.makespanS, bound: { kind: 'most', than: 1 } },
    wait_p95_vs_exact_label: {
      value: p95(ours.waitsS) / p95(label.waitsS),
      bound: { kind: 'most', than: 1.05 },
    },
    wrong_environments: { value: wrong, bound: { kind: 'exactly', than: 0 } },
    not_passed_at_first: { value: notAtFirst, bound: { kind: 'exactly', than: 0 } },
    vs_blind_label: { value: ours.provisioningS / blind.provisioningS },
    provisioning_s_per_run: { value: ours.provisioningS / options.runs },
    wait_p50_s: { value: quantile(ours.waitsS, 0.5) },
    wait_p95_s: { value: p95(ours.waitsS) },
    makespan_s: { value: ours.makespanS },
    real_s: { value: tookS },
  },
  options,
);
process.exitCode = held ? 0 : 1;
