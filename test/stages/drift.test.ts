import { afterEach, describe, expect, it } from 'vitest';
import { aHost, aTag, aTest, declared, exit, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid.close());

const parts = {
  tags: [aTag('card')],
  hosts: [aHost('one', { tags: declared('card') }), aHost('two')],
  tests: [aTest('plain'), aTest('needs-card', { requirement: 'card' })],
};

/** What was said of host one, as history has it. */
const said = async () =>
  (await grid.history())
    .filter(({ kind }) => ['host.drifted', 'host.as_declared', 'owner.told'].includes(kind))
    .map(({ kind, data }) => (kind === 'owner.told' ? `${data['owner']}: ${data['title']}` : kind));
const onRecord = () =>
  grid.store.rows<{ name: string; detail: string }>(`SELECT name, detail FROM host_drift`);
const TOLD = 'one-owner: host one is not as declared: card: declared (card), and not there';

/** Has the probes of host one say this of the card from now on, and looks. */
async function look(presence: 'present' | 'absent' | 'unknown'): Promise<void> {
  grid.sees.set('one', { card: presence });
  await grid.store.rows(`DELETE FROM host_probe WHERE probe = 'card'`);
  await grid.store.rows(`UPDATE host SET version = nextval('host_version_seq')`);
  await grid.pass(601);
  await grid.lookAtHosts();
}

describe('a tag that is declared and not seen', () => {
  it('is told to the owner of its host, once', async () => {
    grid = await TestGrid.open(parts);
    await look('absent');
    expect(await said()).toEqual(['host.drifted', TOLD]);
    await look('absent');
    await grid.newScheduler({});
    const [run = ''] = await grid.submit('plain', { targets: [{ host: 'one' }] });
    await grid.end(await grid.takeRun(run), exit(0));
    expect(await said()).toEqual(['host.drifted', TOLD]);
    expect(await onRecord()).toEqual([{ name: 'card', detail: 'declared (card), and not there' }]);
  });

  it('is over when it is seen again, and told anew when it goes again', async () => {
    grid = await TestGrid.open(parts);
    await look('absent');
    await look('present');
    expect(await onRecord()).toEqual([]);
    await look('absent');
    expect(await said()).toEqual(['host.drifted', TOLD, 'host.as_declared', 'host.drifted', TOLD]);
  });

  it('is not over because nobody could look', async () => {
    grid = await TestGrid.open(parts);
    await look('absent');
    await look('unknown');
    expect(await said()).toEqual(['host.drifted', TOLD]);
    expect(await onRecord()).toHaveLength(1);
  });

  it('is over when it is no longer declared', async () => {
    grid = await TestGrid.open(parts);
    await look('absent');
    await grid.declare({ hosts: [aHost('one'), aHost('two')] });
    await grid.beat();
    expect(await onRecord()).toEqual([]);
  });

  it("is told to the admin where the host has no owner, and is nobody else's news", async () => {
    const { owner: _, ...one } = aHost('one', { tags: declared('card') });
    grid = await TestGrid.open({ ...parts, hosts: [one, aHost('two')] });
    await look('absent');
    expect(await said()).toEqual(['host.drifted', TOLD.replace('one-owner', 'the-admin')]);
    const [run = ''] = await grid.submit('needs-card');
    expect((await grid.run(run)).reason).toBe('runs on two');
  });
});
