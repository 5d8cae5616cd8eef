import { afterEach, describe, expect, it } from 'vitest';
import { aHost, aStep, aTag, aTest, aWord, declared, exit, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid.close());

const rowsOf = (runs: readonly string[]) =>
  grid.store.rows<{ variant: Record<string, string>; key: string; target: object }>(
    `SELECT variant, variant_key AS key, target FROM run WHERE id = ANY($1::bigint[]) ORDER BY id`,
    [runs],
  );
const leftOut = async () =>
  (
    await grid.store.rows<{ left: unknown }>(
      `SELECT left_out AS left FROM submission ORDER BY id DESC LIMIT 1`,
    )
  )[0]?.left;

describe("a test's own matrix", () => {
  const tests = [
    aTest('m', {
      environment: { FS: 'none', KEPT: 'yes' },
      matrix: { axes: { PAGE: ['4k'], FS: ['ext4', 'xfs'] } },
    }),
  ];

  it('is a run for each variant, whose environment has its values; keys do not depend on the order of names', async () => {
    grid = await TestGrid.open({ tests });
    const runs = await grid.submit('m');
    expect(await rowsOf(runs)).toMatchObject([
      { variant: { PAGE: '4k', FS: 'ext4' }, key: '{"FS":"ext4","PAGE":"4k"}' },
      { variant: { PAGE: '4k', FS: 'xfs' }, key: '{"FS":"xfs","PAGE":"4k"}' },
    ]);
    const work = await grid.takeRun(runs[0] ?? '');
    expect(work.test.environment).toEqual({ PAGE: '4k', FS: 'ext4', KEPT: 'yes' });
  });

  it('is one run where one run is made again', async () => {
    grid = await TestGrid.open({ tests });
    const [run = ''] = await grid.submit('m');
    await grid.store.rows(
      `INSERT INTO submission (project_id, source, actor, tests, variants, retry_of)
       SELECT project_id, 'user', 'qe', ARRAY[test_id], jsonb_build_array(variant), id FROM run WHERE id = $1`,
      [run],
    );
    await grid.beat();
    const again = await grid.store.rows(`SELECT variant FROM run WHERE retry_of = $1`, [run]);
    expect(again).toEqual([{ variant: { PAGE: '4k', FS: 'ext4' } }]);
  });
});

describe('each host', () => {
  const lab = {
    tags: [aWord('gpu')],
    hosts: [
      aHost('one', { tags: declared('gpu'), type: 'pc' }),
      aHost('two', { type: 'pc' }),
      aHost('three', { tags: declared('gpu'), type: 'pi' }),
      aHost('four', { type: 'mac' }),
    ],
    tests: [aTest('g', { requirement: 'gpu' })],
  };

  it('gets a run of its own if it could serve; the others are told with the reason', async () => {
    grid = await TestGrid.open(lab);
    const runs = await grid.submit('g', { targets: [{ each: 'host' }] });
    expect((await rowsOf(runs)).map((run) => run.target)).toEqual([{ host: 'one' }, { host: 'three' }]);
    expect(await leftOut()).toEqual([
      {
        each: 'host',
        reason: 'gpu is not there and no step gives it',
        names: ['four', 'two'],
        count: 2,
        tests: ['g'],
        testCount: 1,
      },
    ]);
    const work = await grid.take();
    expect(work.map((one) => one.places[0]?.host.name).sort()).toEqual(['one', 'three']);
    for (const one of work) await grid.end(one, exit(0));
    for (const run of runs) expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
  });

  it('is decided when it unfolds: a host that comes later gets none', async () => {
    grid = await TestGrid.open(lab);
    const runs = await grid.submit('g', { targets: [{ each: 'host', hostType: 'pi' }] });
    await grid.declare({ hosts: [...lab.hosts, aHost('five', { tags: declared('gpu'), type: 'pi' })] });
    await grid.beat();
    expect(runs).toHaveLength(1);
    expect(await grid.store.rows(`SELECT FROM run WHERE purpose = 'test'`)).toHaveLength(1);
  });

  it('type gets a run on one of its hosts', async () => {
    grid = await TestGrid.open(lab);
    const runs = await grid.submit('g', { targets: [{ each: 'host_type' }] });
    expect((await rowsOf(runs)).map((run) => run.target)).toEqual([{ hostType: 'pc' }, { hostType: 'pi' }]);
    expect(await leftOut()).toMatchObject([{ each: 'host_type', names: ['mac'] }]);
  });

  it('where none could serve is one run that ends not compatible, and says why', async () => {
    grid = await TestGrid.open({ ...lab, hosts: [aHost('four')] });
    const runs = await grid.submit('g', { targets: [{ each: 'host' }] });
    expect(runs).toHaveLength(1);
    expect(await grid.run(runs[0] ?? '')).toMatchObject({
      verdict: 'none',
      noVerdict: 'not_compatible',
      reason: 'no host of this grid can serve it: gpu is not there and no step gives it',
    });
  });
});

describe('a submission that waits for what is not there yet', () => {
  const lab = { tags: [aWord('gpu')], tests: [aTest('g', { requirement: 'gpu' })] };
  const permanent = 'no host of this grid can serve it: gpu is not there and no step gives it';

  it('says the permanent reason, and runs when the inventory has changed so that it can', async () => {
    grid = await TestGrid.open(lab);
    const [run = ''] = await grid.submit('g', { wait: true });
    expect(await grid.run(run)).toMatchObject({
      state: 'waiting',
      code: 'not_compatible',
      reason: `waits for another inventory: ${permanent}`,
    });
    await grid.declare({ hosts: [aHost('one', { tags: declared('gpu') })] });
    await grid.beat();
    await grid.end(await grid.takeRun(run), exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
  });

  it('waits again, and does not end, where the host goes away after an attempt that was lost', async () => {
    grid = await TestGrid.open({ ...lab, hosts: [aHost('one', { tags: declared('gpu') })] });
    const [run = ''] = await grid.submit('g', { wait: true });
    await grid.takeRun(run);
    await grid.declare({ hosts: [aHost('one')] });
    await grid.executorStarts();
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({ state: 'waiting', code: 'not_compatible' });
  });

  it('expires after its queue time-out, with the reason why it waited', async () => {
    grid = await TestGrid.open(lab);
    const [run = ''] = await grid.submit('g', { wait: true, timeoutS: 60 });
    await grid.pass(61);
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({
      verdict: 'none',
      noVerdict: 'expired',
      reason: `waited longer than its submission allows: waits for another inventory: ${permanent}`,
    });
  });

  it('does nothing while nothing changes', async () => {
    grid = await TestGrid.open(lab);
    await grid.submit('g', { wait: true });
    expect(await grid.heartbeat.beat()).toBe(false);
  });

  it('does not keep a red to itself where a fresh host can be had no more', async () => {
    const light = aHost('one', {
      expendable: ['image', 'packages', 'build', 'boot', 'use'],
      restore: { kind: 'command', command: ['true'] },
    });
    const restore = aStep('pristine', 'clean', {
      layer: 'image',
      action: { kind: 'restore', image: 'base' },
    });
    grid = await TestGrid.open({ tags: [aWord('clean')], hosts: [light], steps: [restore] });
    const [run = ''] = await grid.submit('plain', { wait: true });
    const work = await grid.takeRun(run);
    await grid.store.rows(`UPDATE grid SET state = 'halted'`);
    await grid.end(work, exit(1));
    expect(await grid.run(run)).toMatchObject({ state: 'waiting', code: 'grid_stopped' });
    await grid.declare({ hosts: [aHost('one')] });
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({ verdict: 'failed' });
  });

  it('ends like any other what has become impossible without it', async () => {
    grid = await TestGrid.open({ ...lab, hosts: [aHost('one', { tags: declared('gpu'), seats: 1 })] });
    await grid.submit('g');
    const [run = ''] = await grid.submit('g');
    await grid.declare({ hosts: [aHost('one')] });
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({ noVerdict: 'not_compatible' });
  });
});

describe('a queue time-out', () => {
  it('ends what waited for a busy host with that reason', async () => {
    grid = await TestGrid.open();
    await grid.submit('plain');
    const [run = ''] = await grid.submit('plain', { timeoutS: 60 });
    await grid.pass(61);
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({
      noVerdict: 'expired',
      reason: 'waited longer than its submission allows: waits for a free seat on one',
    });
  });
});

describe('who goes first', () => {
  /** Serves all that waits, one after the other, and gives the runs in the order they got their turn. */
  const served = async () => {
    const order: string[] = [];
    for (let work = await grid.take(); work.length > 0; work = await grid.take()) {
      for (const one of work) {
        order.push(one.run);
        await grid.end(one, exit(0));
      }
    }
    return order;
  };

  it('is the higher priority, and among equals the older, across demands and within one', async () => {
    grid = await TestGrid.open({
      tags: [aWord('a')],
      hosts: [aHost('one', { tags: declared('a') })],
      tests: [aTest('plain'), aTest('other', { requirement: 'a' })],
    });
    const [first = ''] = await grid.submit('plain');
    const [low = ''] = await grid.submit('plain');
    const [other = ''] = await grid.submit('other');
    const [high = ''] = await grid.submit('plain', { priority: 3 });
    const [higher = ''] = await grid.submit('other', { priority: 4 });
    expect(await served()).toEqual([first, higher, high, low, other]);
  });

  it('is who has waited an ageing time longer than a point of priority is worth', async () => {
    grid = await TestGrid.open({ settings: { ageingS: 600 } });
    const [first = ''] = await grid.submit('plain');
    const [old = ''] = await grid.submit('plain');
    await grid.pass(1190);
    const [urgent = ''] = await grid.submit('plain', { priority: 2 });
    await grid.pass(20);
    const [late = ''] = await grid.submit('plain', { priority: 2 });
    expect(await served()).toEqual([first, urgent, old, late]);
  });

  it('follows another ageing time from the next leader on', async () => {
    grid = await TestGrid.open({ settings: { ageingS: 600 } });
    await grid.submit('plain');
    const [old = ''] = await grid.submit('plain');
    await grid.pass(1210);
    const [urgent = ''] = await grid.submit('plain', { priority: 2 });
    const order = () =>
      grid.store.rows<{ id: string }>(
        `SELECT run_id AS id FROM queue WHERE state = 'waiting' ORDER BY turn_at, run_id`,
      );
    expect(await order()).toEqual([{ id: old }, { id: urgent }]);
    await grid.newScheduler({ ageingS: 3600 });
    expect(await order()).toEqual([{ id: urgent }, { id: old }]);
  });
});

describe('a pool that is for some projects', () => {
  it('serves nobody else, and says whose it is; what the grid gives itself goes there', async () => {
    grid = await TestGrid.open({
      tags: [aTag('gpu')],
      pools: [{ name: 'net' }],
      hosts: [aHost('one', { pool: 'net' })],
    });
    await grid.store.rows(`UPDATE pool SET projects = '{kernel,net}' WHERE name = 'net'`);
    await grid.lookAtHosts();
    expect(await grid.store.rows(`SELECT FROM host_probe WHERE probe = 'gpu'`)).toHaveLength(1);
    const [run = ''] = await grid.submit('plain');
    expect(await grid.run(run)).toMatchObject({
      noVerdict: 'not_compatible',
      reason: 'no host of this grid can serve it: pool net is for projects kernel, net only',
    });
    await grid.store.rows(`UPDATE pool SET projects = '{kernel,default}' WHERE name = 'net'`);
    const [allowed = ''] = await grid.submit('plain');
    await grid.end(await grid.takeRun(allowed), exit(0));
    expect(await grid.run(allowed)).toMatchObject({ verdict: 'passed' });
  });

  it('takes no more work of a project from the moment it is no longer for it, other attempts included', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    await grid.takeRun(run);
    await grid.store.rows(`UPDATE pool SET projects = '{kernel}'`);
    await grid.executorStarts();
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({
      noVerdict: 'not_compatible',
      reason: expect.stringContaining('pool default is for project kernel only'),
    });
  });
});

describe('a host with two seats', () => {
  it('serves runs of two demands at once', async () => {
    grid = await TestGrid.open({
      tags: [aWord('gpu')],
      hosts: [aHost('one', { seats: 2, tags: declared('gpu') })],
      tests: [aTest('plain'), aTest('g', { requirement: 'gpu' })],
    });
    const [g = ''] = await grid.submit('g');
    const [plain = ''] = await grid.submit('plain');
    const work = await grid.take();
    expect(work.map((one) => [one.run, one.places[0]?.seat])).toEqual([
      [g, 1],
      [plain, 2],
    ]);
  });

  it('is had whole by a chain with a step below use, which waits until it is empty', async () => {
    grid = await TestGrid.open({
      tags: [aWord('img')],
      hosts: [aHost('one', { seats: 2, expendable: ['packages', 'build', 'boot', 'use'] })],
      steps: [aStep('pkg', 'img', { layer: 'packages' })],
      tests: [aTest('plain'), aTest('needs', { requirement: 'img' })],
    });
    const [plain = ''] = await grid.submit('plain');
    const first = await grid.takeRun(plain);
    const [needs = ''] = await grid.submit('needs');
    expect(await grid.run(needs)).toMatchObject({ state: 'waiting', code: 'busy' });
    await grid.end(first, exit(0));
    const second = await grid.takeRun(needs);
    expect(second.places[0]?.chain.map((step) => step.name)).toEqual(['pkg']);
    const [other = ''] = await grid.submit('plain');
    expect(await grid.run(other)).toMatchObject({ state: 'waiting', code: 'busy' });
    await grid.end(second, exit(0));
    expect((await grid.takeRun(other)).places[0]?.host.name).toBe('one');
  });
});

describe('what is under test', () => {
  it('is in the environment of its tests, and nothing a variant says can stand in its way', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain', { variants: [{ TESTYARD_ARTEFACT_KERNEL: 'forged' }] });
    await grid.store.rows(
      `INSERT INTO artefact (submission_id, name, url, digest, build_id)
       SELECT submission_id, a.* FROM run, (VALUES
         ('kernel', 'https://example.org/k', 'sha256:1', 'b7'), ('boot-image', 'https://example.org/i', NULL, 'b7')) a
       WHERE id = $1`,
      [run],
    );
    expect((await grid.takeRun(run)).test.environment).toEqual({
      TESTYARD_ARTEFACT_BOOT_IMAGE: 'https://example.org/i',
      TESTYARD_ARTEFACT_BOOT_IMAGE_BUILD_ID: 'b7',
      TESTYARD_ARTEFACT_KERNEL: 'https://example.org/k',
      TESTYARD_ARTEFACT_KERNEL_DIGEST: 'sha256:1',
      TESTYARD_ARTEFACT_KERNEL_BUILD_ID: 'b7',
      TESTYARD_BUILD_ID: 'b7',
    });
  });
});
