import { afterEach, describe, expect, it } from 'vitest';
import { applyInventory } from '../../src/store/inventory.js';
import { submitOwnWork } from '../../src/store/unfolding.js';
import { aHost, aStep, aTag, aTest, exit, LOOKS, lostIn, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid.close());

const svc = {
  tags: [aTag('svc')],
  steps: [aStep('make-svc', 'svc')],
  tests: [aTest('needs-svc', { requirement: 'svc' }), aTest('plain')],
};
const broken = {
  kind: 'chain_failed',
  step: 'make-svc',
  layer: 'use',
  result: 'failed',
  message: 'no such service',
} as const;

/** Who was told of what, in order. */
const told = async () =>
  (await grid.history())
    .filter((h) => h.kind === 'owner.told')
    .map((h) => `${h.data['scope']}: ${h.data['owner']}`);

const without = async (...names: string[]) => {
  for (const name of names) grid.sees.set(name, { svc: 'absent' });
  await grid.lookAtHosts();
};

describe('a boot that nobody ordered', () => {
  const booted = { ...LOOKS, boot: 'boot-2' };
  const bootedAfter = async (first: Parameters<TestGrid['end']>[2], firstOutcome = exit(0)) => {
    grid = await TestGrid.open({ hosts: [aHost('one', { expendable: ['boot', 'use'] })] });
    const [before = '', later = ''] = await grid.submit(['plain', 'plain']);
    await grid.end(await grid.takeRun(before), firstOutcome, first);
    await grid.end(await grid.takeRun(later), exit(0), { looks: booted });
    return later;
  };

  it('makes the host suspect, whatever came of the run that found it, until a canary works', async () => {
    const run = await bootedAfter({});
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
    expect(await grid.host('one')).toMatchObject({ health: 'suspect' });
    expect(await grid.incidents()).toMatchObject([
      {
        scope: 'host',
        title: expect.stringContaining("booted by nobody's order: boot id boot-2, and boot-1"),
      },
    ]);
    await grid.end((await grid.take())[0] as never, exit(0), { looks: booted });
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
    expect(await grid.incidents()).toEqual([]);
  });

  it('is none where the test before was allowed to boot the host', async () => {
    await bootedAfter({ dirtied: 'boot' });
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
  });

  it('is none where the attempt before was cut off in the middle of its test', async () => {
    await bootedAfter({}, { kind: 'timed_out', limitMs: 1, hostAnswered: true } as never);
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
  });
});

describe('who is told', () => {
  it('tells nobody of a suspicion that a canary clears', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    await grid.end(await grid.takeRun(run), lostIn('connect'));
    expect(await grid.host('one')).toMatchObject({ health: 'suspect' });
    await grid.end((await grid.take())[0] as never, exit(0));
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
    expect(await told()).toEqual([]);
  });

  it('tells the owner of a host once, when its first canary fails, however often it fails again', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    await grid.end(await grid.takeRun(run), lostIn('connect'));
    const waits = [];
    for (let i = 0; i < 12; i++) {
      const [check] = await grid.take();
      expect(check?.test.name).toBe('canary');
      await grid.end(check as never, lostIn('connect'));
      const [row] = await grid.store.rows<{ s: number }>(
        `SELECT extract(epoch FROM next_check_at - grid_now())::integer AS s FROM incident`,
      );
      waits.push(row?.s);
      await grid.pass((row?.s ?? 0) + 1);
      await grid.beat();
    }
    expect(await told()).toEqual(['host: one-owner']);
    // The next check comes later and later, at most an hour after the last.
    expect(waits).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600, 3600]);
  });

  it('tells the owner of a step once the host is cleared, and not the owner of the host', async () => {
    grid = await TestGrid.open(svc);
    await without('one');
    const [run = ''] = await grid.submit('needs-svc');
    await grid.end(await grid.takeRun(run), broken);
    expect(await told()).toEqual([]);
    await grid.end((await grid.take())[0] as never, exit(0));
    // It may have happened once: nobody is told before it has failed again.
    expect(await told()).toEqual([]);
    await grid.end((await grid.take())[0] as never, broken);
    expect(await told()).toEqual(['step: make-svc-owner']);
    // The check fails too: nothing new.
    await grid.pass(grid.settings.checkFirstS + 1);
    await grid.beat();
    await grid.end((await grid.take())[0] as never, broken);
    expect(await grid.incidents()).toMatchObject([{ scope: 'step' }]);
    expect(await told()).toEqual(['step: make-svc-owner']);
  });
});

describe('whose failure it is', () => {
  it('a step that fails on two hosts is one incident, whatever it was taken for on the first', async () => {
    grid = await TestGrid.open({ ...svc, hosts: [aHost('one'), aHost('two')] });
    await without('one', 'two');
    const [run = '', other = ''] = await grid.submit(['needs-svc', 'needs-svc']);
    const work = await grid.take();
    for (const assignment of work) await grid.end(assignment, broken);
    const checks = await grid.take();
    expect(checks.map((a) => a.test.name)).toEqual(['canary']);
    await grid.end(checks[0] as never, exit(0));
    expect(await grid.incidents()).toMatchObject([{ scope: 'step', step: 'make-svc' }]);
    expect(await told()).toEqual(['step: make-svc-owner']);
    for (const id of [run, other]) expect(await grid.run(id)).toMatchObject({ state: 'held' });
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
  });

  it('a step that works on another host is narrowed to the host where it fails, and the runs go on', async () => {
    grid = await TestGrid.open({ ...svc, hosts: [aHost('one'), aHost('two')] });
    await without('one', 'two');
    const [run = ''] = await grid.submit('needs-svc', { targets: [{ host: 'one' }] });
    await grid.end(await grid.takeRun(run), broken);
    await grid.end((await grid.take())[0] as never, exit(0));
    expect(await grid.incidents()).toMatchObject([{ scope: 'step' }]);
    await grid.pass(grid.settings.checkFirstS + 1);
    await grid.beat();
    const [check] = await grid.take();
    expect(check?.places[0]?.host.name).toBe('two');
    await grid.end(check as never, exit(0));
    for (const again of await grid.takeCanaries()) await grid.end(again, broken);
    expect(await grid.incidents()).toMatchObject([{ scope: 'step_on_host', host: 'one' }]);
    const [free = ''] = await grid.submit('needs-svc');
    expect((await grid.takeRun(free)).places[0]?.host.name).toBe('two');
    // A check that fails there again moves nothing.
    await grid.pass(grid.settings.checkFirstS + 1);
    await grid.beat();
    const again = (await grid.take()).find((a) => a.places[0]?.host.name === 'one');
    await grid.end(again as never, broken);
    expect(await grid.incidents()).toMatchObject([{ scope: 'step_on_host', host: 'one' }]);
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
  });

  it('a step that may lie is looked at where what it gives does not lie already', async () => {
    const hosts = ['one', 'two', 'three'].map((name) => aHost(name));
    const lie = { kind: 'tag_lied', step: 'make-svc', tag: 'svc', presence: 'absent' } as const;
    grid = await TestGrid.open({
      ...svc,
      hosts,
      tests: [aTest('needs-svc', { requirement: 'svc', dirties: 'nothing' }), aTest('plain')],
    });
    await without('one', 'two', 'three');
    const [before = ''] = await grid.submit('needs-svc', { targets: [{ host: 'three' }] });
    grid.sees.set('three', { svc: 'present' });
    await grid.end(await grid.takeRun(before), exit(0));
    expect((await grid.host('three')).stack).toEqual(['make-svc']);

    const [run = ''] = await grid.submit('needs-svc', { targets: [{ host: 'one' }] });
    await grid.end(await grid.takeRun(run), { ...lie, why: 'its probe does not see it' });
    const asked: string[] = [];
    for (let checks = await grid.takeCanaries(); checks.length > 0; checks = await grid.takeCanaries())
      for (const check of checks) {
        const step = check.places[0]?.chain.at(-1)?.name;
        const host = check.places[0]?.host.name ?? '';
        if (step === 'make-svc') asked.push(host);
        const isSeen = step === undefined || host === 'three';
        await grid.end(check, isSeen ? exit(0) : { ...lie, why: 'its probe does not see it' });
        await grid.beat();
      }
    expect(asked[0]).toBe('two');
    expect(asked).not.toContain('three');
    expect(await told()).toEqual(['step: make-svc-owner']);
  });

  it('a canary that ends red speaks against the host', async () => {
    grid = await TestGrid.open(svc);
    await without('one');
    const [run = ''] = await grid.submit('needs-svc');
    await grid.end(await grid.takeRun(run), broken);
    await grid.end((await grid.take())[0] as never, exit(1));
    expect(await grid.host('one')).toMatchObject({ health: 'quarantined' });
    expect(await grid.incidents()).toMatchObject([{ scope: 'host' }]);
  });

  it('past its cap a pool halts, and goes on when its hosts have recovered', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one'), aHost('two'), aHost('three')] });
    const runs = await grid.submit(['plain', 'plain']);
    const work = await grid.take();
    const hosts = work.map((a) => a.places[0]?.host.name ?? '');
    expect(hosts.length).toBe(2);
    for (const assignment of work) await grid.end(assignment, lostIn('connect'));
    for (const check of await grid.takeCanaries()) await grid.end(check, lostIn('connect'));
    // The third one works: it is not the pool.
    const [elsewhere] = (await grid.take()).filter((a) => !hosts.includes(a.places[0]?.host.name ?? ''));
    await grid.end(elsewhere as never, exit(0));
    const health = async () =>
      (await Promise.all(hosts.map((name) => grid.host(name)))).map((h) => h.health).sort();
    expect(await health()).toEqual(['quarantined', 'suspect']);
    const [late = ''] = await grid.submit('plain');
    expect(await grid.run(late)).toMatchObject({ state: 'waiting', code: 'pool_halted' });
    for (let i = 0; i < 2; i++) {
      await grid.pass(200);
      await grid.beat();
      for (const check of await grid.takeCanaries()) await grid.end(check, exit(0));
    }
    expect(await health()).toEqual(['good', 'good']);
    expect((await grid.run(late)).code).not.toBe('pool_halted');
    expect(runs.length).toBe(2);
  });

  it('never checks twice at once, and a check whose executor dies is asked for again', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    await grid.end(await grid.takeRun(run), lostIn('connect'));
    for (let i = 0; i < 3; i++) {
      const checks = await grid.take();
      expect(checks.map((a) => a.test.name)).toEqual(['canary']);
      await grid.pass(30);
      await grid.beat();
      expect(await grid.take().then((more) => more.filter((a) => a.run !== checks[0]?.run))).toEqual([]);
      await grid.executorStarts();
      await grid.beat();
      await grid.pass(2);
      await grid.beat();
    }
    await grid.end((await grid.take())[0] as never, exit(0));
    expect(await grid.incidents()).toEqual([]);
  });

  it('checks nothing while the grid is halted, and says why everything waits', async () => {
    grid = await TestGrid.open();
    const [run = ''] = await grid.submit('plain');
    const work = await grid.takeRun(run);
    await grid.store.rows(`UPDATE grid SET state = 'halted', who = 'admin', why = 'new racks'`);
    await grid.end(work, lostIn('connect'));
    for (let i = 0; i < 3; i++) {
      await grid.pass(1000);
      await grid.beat();
    }
    expect(await grid.take()).toEqual([]);
    const own = await grid.store.rows(`SELECT FROM submission WHERE source = 'grid'`);
    expect(own.length).toBe(0);
    expect(await grid.run(run)).toMatchObject({
      state: 'waiting',
      code: 'grid_stopped',
      reason: 'the grid is halted: new racks',
    });
    await grid.store.rows(`UPDATE grid SET state = 'online'`);
    await grid.beat();
    expect((await grid.take()).map((a) => a.test.name)).toEqual(['canary']);
  });
});

describe('a slow host', () => {
  /** A test runs out of time on one host, and comes to its end on the other; gives the name of the first. */
  const outOfTime = async (thenEnds = exit(0)): Promise<string> => {
    grid = await TestGrid.open({ hosts: [aHost('one'), aHost('two')] });
    for (const name of ['one', 'two']) grid.sees.set(name, {});
    await grid.lookAtHosts();
    await grid.store.rows(
      `INSERT INTO learned_cost (what, host_type, tried, worked, seconds)
       SELECT 'test:' || t.project_id || ':canary', h.host_type, 9, 9, 9 FROM test t CROSS JOIN host h
       WHERE t.name = 'canary' AND h.name = 'one'
       ON CONFLICT (what, host_type) DO UPDATE SET tried = 9, worked = 9, seconds = 9`,
    );
    const [run = ''] = await grid.submit('plain');
    const slow = await grid.takeRun(run);
    await grid.end(slow, { kind: 'timed_out', afterMs: 600_000, hostAnswered: true });
    expect(await grid.incidents()).toEqual([]);
    const second = await grid.takeRun(run);
    expect(second.places[0]?.host.name).not.toBe(slow.places[0]?.host.name);
    await grid.end(second, thenEnds);
    return slow.places[0]?.host.name ?? '';
  };
  const canary = async (tookMs: number) => {
    const [check, ...others] = await grid.takeCanaries();
    expect(others).toEqual([]);
    await grid.end(check as never, exit(0), { tookMs });
  };

  it.each([
    ['green', exit(0)],
    ['red', exit(1)],
  ])(
    'is one where a test ran out of time that ends %s elsewhere, and the canary is slow',
    async (_, ends) => {
      const name = await outOfTime(ends);
      expect(await grid.host(name)).toMatchObject({ health: 'suspect' });
      expect(await told()).toEqual([]);
      await canary(8_000);
      expect(await told()).toEqual([`host: ${name}-owner`]);
      await grid.pass(3_601);
      await grid.beat();
      await canary(8_000);
      expect(await grid.host(name)).toMatchObject({ health: 'suspect' });
      await grid.pass(3_601);
      await grid.beat();
      await canary(1_100);
      expect(await grid.host(name)).toMatchObject({ health: 'good' });
      expect(await grid.incidents()).toEqual([]);
    },
  );

  it('is none where the canary takes no longer than elsewhere: nobody is told', async () => {
    const name = await outOfTime();
    await canary(1_100);
    expect(await grid.host(name)).toMatchObject({ health: 'good' });
    expect(await told()).toEqual([]);
  });
});

describe('what had begun before', () => {
  it('and ends well says nothing of what broke meanwhile', async () => {
    const hosts = ['one', 'two'].map((name) => aHost(name, { resources: ['key'] }));
    const resources = [{ name: 'key', meaning: 'the key', owner: 'keeper' }];
    grid = await TestGrid.open({ hosts: [...hosts, aHost('three')], resources });
    const [first = ''] = await grid.submit('plain', { targets: [{ host: 'one' }] });
    const [second = ''] = await grid.submit('plain', { targets: [{ host: 'two' }] });
    const [here, there] = [await grid.takeRun(first), await grid.takeRun(second)];
    await grid.report(there, [{ kind: 'begun' }]);
    await grid.pass(60);
    await grid.end(here, lostIn('connect'));
    await grid.pass(60);
    await grid.end(there, exit(0));
    // The key has expired: neither host can be reached any more.
    for (let i = 0; i < 4; i++) {
      for (const check of await grid.takeCanaries())
        await grid.end(check, check.places[0]?.host.name === 'three' ? exit(0) : lostIn('connect'));
      await grid.pass(16);
      await grid.beat();
    }
    expect(await told()).toEqual(['resource: keeper']);
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
  });
});

describe('what several hosts share', () => {
  const names = ['a', 'b', 'c'];
  const open = async () => {
    grid = await TestGrid.open({
      hosts: [aHost('one'), aHost('two')],
      tags: [...names.map((name) => aTag(`svc-${name}`)), aTag('other')],
      steps: [
        ...names.map((name) => aStep(`make-${name}`, `svc-${name}`, { uses: ['mirror'] })),
        aStep('make-other', 'other'),
      ],
      resources: [{ name: 'mirror', meaning: 'the mirror', owner: 'keeper' }],
      tests: [
        aTest('plain'),
        aTest('needs-other', { requirement: 'other' }),
        ...names.map((name) => aTest(`needs-${name}`, { requirement: `svc-${name}` })),
      ],
    });
    for (const host of ['one', 'two'])
      grid.sees.set(host, {
        other: 'absent',
        ...Object.fromEntries(names.map((name) => [`svc-${name}`, 'absent'])),
      });
    await grid.lookAtHosts();
  };
  /** Carries out whatever there is to do for some time: canaries work, and what a step does fails where `fails` says so. */
  const goOn = async (rounds: number, fails: (host: string) => boolean) => {
    for (let i = 0; i < rounds; i++) {
      for (const work of await grid.take()) {
        const place = work.places[0];
        const step = place?.chain[0]?.name;
        const isBroken = step !== undefined && step !== 'make-other' && fails(place?.host.name ?? '');
        await grid.end(work, isBroken ? { ...broken, step } : exit(0));
      }
      await grid.pass(16);
      await grid.beat();
    }
  };

  it("is nobody's failure while it has failed on one host only, and the other can not be asked yet", async () => {
    await open();
    const [long = ''] = await grid.submit('plain', { targets: [{ host: 'two' }] });
    const busy = await grid.takeRun(long);
    await grid.report(busy, [{ kind: 'begun' }]);
    for (const name of names) {
      await grid.submit(`needs-${name}`, { targets: [{ host: 'one' }] });
      await goOn(3, () => true);
    }
    // All else works there: the host is hardly to blame, and the mirror all the likelier.
    await grid.submit(['plain', 'needs-other'], { targets: [{ host: 'one' }] });
    await goOn(10, () => true);
    expect(await told()).toEqual([]);
    await grid.end(busy, exit(0));
    await goOn(6, () => true);
    expect(await told()).toEqual(['resource: keeper']);
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
  });

  it('is not what fails on one host and not on the other, however often it has failed there', async () => {
    await open();
    const [long = ''] = await grid.submit('plain', { targets: [{ host: 'two' }] });
    const busy = await grid.takeRun(long);
    await grid.report(busy, [{ kind: 'begun' }]);
    for (const name of names) {
      await grid.submit(`needs-${name}`, { targets: [{ host: 'one' }] });
      await goOn(3, (host) => host === 'one');
    }
    await grid.end(busy, exit(0));
    await goOn(20, (host) => host === 'one');
    expect(await told()).toEqual(['host: one-owner']);
    // A canary that was on its way works there, as canaries do all the time: what failed there has to.
    const [incident] = await grid.incidents();
    expect(incident).toMatchObject({ scope: 'host', host: 'one' });
    const canary = { purpose: 'recovery', incident: incident?.id ?? '', target: { host: 'one' } } as const;
    await submitOwnWork(grid.store, { ...canary, why: 'asked before its owner was told' });
    await grid.beat();
    await goOn(1, (host) => host === 'one');
    expect(await grid.incidents()).toMatchObject([{ id: incident?.id }]);
    await goOn(20, () => false);
    expect(await grid.incidents()).toEqual([]);
    expect(await told()).toEqual(['host: one-owner']);
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
  });

  it('is told where nothing more can be learnt: no other host could show it', async () => {
    await open();
    await grid.declare({ hosts: [aHost('one')] });
    for (const name of names) {
      await grid.submit(`needs-${name}`, { targets: [{ host: 'one' }] });
      await goOn(3, () => true);
    }
    await goOn(10, () => true);
    expect(await told()).toHaveLength(1);
  });
});

let down: readonly string[] = [];
/** Carries out whatever there is to do for some time, but on the hosts that are down. */
const goOnWithout = async (rounds: number) => {
  for (let i = 0; i < rounds; i++) {
    for (const work of await grid.take())
      await grid.end(work, down.includes(work.places[0]?.host.name ?? '') ? lostIn('connect') : exit(0));
    await grid.pass(16);
    await grid.beat();
  }
};

describe('a key that has expired', () => {
  const expires = async () => {
    const resources = ['key'];
    grid = await TestGrid.open({
      hosts: [
        aHost('one', { pool: 'near', resources }),
        aHost('two', { pool: 'near' }),
        aHost('three', { pool: 'far', resources }),
        aHost('four', { pool: 'far' }),
      ],
      pools: [{ name: 'near' }, { name: 'far' }],
      resources: [{ name: 'key', meaning: 'the key', owner: 'keeper' }],
      tags: [aTag('svc')],
    });
    await grid.lookAtHosts();
    down = ['one', 'three'];
    const [run = ''] = await grid.submit('plain', { targets: [{ host: 'one' }] });
    await grid.end(await grid.takeRun(run), lostIn('connect'));
    await goOnWithout(6);
  };

  it('is no failure of the host that showed it first: others that have it are asked before its owner is told', async () => {
    await expires();
    expect(await told()).toEqual(['resource: keeper']);
    for (const name of down) expect(await grid.host(name)).toMatchObject({ health: 'good' });
  });

  it('keeps its hosts from telling of their pool, and so nobody is told of a neighbour before it is over', async () => {
    grid = await TestGrid.open({
      hosts: [
        aHost('one', { pool: 'near' }),
        aHost('two', { pool: 'near', resources: ['key'] }),
        aHost('three', { pool: 'far', resources: ['key'] }),
        aHost('four', { pool: 'far' }),
      ],
      pools: [{ name: 'near', owner: 'near-owner' }, { name: 'far' }],
      resources: [{ name: 'key', meaning: 'the key', owner: 'keeper' }],
    });
    await grid.lookAtHosts();
    down = ['two', 'three'];
    await grid.submit('plain', { targets: [{ host: 'two' }, { host: 'three' }] });
    await goOnWithout(8);
    expect(await told()).toEqual(['resource: keeper']);
    down = ['one', 'two', 'three'];
    await grid.submit('plain', { targets: [{ host: 'one' }] });
    await goOnWithout(20);
    expect(await told()).toEqual(['resource: keeper']);
    down = [];
    await goOnWithout(24);
    expect(await told()).toEqual(['resource: keeper']);
    for (const name of ['one', 'two']) expect(await grid.host(name)).toMatchObject({ health: 'good' });
  });

  it('keeps its hosts from being looked at, which is not tried all the time; when it is over it is at once', async () => {
    await expires();
    const looks = async () => {
      const [row] = await grid.store.rows<{ n: number }>(
        `SELECT count(*)::integer AS n FROM submission WHERE purpose = 'canary' AND targets @> '[{"host": "one"}]'`,
      );
      return row?.n ?? 0;
    };
    await grid.store.rows(`DELETE FROM host_probe WHERE probe = 'svc'`);
    await grid.store.rows(`UPDATE host SET version = nextval('host_version_seq')`);
    const before = await looks();
    await goOnWithout(20);
    expect((await looks()) - before).toBeLessThanOrEqual(1);
    down = [];
    await goOnWithout(24);
    expect((await looks()) - before).toBeGreaterThanOrEqual(1);
    const seen = await grid.store.rows(
      `SELECT FROM host_probe p JOIN host h ON h.id = p.host_id WHERE h.name = 'one' AND p.probe = 'svc'`,
    );
    expect(seen).toHaveLength(1);
  });
});

describe('a host that a test may have taken down', () => {
  /** It goes down under a test, and then all that its pool has, of which the pool's owner is told. */
  const thenItsPoolIsDown = async ({ isMet = true } = {}) => {
    const near = ['one', 'two', 'four'].map((name) => aHost(name, { pool: 'near' }));
    grid = await TestGrid.open({
      hosts: [...near, aHost('three', { pool: 'far' }), aHost('five', { pool: 'far' })],
      pools: [{ name: 'near', owner: 'near-owner' }, { name: 'far' }],
    });
    await grid.lookAtHosts();
    const [run = ''] = await grid.submit('plain', { targets: [{ host: 'one' }] });
    await grid.end(await grid.takeRun(run), lostIn('test'));
    down = ['one'];
    await goOnWithout(4);
    expect(await told()).toEqual([]);
    down = near.map(({ name }) => name);
    if (isMet) await grid.submit('plain', { targets: [{ host: 'two' }, { host: 'four' }] });
    await goOnWithout(isMet ? 8 : 40);
    expect(await told()).toEqual(['pool: near-owner']);
  };

  it('is told to nobody while it is down for a reason that is known', async () => {
    await thenItsPoolIsDown();
    await goOnWithout(30);
    expect(await told()).toEqual(['pool: near-owner']);
    down = [];
    await goOnWithout(24);
    expect(await told()).toEqual(['pool: near-owner']);
    expect(await grid.host('one')).toMatchObject({ health: 'good' });
  });

  it('is told to nobody before what it shares was looked at once more', async () => {
    await thenItsPoolIsDown({ isMet: false });
  });

  it("is its owner's once that is over and it is still down", async () => {
    await thenItsPoolIsDown();
    await goOnWithout(24);
    down = ['one'];
    await goOnWithout(40);
    expect(await told()).toEqual(['pool: near-owner', 'host: one-owner']);
  });
});

describe("a test's own setup", () => {
  const fails = { kind: 'setup_failed', result: 'failed', message: 'exit 1: no disk' } as const;
  const tests = [aTest('s', { setup: 'prepare', owner: 'sue' })];

  it('holds the run for its owner after two hosts, and goes on with a new version of the test', async () => {
    grid = await TestGrid.open({ hosts: [aHost('one'), aHost('two')], tests });
    const [run = ''] = await grid.submit('s');
    const first = await grid.takeRun(run);
    await grid.end(first, fails);
    const second = await grid.takeRun(run);
    expect(second.places[0]?.host.name).not.toBe(first.places[0]?.host.name);
    await grid.end(second, fails);
    expect(await grid.run(run)).toMatchObject({ state: 'held' });
    expect(await grid.incidents()).toMatchObject([{ scope: 'test', owner: 'sue' }]);
    expect(await told()).toEqual(['test: sue']);
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({ state: 'held' });
    await applyInventory(grid.store, {
      ...grid.inventory,
      tests: [aTest('s', { setup: 'prepare better', owner: 'sue' })],
    });
    await grid.beat();
    expect(await grid.incidents()).toEqual([]);
    const third = await grid.takeRun(run);
    expect(third.test.setup).toBe('prepare better');
    await grid.end(third, exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
    expect((await grid.history(`r${run}`)).map((h) => h.kind)).toContain('run.test_changed');
  });

  it('where there is one host only, other work succeeds there before it is tried again', async () => {
    grid = await TestGrid.open({ tests });
    const [run = ''] = await grid.submit('s');
    await grid.end(await grid.takeRun(run), fails);
    expect(await grid.run(run)).toMatchObject({ state: 'waiting', code: 'avoided' });
    const [canary] = await grid.take();
    expect(canary?.test.name).toBe('canary');
    await grid.end(canary as never, exit(0));
    await grid.end(await grid.takeRun(run), fails);
    expect(await grid.run(run)).toMatchObject({ state: 'held' });
    await grid.pass(7 * 86_400 + 1);
    await grid.beat();
    expect(await grid.run(run)).toMatchObject({ verdict: 'none', noVerdict: 'setup_failed' });
  });
});

describe('hosts lost under a test', () => {
  const three = { hosts: [aHost('one'), aHost('two'), aHost('three')], tests: [aTest('plain')] };
  const loseTwo = async (back = false) => {
    const [run = ''] = await grid.submit('plain');
    for (let i = 0; i < 2; i++) await grid.end(await grid.takeRun(run), lostIn('test', back));
    return run;
  };

  it('on two of which other work survives were crashed by the test', async () => {
    grid = await TestGrid.open(three);
    const run = await loseTwo();
    expect(await grid.run(run)).toMatchObject({ state: 'waiting', code: 'put_off' });
    const checks = await grid.takeCanaries();
    expect(checks.length).toBe(2);
    await grid.end(checks[0] as never, exit(0));
    expect(await grid.run(run)).toMatchObject({ state: 'waiting', verdict: null });
    await grid.end(checks[1] as never, exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'failed' });
    expect((await grid.run(run)).reason).toContain('crashed: 2 hosts were lost');
  });

  it('of which one does not survive other work say nothing: another attempt', async () => {
    grid = await TestGrid.open(three);
    const run = await loseTwo();
    const checks = await grid.takeCanaries();
    await grid.end(checks[0] as never, lostIn('connect'));
    await grid.end(checks[1] as never, exit(0));
    // It may have been the test, and the host may come back: that is waited for, but not forever.
    const look = async () => {
      for (const check of await grid.takeCanaries()) {
        const isBack = check.places[0]?.host.name !== checks[0]?.places[0]?.host.name;
        await grid.end(check, isBack ? exit(0) : lostIn('connect'));
      }
    };
    for (let i = 0; i < 8 && (await grid.run(run)).state === 'waiting'; i++) {
      await look();
      await grid.pass(3_601);
      await grid.beat();
    }
    await look();
    await grid.end(await grid.takeRun(run), exit(0));
    expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
  });

  it('for whose connections only broke are no crash; after four there is no verdict', async () => {
    grid = await TestGrid.open(three);
    const [run = ''] = await grid.submit('plain');
    for (let i = 0; i < 4; i++) {
      await grid.end(await grid.takeRun(run), lostIn('test', true));
      for (const check of await grid.takeCanaries()) await grid.end(check, exit(0));
    }
    expect(await grid.run(run)).toMatchObject({ verdict: 'none', noVerdict: 'host_lost' });
  });
});
