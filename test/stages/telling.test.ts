import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Smtp } from '../../src/adapters/smtp.js';
import { SignedWebHooks } from '../../src/adapters/web-hook.js';
import type { GridSpec } from '../../src/domain/inventory.js';
import { Sender } from '../../src/stages/send.js';
import { findIncident } from '../../src/store/incident.js';
import { MailServer, type Received } from '../mail-server.js';
import { aHost, aStep, aTag, aTest, exit, lostIn, TestGrid } from './test-grid.js';

let grid: TestGrid;
let server: MailServer;
const logged: string[] = [];
beforeAll(async () => {
  server = await MailServer.start();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.letters.length = 0;
  server.refuse = undefined;
  server.onLetter = () => {};
});
afterEach(() => grid.close());

const PEOPLE = {
  'the-admin': 'admin@example.org',
  'one-owner': 'one@example.org',
  'make-svc-owner': 'svc@example.org',
  'bad-owner': 'bad@example.org',
};

/** A grid that mails, with these parts. */
const open = async (parts: Parameters<typeof TestGrid.open>[0] = {}, more: Partial<GridSpec> = {}) => {
  grid = await TestGrid.open(parts);
  const mail = { smtp: server.url, from: 'testyard@lab.example.org', digest: 'daily' } as const;
  await grid.declare({ grid: { ...grid.inventory.grid, people: PEOPLE, mail, ...more } });
  return grid;
};
const send = async () => {
  const ways = { mailer: new Smtp(), webHooks: new SignedWebHooks() };
  await new Sender(grid.store, ways, (line) => logged.push(line)).send();
  return server.letters.splice(0);
};
const kinds = async (subject: string) => (await grid.history(subject)).map(({ kind }) => kind);
const told = (letters: readonly Received[]) => letters.map(({ to, text }) => [...to, text.split('\n')[0]]);

/** All canaries and checks that are there come back with this. */
const canaries = async (outcome: Parameters<TestGrid['end']>[1]) => {
  await grid.beat();
  for (const one of await grid.takeCanaries()) await grid.end(one, outcome);
};

/** A run loses its host, the canary too: the host is quarantined. */
const hostGoesBad = async () => {
  const [run = ''] = await grid.submit('plain', { targets: [{ host: 'one' }] });
  await grid.end(await grid.takeRun(run), lostIn('connect'));
  await canaries(exit(1));
};

const broken = {
  kind: 'chain_failed',
  step: 'make-svc',
  layer: 'use',
  result: 'failed',
  message: 'no such\r\nBcc: everybody@example.org\r\n\r\nservice \u001b[31m',
} as const;
const withStep = {
  tags: [aTag('svc')],
  steps: [aStep('make-svc', 'svc')],
  tests: [aTest('needs-svc', { requirement: 'svc' }), aTest('plain')],
  hosts: [aHost('one'), aHost('two')],
};
const stepBreaks = async () => {
  for (const name of ['one', 'two']) grid.sees.set(name, { svc: 'absent' });
  await grid.lookAtHosts();
  const [run = ''] = await grid.submit('needs-svc', { targets: [{ host: 'one' }] });
  await grid.end(await grid.takeRun(run), broken);
  await canaries(exit(0));
  // Only now is it certain: it fails on another host too.
  await canaries(broken);
  return run;
};

describe('the owner', () => {
  it('of a host is told once it is confirmed, in one thread to its end', async () => {
    await open();
    await hostGoesBad();
    const [first, ...more] = await send();
    expect(more).toEqual([]);
    expect(first?.to).toEqual(['one@example.org']);
    expect(first?.headers).toMatchObject({
      subject: expect.stringMatching(/^\[test grid\] i1: host one: /),
      'auto-submitted': 'auto-generated',
      'x-auto-response-suppress': 'All',
      'reply-to': 'admin@example.org',
      from: 'Testyard <testyard@lab.example.org>',
      'list-id': '<test-grid.testyard.lab.example.org>',
      'x-testyard-thread': 'i1',
    });
    expect(first?.headers).not.toHaveProperty('in-reply-to');
    expect(first?.text).toMatch(/^Where: {4}host one$/m);
    expect(first?.text).toMatch(/^Since: {4}2026-01-01 00:00 UTC$/m);
    expect(first?.text).toMatch(/^Health: {3}quarantined: two different pieces of work failed there/m);
    expect(first?.text).toMatch(/canary on one \(r\d+\) failed: the canary failed/);
    expect(first?.text).toMatch(/testyard maintenance one --why/);
    // It works again: the thread ends.
    await grid.pass(3600);
    await canaries(exit(0));
    const [last, ...others] = await send();
    expect(others).toEqual([]);
    expect(last?.to).toEqual(['one@example.org']);
    expect(last?.text).toMatch(/^This is over: a canary works there again/);
    const { 'message-id': id = '', subject = '' } = first?.headers ?? {};
    expect(last?.headers).toMatchObject({ 'in-reply-to': id, references: id, subject: `Re: ${subject}` });
    expect(await kinds('i1')).toEqual([
      ...['incident.opened', 'owner.told', 'message.sent', 'incident.closed', 'message.sent'],
    ]);
  });

  it('is not told of a suspicion that is over by itself, which history says; his digest does', async () => {
    await open();
    const [run = ''] = await grid.submit('plain', { targets: [{ host: 'one' }] });
    await grid.end(await grid.takeRun(run), lostIn('connect'));
    await canaries(exit(0));
    expect(await send()).toEqual([]);
    expect(await kinds('i1')).toEqual(['incident.opened', 'incident.closed', 'owner.not_told']);
    await grid.pass(6 * 3600 + 3599);
    expect(await send()).toEqual([]);
    await grid.pass(1);
    const [digest, ...more] = await send();
    expect(more).toEqual([]);
    expect(digest?.to).toEqual(['one@example.org']);
    expect(digest?.headers['subject']).toBe('[test grid] digest of 2026-01-01');
    expect(digest?.text).toMatch(
      /^2026-01-01 00:00 UTC {2}i1 {2}host one: .* over by itself \(a canary works/m,
    );
    expect(await send()).toEqual([]);
  });

  it('of a step is told of what broke, who waits for it and when it is looked at again; nobody else is', async () => {
    await open(withStep);
    const run = await stepBreaks();
    const [first, ...more] = await send();
    expect(more).toEqual([]);
    expect(first?.to).toEqual(['svc@example.org']);
    expect(first?.text).toMatch(
      new RegExp(`It holds 1 run: r${run}\\. It goes on by itself when it is over\\.`),
    );
    expect(first?.text).toMatch(/is checked by itself, next at 2026-01-01 00:00 UTC/);
  });

  it('gets no header and no line from what a host prints', async () => {
    await open(withStep);
    await stepBreaks();
    const [letter] = await send();
    expect(letter?.to).toEqual(['svc@example.org']);
    expect(letter?.headers).not.toHaveProperty('bcc');
    expect(letter?.text).not.toMatch(/^Bcc/m);
    expect(letter?.text).not.toContain('\u001b');
    expect(letter?.text).toMatch(/no such Bcc: everybody@example\.org service/);
  });

  it('without an address has the admin told in his place, who reads why', async () => {
    await open({}, { people: { 'the-admin': 'admin@example.org' } });
    await hostGoesBad();
    const [letter] = await send();
    expect(letter?.to).toEqual(['admin@example.org']);
    expect(letter?.text).toMatch(/^Why you: {2}one-owner has no address in the inventory/m);
  });

  it('whose address the server refuses for good has the admin told in his place', async () => {
    await open();
    await hostGoesBad();
    server.refuse = (address) => (address.startsWith('one@') ? 'no such user' : undefined);
    const letters = await send();
    expect(told(letters)).toEqual([['admin@example.org', expect.stringMatching(/^host one/)]]);
    expect(await kinds('i1')).toContain('message.given_up');
  });
});

describe('admins', () => {
  it('are told of a halt and of its end, who was blamed wrongly that he was: within one thread', async () => {
    await open({ ...withStep, halt: { step: 'grid' } }, { halt: { step: 'grid' } });
    await stepBreaks();
    const letters = (await send()).sort((a, b) => (a.to.join() < b.to.join() ? -1 : 1));
    expect(told(letters)).toEqual([
      ['admin@example.org', expect.stringMatching(/^Nothing more is started: grid: halted by policy/)],
      ['svc@example.org', expect.stringMatching(/^step make-svc is broken/)],
    ]);
    const root = letters[1]?.headers['message-id'];
    expect(letters[0]?.headers).toMatchObject({ references: root });
    // The step works on another host, and where it failed first it fails again: it was that one host's after all.
    await grid.pass(3600);
    await canaries(exit(0));
    await canaries(broken);
    const ends = await send();
    // Whose host it now may be is told once the step has failed there again.
    expect(told(ends).sort()).toEqual([
      ['admin@example.org', expect.stringMatching(/^Work goes on: grid: i\d+ is over/)],
      ['svc@example.org', expect.stringMatching(/^This is not yours after all: .* You need do nothing/)],
    ]);
    for (const { headers } of ends) expect(headers['references']).toBe(root);
  });
});

describe('who submits', () => {
  it('is never told of the infrastructure, and of the end of a submission only where he asked for it', async () => {
    await open({ tests: [aTest('plain'), aTest('bad', { owner: 'bad-owner' })] });
    const [good = '', bad = ''] = await grid.submit(['plain', 'bad'], { actor: 'tester@example.org' });
    await grid.store.rows(`UPDATE submission SET mail_to = 'tester@example.org', name = 'nightly'`);
    await grid.end(await grid.takeRun(good), exit(0));
    expect(await send()).toEqual([]);
    await grid.end(await grid.takeRun(bad), exit(3));
    for (const again of await grid.take()) await grid.end(again, exit(3));
    const [letter, ...more] = await send();
    expect(more).toEqual([]);
    expect(letter?.to).toEqual(['tester@example.org']);
    expect(letter?.text).toMatch(/^s\d+ \(nightly\): 2 runs, 1 passed, 1 failed$/m);
    expect(letter?.text).toMatch(new RegExp(`^New red \\(1\\)\\n {2}r${bad} {2}bad`, 'm'));
    expect(await send()).toEqual([]);
  });
});

describe('the outbox', () => {
  it('holds what could not be sent, and sends it later, in order and once', async () => {
    await open();
    await hostGoesBad();
    server.onLetter = () => {
      throw Object.assign(new Error('come again'), { responseCode: 451 });
    };
    expect(await send()).toEqual([]);
    await grid.pass(3600);
    await canaries(exit(0));
    expect(await send()).toEqual([]);
    server.onLetter = () => {};
    expect(await send()).toEqual([]);
    await grid.pass(3600);
    expect(told(await send())).toEqual([
      ['one@example.org', expect.stringMatching(/^host one/)],
      ['one@example.org', expect.stringMatching(/^This is over/)],
    ]);
    await grid.pass(6 * 86_400);
    expect(await send()).toEqual([]);
  });

  it('is written with the decision: what is rolled back is not told', async () => {
    await open();
    await hostGoesBad();
    const count = async () =>
      (await grid.store.rows<{ n: string }>('SELECT count(*) AS n FROM message'))[0]?.n;
    const before = await count();
    const { tellOwner } = await import('../../src/store/blaming.js');
    await expect(
      grid.store.transaction(async (tx) => {
        await tellOwner(tx, '1', { scope: 'host', owner: 'one-owner', title: 'again' });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await count()).toBe(before);
  });

  it('loses nothing when the sender is killed in the middle of a letter, and makes no second thread', async () => {
    await open();
    await hostGoesBad();
    const seen: Received[] = [];
    const isThere = new Promise<void>((resolve) => {
      server.onLetter = (letter) => {
        seen.push(letter);
        resolve();
        return new Promise(() => {});
      };
    });
    const child = spawn(process.execPath, ['--import', 'tsx', 'test/stages/a-sender.ts', grid.url]);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await isThere;
    child.kill('SIGKILL');
    await ended;
    server.onLetter = () => {};
    // Whoever had it may still be at it: only later is it tried again.
    expect(await send()).toEqual([]);
    await grid.pass(301);
    const [again, ...more] = await send();
    expect(more).toEqual([]);
    expect(again?.headers['message-id']).toBe(seen[0]?.headers['message-id']);
    expect(await send()).toEqual([]);
  }, 60_000);

  it('is for web hooks too, which are told what people are', async () => {
    const bodies: { event: string; thread: string; incident: { host: string } }[] = [];
    const listener = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
        response.writeHead(bodies.length === 1 ? 500 : 204).end();
      });
    });
    await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    process.env['TESTYARD_TEST_SECRET'] = 'x';
    const url = `http://127.0.0.1:${port}/`;
    const chat = { url, secret: { env: 'TESTYARD_TEST_SECRET' }, allow: ['127.0.0.1'] };
    await open({}, { webHooks: { chat } });
    await hostGoesBad();
    await send();
    await grid.pass(40);
    await send();
    await grid.pass(3600);
    await canaries(exit(0));
    await send();
    listener.close();
    expect(bodies.map(({ event, thread, incident }) => [event, thread, incident.host])).toEqual([
      ['told', 'i1', 'one'],
      ['told', 'i1', 'one'],
      ['quarantined', 'i1', 'one'],
      ['closed', 'i1', 'one'],
    ]);
    const incident = await findIncident(grid.store, 'all', '1');
    expect(incident?.told).toMatchObject([
      { via: 'mail', to: 'one-owner', kind: 'told', tries: 1 },
      { via: 'web_hook', to: 'chat', kind: 'told', tries: 2 },
      { via: 'web_hook', to: 'chat', kind: 'quarantined', tries: 1 },
      { via: 'mail', to: 'one-owner', kind: 'closed', tries: 1 },
      { via: 'web_hook', to: 'chat', kind: 'closed', tries: 1 },
    ]);
    for (const one of incident?.told ?? []) expect(one.sentAt).toBeDefined();
  });

  it('stays empty where the inventory says nothing of mail', async () => {
    grid = await TestGrid.open();
    await hostGoesBad();
    expect(await grid.store.rows('SELECT FROM message')).toEqual([]);
  });
});
