import { afterEach, describe, expect, it } from 'vitest';
import { aHost, aTest, exit, lostIn, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid.close());

const HOUR = 3600;

/** Takes the next work, has it use its host for so long, and ends it; gives its run. */
async function next(seconds = 0): Promise<string> {
  const [work] = await grid.take();
  if (work === undefined) return 'nothing';
  await grid.pass(seconds);
  await grid.end(work, exit(0));
  return work.run;
}

const used = async (owner: string) => {
  const [row] = await grid.store.rows<{ s: number }>(
    `SELECT decayed_use(seconds, as_of) AS s FROM host_use WHERE owner LIKE '% ' || $1`,
    [owner],
  );
  return row?.s;
};

describe('whoever has used hosts lately', () => {
  it('goes behind who has not, though they came first', async () => {
    grid = await TestGrid.open();
    await grid.submit('plain', { actor: 'ann' });
    const [anns = ''] = await grid.submit('plain', { actor: 'ann' });
    const [third = ''] = await grid.submit('plain', { actor: 'ann' });
    await next(HOUR);
    const [bobs = ''] = await grid.submit('plain', { actor: 'bob' });
    // Ann's second run had its turn before Bob came; her third is behind his.
    expect([await next(), await next(), await next()]).toEqual([anns, bobs, third]);
  });

  it('goes first all the same once they have waited for what the share is worth', async () => {
    grid = await TestGrid.open({ settings: { fairShare: 2 } });
    await grid.submit('plain', { actor: 'ann' });
    await next(60);
    const [running] = await grid.submit('plain', { actor: 'ann' });
    const [old = ''] = await grid.submit('plain', { actor: 'ann' });
    await grid.pass(2 * HOUR + 10);
    const [bobs = ''] = await grid.submit('plain', { actor: 'bob' });
    expect([await next(), await next(), await next()]).toEqual([running, old, bobs]);
  });

  it('is behind by points of priority: what is more urgent goes first', async () => {
    grid = await TestGrid.open({ settings: { fairShare: 2 } });
    await grid.submit('plain', { actor: 'ann' });
    const [blocker] = await grid.submit('plain', { actor: 'ann' });
    await next(HOUR);
    const [bobs = ''] = await grid.submit('plain', { actor: 'bob' });
    const [urgent = ''] = await grid.submit('plain', { actor: 'ann', priority: 3 });
    expect([await next(), await next(), await next()]).toEqual([blocker, urgent, bobs]);
  });

  it('is nobody where the share is worth nothing', async () => {
    grid = await TestGrid.open({ settings: { fairShare: 0 } });
    await grid.submit('plain', { actor: 'ann' });
    const [second] = await grid.submit('plain', { actor: 'ann' });
    const [third] = await grid.submit('plain', { actor: 'ann' });
    const [bobs] = await grid.submit('plain', { actor: 'bob' });
    await next(HOUR);
    expect([await next(), await next(), await next()]).toEqual([second, third, bobs]);
  });

  it('counts from the moment that a run has its seat, before it ends', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one'), aHost('two')] });
    await grid.submit(['plain', 'plain'], { actor: 'ann' });
    const [work] = await grid.take();
    const [anns = ''] = await grid.submit('plain', { actor: 'ann' });
    const [bobs = ''] = await grid.submit('plain', { actor: 'bob' });
    await grid.pass(HOUR);
    await grid.end(work as never, exit(0));
    expect(await grid.run(bobs)).toMatchObject({ state: 'running' });
    expect(await grid.run(anns)).toMatchObject({ state: 'waiting' });
  });

  it('has used half of it a day later, and nothing is lost by counting more', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one', { seats: 2 })] });
    await grid.submit('plain', { actor: 'ann' });
    await next(HOUR);
    expect(await used('ann')).toBeCloseTo(HOUR, 3);
    await grid.pass(86_400);
    expect(await used('ann')).toBeCloseTo(HOUR / 2, 3);
    await grid.submit('plain', { actor: 'ann' });
    await next(100);
    expect(await used('ann')).toBeCloseTo((HOUR / 2) * 0.5 ** (100 / 86_400) + 100, 3);
  });

  it("is charged for what failed and was tried again, and nobody for the grid's own work", async () => {
    grid = await TestGrid.open({ hosts: [aHost('one'), aHost('two')], tests: [aTest('plain')] });
    const [run = ''] = await grid.submit('plain', { actor: 'ann' });
    const first = await grid.takeRun(run);
    await grid.pass(100);
    await grid.end(first, lostIn('connect'));
    const second = await grid.takeRun(run);
    await grid.pass(100);
    for (const canary of await grid.takeCanaries()) await grid.end(canary, exit(0));
    await grid.end(second, exit(0));
    expect(await used('ann')).toBeCloseTo(200, 0);
    expect(await grid.store.rows(`SELECT FROM host_use`)).toHaveLength(1);
  });
});
