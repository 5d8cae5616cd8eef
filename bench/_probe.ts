import { Store } from '../src/store/store.js';
import { TracedGrid } from './parts/provision-grid.js';
import { rollTrace } from './parts/provision-trace.js';
import { startSimDatabase } from './sim/database.js';

const trace = rollTrace({ runs: 40, hosts: 8, environments: 12, images: 4, load: 0.8 }, 1);
const database = await startSimDatabase();
const counts = new Map<string, [number, number]>();
const rows = Store.prototype.rows;
Store.prototype.rows = async function (this: Store, sql: string, p?: readonly unknown[]) {
  const from = performance.now();
  try {
    return (await rows.call(this, sql, p)) as never;
  } finally {
    const key = sql.replace(/\s+/g, ' ').slice(0, 90);
    const c = counts.get(key) ?? [0, 0];
    c[0]++;
    c[1] += performance.now() - from;
    counts.set(key, c);
  }
};
const t0 = performance.now();
const grid = await TracedGrid.open(database.url, trace, 8);
console.log('open', performance.now() - t0);
const t1 = performance.now();
try {
  const ours = await grid.carryOut(trace);
  console.log(ours.provisioningS, ours.makespanS);
} catch (e) {
  console.log(String(e).slice(0, 300));
}
console.log('run', performance.now() - t1, 'sim s', grid.sim.nowS);
for (const [k, [n, ms]] of [...counts].sort((a, b) => b[1][1] - a[1][1]).slice(0, 25))
  console.log(n, ms.toFixed(0), k);
console.log(
  await grid.sim.store.rows(
    `SELECT r.purpose, a.outcome, count(*), min(a.detail::text) AS d FROM attempt a JOIN run r ON r.id=a.run_id GROUP BY 1,2`,
  ),
);
console.log(
  await grid.sim.store.rows(
    `SELECT a.id, a.outcome, a.detail->'outcome'->>'message' AS m, a.detail FROM attempt a JOIN run r ON r.id=a.run_id WHERE r.purpose='test' AND a.outcome<>'ended' LIMIT 5`,
  ),
);
await grid.sim.close();
await database.stop();
