import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { MailServer } from '../mail-server.js';

// Three times what it takes on a machine that has much else to do.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const run = promisify(execFile);
const letters = path.join(import.meta.dirname, 'send-letters.ts');
const from = 'testyard@lab.example.org';

let folder: string;
let starttls: MailServer;
let smtps: MailServer;
let bare: MailServer;
/** What servers were told of who sends, and whether that was said in the clear. */
const logins: { user: string; password: string; secure: boolean }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'testyard-smtp-test-'));
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=lab'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
  ]);
  const own = { key: await readFile(key), cert: await readFile(cert) };
  const onAuth: NonNullable<Parameters<typeof MailServer.start>[0]>['onAuth'] = (auth, session, done) => {
    const user = auth.username ?? '';
    logins.push({ user, password: auth.password ?? '', secure: session.secure });
    if (auth.password === 'right') done(null, { user });
    else done(Object.assign(new Error('wrong password'), { responseCode: 535 }));
  };
  const asked = { authOptional: false, onAuth };
  starttls = await MailServer.start({ ...own, ...asked, disabledCommands: [] });
  smtps = await MailServer.start({ ...own, ...asked, secure: true });
  bare = await MailServer.start({ ...asked, allowInsecureAuth: true, disabledCommands: ['STARTTLS'] });
  await writeFile(path.join(folder, 'right'), 'right\n');
  await writeFile(path.join(folder, 'wrong'), 'wrong\n');
});
afterAll(async () => {
  await Promise.all([starttls, smtps, bare].map((server) => server?.stop()));
  await rm(folder, { recursive: true, force: true });
});

const login = (smtp: string, password = 'right') => ({
  ...{ smtp, from, digest: 'daily', user: 'yard' },
  password: { file: path.join(folder, password) },
});
/** Sends a letter each way from a program that trusts the lab's own authority, or does not. */
const send = async (ways: readonly object[], isTrusted = true): Promise<readonly string[]> => {
  const { stdout } = await run(process.execPath, ['--import', 'tsx', letters, JSON.stringify(ways)], {
    env: { ...process.env, ...(isTrusted && { NODE_EXTRA_CA_CERTS: path.join(folder, 'cert.pem') }) },
  });
  return JSON.parse(stdout) as readonly string[];
};

it('says its password within TLS, from the first byte or once that is agreed on, and the letter is there', async () => {
  const secure = smtps.url.replace('smtp:', 'smtps:');
  expect(await send([login(starttls.url), login(secure)])).toEqual(['sent', 'sent']);
  expect(logins.splice(0)).toEqual([
    { user: 'yard', password: 'right', secure: true },
    { user: 'yard', password: 'right', secure: true },
  ]);
  for (const { letters } of [starttls, smtps])
    expect(letters.map(({ to, text }) => [...to, text])).toEqual([['ann@example.org', 'it is down\n']]);
});

it('says no password in the clear, nor to a server that nobody vouches for; the letter waits', async () => {
  const [clear] = await send([login(bare.url)]);
  expect(clear).toMatch(/^later: 127\.0\.0\.1: .*STARTTLS/);
  const [stranger] = await send([login(starttls.url)], false);
  expect(stranger).toMatch(/^later: 127\.0\.0\.1: .*self-signed certificate/);
  expect(logins).toEqual([]);
  expect(bare.letters).toEqual([]);
});

it('keeps letters while its password is wrong, or none is said where one is wanted', async () => {
  const { user: _, password: __, ...nobody } = login(bare.url);
  const [wrong, without] = await send([login(starttls.url, 'wrong'), nobody]);
  expect(wrong).toMatch(/^later: 127\.0\.0\.1: .*535 wrong password/);
  expect(without).toMatch(/^later: 127\.0\.0\.1: .*530/);
  logins.splice(0);
});

it('gives up a letter that is refused for its recipient', async () => {
  starttls.refuse = () => 'nobody of that name';
  const [refused] = await send([login(starttls.url)]);
  expect(refused).toMatch(/^never: 127\.0\.0\.1: .*550 nobody of that name/);
});
