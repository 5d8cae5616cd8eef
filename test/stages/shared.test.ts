import { afterEach, describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/domain/outcome.js';
import type { StepSpec } from '../../src/domain/step.js';
import type { Assignment } from '../../src/protocol/messages.js';
import { aHost, aStep, aTest, aWord, exit, LOOKS, lostIn, TestGrid } from './test-grid.js';

let grid: TestGrid;
afterEach(() => grid.close());

const host = (name: string, pool: string) =>
  aHost(name, {
    pool,
    expendable: ['image', 'packages', 'build', 'boot', 'use'],
    restore: { kind: 'command', command: ['true'] },
  });
const puts = (name: string, version: string): StepSpec =>
  aStep(name, `has-${name}`, {
    layer: 'packages',
    uses: ['mirror'],
    action: {
      kind: 'packages',
      by: 'apt',
      install: [{ name: 'libfoo', version }],
      remove: [],
      hold: [],
      unhold: [],
      files: [],
      from: [],
    },
  });
const restores = (image: string): StepSpec =>
  aStep(image, `has-${image}`, { layer: 'image', uses: ['images'], action: { kind: 'restore', image } });
const steps = [
  puts('a', '1'),
  puts('b', '1'),
  puts('c', '2'),
  restores('i'),
  restores('j'),
  aStep('s', 'has-s'),
];
const lab = {
  tags: steps.map(({ name }) => aWord(`has-${name}`)),
  steps,
  hosts: [host('n1', 'near'), host('n2', 'near'), host('f1', 'far'), host('f2', 'far')],
  pools: [
    { name: 'near', owner: 'near-owner' },
    { name: 'far', owner: 'far-owner' },
  ],
  resources: ['mirror', 'images'].map((name) => ({ name, meaning: name, owner: `${name}-owner` })),
  tests: [
    ...steps.map(({ name }) => aTest(`on-${name}`, { requirement: `has-${name}`, dirties: 'nothing' })),
    aTest('plain', { dirties: 'nothing' }),
  ],
};

/** What is broken: an attempt's outcome where it meets that. */
type Broken = (assignment: Assignment) => Outcome | undefined;

const stepFails =
  (isBroken: (step: StepSpec) => boolean): Broken =>
  ({ places: [place] }) => {
    const step = place?.chain.find(({ name }) =>
      isBroken(steps.find((one) => one.name === name) as StepSpec),
    );
    if (step === undefined) return undefined;
    return { kind: 'chain_failed', step: step.name, layer: step.layer, result: 'failed', message: 'no luck' };
  };

/** Lets the grid go on for some minutes, with this broken. */
async function live(broken: Broken = () => undefined): Promise<void> {
  for (let i = 0; i < 16; i++) {
    for (const work of await grid.take()) await grid.end(work, broken(work) ?? exit(0));
    await grid.pass(20);
    await grid.beat();
  }
}

const told = async () =>
  (await grid.history())
    .filter((h) => h.kind === 'owner.told')
    .map((h) => `${h.data['scope']}: ${h.data['owner']}`);

describe('what several hosts or steps share', () => {
  it.each<[string, string, Broken, string[], string[]]>([
    [
      'resource',
      'mirror-owner',
      stepFails(({ uses }) => uses?.includes('mirror') === true),
      ['on-a', 'on-c'],
      ['on-s', 'on-i'],
    ],
    [
      'change',
      'a-owner',
      stepFails(({ name }) => name === 'a' || name === 'b'),
      ['on-a', 'on-b'],
      ['on-c', 'on-s'],
    ],
    ['image', 'i-owner', stepFails(({ name }) => name === 'i'), ['on-i'], ['on-j', 'on-s']],
    [
      'pool',
      'near-owner',
      ({ places }) => (places[0]?.host.name.startsWith('n') ? lostIn('connect') : undefined),
      [],
      ['plain', 'on-s'],
    ],
  ])(
    '%s: one thread to %s, its runs are held, all else goes on; mended, they come to their end',
    async (scope, owner, broken, hit, free) => {
      grid = await TestGrid.open(lab);
      for (const { name } of lab.hosts) grid.sees.set(name, {});
      await grid.lookAtHosts();
      const struck = await grid.submit(
        hit.length > 0 ? [...hit, ...hit] : ['plain', 'plain', 'plain', 'plain'],
      );
      await live(broken);
      expect(await told()).toEqual([`${scope}: ${owner}`]);
      expect(await grid.incidents()).toMatchObject([{ scope, owner }]);
      if (hit.length > 0)
        for (const run of struck) expect(await grid.run(run)).toMatchObject({ state: 'held' });
      const others = await grid.submit(free);
      await live(broken);
      for (const run of others) expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
      expect(await told()).toHaveLength(1);
      for (const { name } of lab.hosts) expect(await grid.host(name)).toMatchObject({ health: 'good' });
      await grid.pass(3_601);
      await grid.beat();
      await live();
      expect(await grid.incidents()).toEqual([]);
      for (const run of struck) expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
    },
  );

  /** The mirror is down and its owner told; then something breaks in its reach, and nobody submits anything more. */
  const thenToo = async (second: Broken) => {
    grid = await TestGrid.open(lab);
    for (const { name } of lab.hosts) grid.sees.set(name, {});
    await grid.lookAtHosts();
    const mirror = stepFails(({ uses }) => uses?.includes('mirror') === true);
    const struck = await grid.submit(['on-c', 'on-c']);
    await live(mirror);
    expect(await told()).toEqual(['resource: mirror-owner']);
    for (let i = 0; i < 4; i++) await live((work) => second(work) ?? mirror(work));
    expect(await told()).toEqual(['resource: mirror-owner']);
    return struck;
  };
  const inWords =
    (broken: Broken, message: string): Broken =>
    (work) => {
      const outcome = broken(work);
      return outcome?.kind === 'chain_failed' ? { ...outcome, message } : undefined;
    };

  it('what had begun before it was over and fails after is one more failure of it, and opens nothing', async () => {
    grid = await TestGrid.open(lab);
    for (const { name } of lab.hosts) grid.sees.set(name, {});
    await grid.lookAtHosts();
    const [long = ''] = await grid.submit('on-a', { targets: [{ host: 'n1' }] });
    const work = await grid.takeRun(long);
    const { name: step = '', layer = 'use', key = '' } = work.places[0]?.chain[0] ?? {};
    await grid.report(work, [
      { kind: 'begun' },
      { kind: 'seen', role: 'main', tags: [], fingerprint: LOOKS },
      { kind: 'step_started', role: 'main', seq: 1, what: 'chain', step, layer, key },
    ]);
    await grid.submit(['on-c', 'on-c']);
    const mirror = stepFails(({ uses }) => uses?.includes('mirror') === true);
    await live(mirror);
    await grid.pass(3_601);
    await grid.beat();
    for (let i = 0; i < 2; i++) await live();
    expect(await grid.incidents()).toEqual([]);
    const outcome = { ...(mirror(work) as Outcome & { kind: 'chain_failed' }), message: 'gave up' };
    const ended = { role: 'main', seq: 1, result: 'failed', durationMs: 1, message: 'gave up' } as const;
    await grid.report(work, [{ kind: 'step_ended', ...ended }]);
    await grid.tidyUp(work, outcome);
    expect(await grid.incidents()).toEqual([]);
    expect(await grid.host('n1')).toMatchObject({ health: 'good' });
    await live();
    expect(await grid.run(long)).toMatchObject({ verdict: 'passed' });
    expect(await told()).toEqual(['resource: mirror-owner']);
  });

  it('a second fault in its reach, in other words, is told of once the first is over: no run need meet it', async () => {
    const version = inWords(
      stepFails(({ name }) => name === 'a' || name === 'b'),
      'exit 1 of its postinst',
    );
    const struck = await thenToo(version);
    for (let i = 0; i < 2; i++) await live(version);
    expect(await told()).toEqual(['resource: mirror-owner', 'change: a-owner']);
    for (const run of struck) expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
  });

  it('a second fault in its reach does not keep the first open: other work is looked at soon', async () => {
    const version = inWords(
      stepFails(({ name }) => name === 'a' || name === 'b'),
      'exit 1 of its postinst',
    );
    await thenToo(version);
    const isOpen = async () => (await grid.incidents()).some(({ scope }) => scope === 'resource');
    await grid.store.rows(`UPDATE incident SET checks = 6, next_check_at = grid_now()`);
    await grid.beat();
    // Much sooner than the five minutes after which it would be looked at anyhow.
    for (let i = 0; i < 5 && (await isOpen()); i++) {
      for (const work of await grid.take()) await grid.end(work, version(work) ?? exit(0));
      await grid.pass(20);
      await grid.beat();
    }
    expect(await isOpen()).toBe(false);
  });

  it("other words for the same are nobody else's failure: what works again when it is over is told to nobody", async () => {
    const struck = await thenToo(
      inWords(
        stepFails(({ uses }) => uses?.includes('mirror') === true),
        'the connection broke off',
      ),
    );
    for (let i = 0; i < 2; i++) await live();
    expect(await told()).toEqual(['resource: mirror-owner']);
    expect(await grid.incidents()).toEqual([]);
    for (const run of struck) expect(await grid.run(run)).toMatchObject({ verdict: 'passed' });
    for (const { name } of lab.hosts) expect(await grid.host(name)).toMatchObject({ health: 'good' });
  });

  it('what it does not cover is told of at once: a host that goes away while the mirror is down', async () => {
    await thenToo(() => undefined);
    await grid.submit('plain', { targets: [{ host: 'n1' }] });
    const mirror = stepFails(({ uses }) => uses?.includes('mirror') === true);
    await live((work) => (work.places[0]?.host.name === 'n1' ? lostIn('connect') : mirror(work)));
    expect(await told()).toEqual(['resource: mirror-owner', 'host: n1-owner']);
  });
});
