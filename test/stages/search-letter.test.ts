import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { dice } from '../../bench/parts/report.js';
import { arriving, changing, has, isOwn } from '../../bench/sim/changing-grid.js';
import type { Piece } from '../../bench/sim/fate.js';
import { Smtp } from '../../src/adapters/smtp.js';
import { SignedWebHooks } from '../../src/adapters/web-hook.js';
import { isSealed } from '../../src/domain/answer/link.js';
import { bisectCommand } from '../../src/domain/tell/build-command.js';
import { giveAnswer } from '../../src/stages/answer.js';
import { Sender } from '../../src/stages/send.js';
import { accusationsIn } from '../../src/store/answering.js';
import { MailServer } from '../mail-server.js';
import { type OpenedGrid, openChanging } from './opened-changing.js';

const KEY = 'a key that nobody can guess, really';
let grid: OpenedGrid;
let server: MailServer;
beforeAll(async () => {
  server = await MailServer.start();
});
afterAll(() => server.stop());
afterEach(() => grid?.close());

const PACKAGES = ['p1', 'p2', 'p3'];
const isBad = (piece: Piece) =>
  piece.what === 'test' && piece.assignment.test.name === 'one' && has(piece, 'p2', '2');

const send = async () => {
  const links = () => ({ base: 'https://grid.example.org/', key: KEY });
  const ways = { mailer: new Smtp(), webHooks: new SignedWebHooks(), links };
  await new Sender(grid.sim.store, ways, (line) => expect(line).toBe('')).send();
  return server.letters.splice(0);
};

it('tells the owner what speaks for it, how to see it at home and how to answer; then that it is taken back', async () => {
  grid = await openChanging(changing(PACKAGES, 5, ['one']), (piece) =>
    isBad(piece) ? { exit: 1 } : undefined,
  );
  const { store } = grid.sim;
  await store.rows(`UPDATE grid SET mail = mail || jsonb_build_object('smtp', $1::text)`, [server.url]);
  grid.arrive(
    10,
    ['1'].flatMap((version) => PACKAGES.map((name) => arriving(name, version))),
  );
  grid.arrive(
    600,
    PACKAGES.map((name) => ({ ...arriving(name, '2'), author: 'Ann', link: 'https://x.example/1' })),
  );
  await grid.runUntilQuiet(900, 6_000);
  const [letter, ...more] = await send();
  expect(more).toEqual([]);
  expect(letter?.to).toEqual(['p2@example.org']);
  expect(letter?.headers['subject']).toMatch(/^\[.+\] q1: lab\/p2 2 breaks one$/);
  const text = letter?.text ?? '';
  expect(text).toMatch(/^lab\/p2 2 breaks one$/m);
  expect(text).toMatch(/^Change: {3}lab\/p2 1 -> 2\n {10}p2 2, by Ann\n {10}https:\/\/x\.example\/1$/m);
  expect(text).toMatch(/^Held: {5}lab\/p2 at 1, until a newer version passes$/m);
  expect(text).toMatch(/^ {2}probability {2}(over )?0\.99\d+$/m);
  expect(text).toMatch(/^ {2}with it {6}(\d+) of \1 were bad \(r\d+/m);
  expect(text).toMatch(/^ {2}without it {3}0 of \d+ were bad \(r\d+/m);
  expect(text).toMatch(/^ {2}testyard logs r\d+ /m);
  expect(text).toMatch(/^ {2}sudo apt-get install --allow-downgrades p2=2 && testyard run one\.sh /m);
  expect(text).toMatch(/^ {2}sudo apt-get install --allow-downgrades p2=1 && testyard run one\.sh /m);
  expect(text).toMatch(/^ {2}testyard answer q1 not-mine$/m);

  const links = [
    ...text.matchAll(/https:\/\/grid\.example\.org\/answers\/u(\d+)\?answer=(\w+)&expires=(\d+)&seal=(\w+)/g),
  ];
  expect(links.map(([, , answer]) => answer)).toEqual(['not_mine', 'fixed_in', 'snoozed']);
  for (const [, accusation = '', answer, expires, seal = ''] of links)
    expect(isSealed({ accusation, answer: answer as 'not_mine', expires: Number(expires) }, seal, KEY)).toBe(
      true,
    );

  const [accusation] = await accusationsIn(store, 'all', '1');
  if (accusation === undefined) throw new Error('nobody is accused');
  await store.transaction((tx) => giveAnswer(tx, accusation, { kind: 'not_mine', why: '' }, 'p2'));
  const [correction, ...others] = await send();
  expect(others).toEqual([]);
  expect(correction?.headers).toHaveProperty('in-reply-to');
  expect(correction?.text).toMatch(/^This is withdrawn: that lab\/p2 2 did it; p2 says that it did not\./);
  if (process.env['SHOW_LETTER'] !== undefined) process.stdout.write(`${text}\n----\n${correction?.text}\n`);
});

it('names both of a pair, installs both, and says what is held back with it', async () => {
  const isPair = (piece: Piece) => isOwn(piece) && has(piece, 'p2', '2') && has(piece, 'p3', '2');
  grid = await openChanging(changing([...PACKAGES, 'p4'], 5, ['one']), (piece) =>
    isPair(piece) ? { exit: 1 } : undefined,
  );
  const { store } = grid.sim;
  await store.rows(`UPDATE grid SET mail = mail || jsonb_build_object('smtp', $1::text)`, [server.url]);
  await store.rows(
    `UPDATE test SET spec = spec || '{"source": {"url": "https://x.example/t.git", "commit": "0", "path": "net/one.py"}}'`,
  );
  const needs = { depends: [{ package: 'p3', operator: '>=', version: '2' }] } as const;
  grid.arrive(
    10,
    [...PACKAGES, 'p4'].map((name) => arriving(name, '1')),
  );
  grid.arrive(600, [...PACKAGES.map((name) => arriving(name, '2')), arriving('p4', '2', needs)]);
  await grid.runUntilQuiet(900, 9_000);
  const both = await send();
  expect(both.map(({ to }) => to[0]).sort()).toEqual(['p2@example.org', 'p3@example.org']);
  for (const { text } of both) {
    expect(text).toMatch(/^Change: {3}lab\/p3 1 -> 2\n {10}p3 2\nWith: {5}lab\/p2 1 -> 2\n {10}p2 2\n/m);
    expect(text).toMatch(/^ {10}Each of the two does no harm without the other\.$/m);
    expect(text).toMatch(/^Held: {5}lab\/p3 at 1, until .*\n {10}with it lab\/p4 2: it needs p3 \(>= 2\)$/m);
    const put = 'sudo apt-get install --allow-downgrades p2=2';
    expect(text).toContain(`  ${put} p3=2 && testyard run one.py  on a machine of yours: with both`);
    expect(text).toContain(`  ${put} p3=1 && testyard run one.py  and without it`);
  }
});

it('says of a branch how to find it at home with what the steps do that bring it to hosts', async () => {
  const inventory = changing([], 5, ['one']);
  const [step] = inventory.steps;
  if (step === undefined) throw new Error('there is a step');
  const commit = (n: number) => String(n).repeat(40);
  const git = { url: 'https://git.example.org/a.git', ref: 'main', submodules: false, component: 'lab' };
  const action = { kind: 'build', git, into: '/srv/a', recipe: 'make "$OUT"', on: 'host' } as const;
  grid = await openChanging(
    { ...inventory, steps: [{ ...step, action }] },
    (piece) => (isOwn(piece) && piece.host.versionOf('lab') === commit(2) ? { exit: 1 } : undefined),
    { place: { kind: 'git', url: git.url, branch: 'main' } },
  );
  const { store } = grid.sim;
  await store.rows(`UPDATE grid SET mail = mail || jsonb_build_object('smtp', $1::text)`, [server.url]);
  const at = (n: number) => ({
    component: 'lab',
    version: commit(n),
    owner: 'a@example.org',
    title: 't',
    facts: {},
  });
  grid.arrive(10, [at(0)]);
  grid.arrive(600, [at(1), at(2)]);
  await grid.runUntilQuiet(900, 6_000);
  const [letter] = await send();
  const between = { good: commit(1), bad: commit(2) };
  const command = bisectCommand(between, 'one.sh', [{ into: '/srv/a', recipe: 'make "$OUT"' }]);
  expect(letter?.text).toContain(`  ${command}  in a clone of it (one.sh is your copy of the test, and what`);
});

it("tells a test's owner once a week that it fails now and then in any state", async () => {
  const roll = dice(7);
  const inventory = changing(PACKAGES, 6, ['one', 'two']);
  const tests = inventory.tests.map((test) => ({ ...test, owner: 'tom@example.org' }));
  grid = await openChanging({ ...inventory, tests }, (piece) =>
    piece.what === 'test' && piece.assignment.test.name === 'one' && roll() < 0.25 ? { exit: 1 } : undefined,
  );
  const { store } = grid.sim;
  await store.rows(`UPDATE grid SET mail = mail || jsonb_build_object('smtp', $1::text)`, [server.url]);
  for (let version = 1; version <= 4; version++)
    grid.arrive(
      version === 1 ? 10 : 3_000 * version,
      PACKAGES.map((name) => arriving(name, `${version}`)),
    );
  await grid.sim.run({ untilS: 20_000 });
  const flaky = await store.rows(`SELECT 1 FROM search WHERE value->'conclusion'->>'kind' = 'flaky'`);
  expect(flaky.length).toBeGreaterThan(1);
  expect(await send()).toEqual([]);
  const lines = await store.rows<{ due: Date }>(
    `SELECT due_at AS due FROM message WHERE topic = 'flaky: one' AND recipient = 'tom@example.org'`,
  );
  // The first of January 2026 is a Thursday.
  expect(lines.map(({ due }) => due.toISOString())).toEqual(['2026-01-05T07:00:00.000Z']);
  await store.rows(`UPDATE message SET due_at = grid_now() WHERE topic = 'flaky: one'`);
  const [letter] = await send();
  expect(letter?.to).toEqual(['tom@example.org']);
  expect(letter?.text).toMatch(/ q\d+ {2}test one fails now and then in any state, about \d+ % of the time/);
});
