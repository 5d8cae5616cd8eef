import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkOpenPgp } from '../../src/adapters/openpgp.js';
import { checkSignature } from '../../src/adapters/signature.js';
import type { Signer } from '../../src/domain/watch.js';

const folder = mkdtempSync(path.join(tmpdir(), 'testyard-keys-'));
const at = (name: string) => path.join(folder, name);
const quiet = { stdio: ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore'] };
const gpg = (...args: string[]) =>
  execFileSync('gpg', ['--batch', '--yes', '--homedir', folder, ...args], quiet).toString();
const bytes = Buffer.from('what is signed\n');

/** A key of OpenPGP for somebody; `expires` as gpg takes it. */
function openPgp(name: string, expires = 'never', ...more: string[]): Signer {
  gpg(
    ...more,
    '--passphrase',
    '',
    '--quick-gen-key',
    `${name} <${name}@example.org>`,
    'ed25519',
    'sign',
    expires,
  );
  const [, fingerprint = ''] = /^fpr:+([0-9A-F]{40}):/m.exec(gpg('--with-colons', '--list-keys', name)) ?? [];
  return { name, by: { kind: 'openpgp', fingerprint, key: gpg('--armor', '--export', name) } };
}

function signedByGpg(name: string, ...more: string[]): string {
  return gpg(...more, '--local-user', name, '--armor', '--output', '-', '--detach-sign', at('file'));
}

function ssh(name: string): Signer {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', at(name)]);
  return { name, by: { kind: 'ssh', key: readFileSync(at(`${name}.pub`), 'utf8').trim() } };
}

function signedBySsh(name: string, namespace = 'testyard'): string {
  rmSync(at('file.sig'), { force: true });
  execFileSync('ssh-keygen', ['-q', '-Y', 'sign', '-n', namespace, '-f', at(name), at('file')], quiet);
  return readFileSync(at('file.sig'), 'utf8');
}

let ann: Signer;
let bob: Signer;
let eve: Signer;
let old: Signer;
let sue: Signer;
let mal: Signer;

beforeAll(() => {
  writeFileSync(at('file'), bytes);
  [ann, bob, eve] = [openPgp('ann'), openPgp('bob'), openPgp('eve')];
  old = openPgp('old', 'seconds=60', '--faked-system-time', '20200101T000000');
  [sue, mal] = [ssh('sue'), ssh('mal')];
}, 60_000);
afterAll(() => {
  execFileSync('gpgconf', ['--homedir', folder, '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
});

describe('the signature of a candidate', () => {
  it.each(['ann', 'bob'])('by OpenPGP of somebody who is trusted is his: %s', async (name) => {
    expect(await checkSignature([ann, bob, sue], bytes, signedByGpg(name))).toEqual({
      ok: true,
      signer: name,
    });
  });

  it('by SSH of somebody who is trusted is his', async () => {
    expect(await checkSignature([ann, mal, sue], bytes, signedBySsh('sue'))).toEqual({
      ok: true,
      signer: 'sue',
    });
  });

  it.each([
    ['there is none', () => undefined, /it is not signed; it takes a signature of ann or sue/],
    ['it is something else', () => 'signed, ann', /none of OpenPGP or SSH/],
    [
      'OpenPGP: nobody knows the key',
      () => signedByGpg('eve'),
      /nobody here knows the key [0-9A-F]+ .*ann or sue/,
    ],
    ['SSH: nobody knows the key', () => signedBySsh('mal'), /nobody here knows the key that signed it/],
    [
      'SSH: it was made for something else',
      () => signedBySsh('sue', 'file'),
      /something else than 'testyard'/,
    ],
    [
      'OpenPGP: it is cut',
      () => signedByGpg('ann').slice(0, 120),
      /there is no OpenPGP signature|was changed/,
    ],
    ['SSH: it is cut', () => signedBySsh('sue').slice(0, 120), /does not fit/],
    [
      'OpenPGP: a good one stands beside that of a stranger',
      () => signedByGpg('ann', '--local-user', 'eve'),
      /nobody here knows the key/,
    ],
  ])('is refused where %s', async (_, signature, why) => {
    expect(await checkSignature([ann, sue], bytes, signature())).toEqual({
      ok: false,
      why: expect.stringMatching(why),
    });
  });

  it.each(['ann', 'sue'])('is refused where the file was changed since %s signed it', async (name) => {
    const signature = name === 'sue' ? signedBySsh(name) : signedByGpg(name);
    expect(await checkSignature([ann, sue], Buffer.concat([bytes, Buffer.from('x')]), signature)).toEqual({
      ok: false,
      why: expect.stringMatching(/it was changed since it was signed/),
    });
  });

  it('is refused where the key has expired', async () => {
    const signature = signedByGpg('old', '--faked-system-time', '20200101T000010');
    expect(await checkSignature([old], bytes, signature)).toEqual({
      ok: false,
      why: expect.stringMatching(/the key that signed it has expired/),
    });
  });

  it('is refused where the signature has expired', async () => {
    const fake = ['--faked-system-time', '20300101T000000', '--default-sig-expire', 'seconds=10'];
    const past = ['--faked-system-time', `${new Date().getUTCFullYear()}0101T000000`, ...fake.slice(2)];
    const pat = openPgp('pat', 'never', ...past.slice(0, 2));
    expect(await checkSignature([pat], bytes, signedByGpg('pat', ...past))).toEqual({
      ok: false,
      why: expect.stringMatching(/the signature has expired/),
    });
  });

  it('is refused where the key is not the one of the fingerprint', async () => {
    if (eve.by.kind !== 'openpgp' || ann.by.kind !== 'openpgp') throw new Error('they have keys of OpenPGP');
    const swapped: Signer = { name: 'ann', by: { ...ann.by, key: eve.by.key } };
    expect(await checkSignature([swapped], bytes, signedByGpg('eve'))).toEqual({
      ok: false,
      why: expect.stringMatching(/signed by the key [0-9A-F]{40}, which is trusted for nothing here/),
    });
  });
});

describe('a text with its signature around it', () => {
  it('is what was signed, and nothing around it', async () => {
    const signed = Buffer.from(
      `before\n${gpg('--local-user', 'ann', '--output', '-', '--clearsign', at('file'))}after\n`,
    );
    const keys = ann.by.kind === 'openpgp' ? [ann.by.key] : [];
    const answer = await checkOpenPgp({ keys, signed });
    expect(answer).toMatchObject({ ok: true });
    expect(answer.ok && answer.text.toString()).toBe('what is signed\n');
  });

  it('may bear those of strangers where that is said, but one of somebody who is trusted', async () => {
    const both = gpg(
      '--local-user',
      'ann',
      '--local-user',
      'eve',
      '--output',
      '-',
      '--clearsign',
      at('file'),
    );
    const keys = ann.by.kind === 'openpgp' ? [ann.by.key] : [];
    const question = { keys, signed: Buffer.from(both) };
    expect(await checkOpenPgp(question)).toMatchObject({ ok: false });
    expect(await checkOpenPgp({ ...question, strangersToo: true })).toMatchObject({ ok: true });
    const alone = gpg('--local-user', 'eve', '--output', '-', '--clearsign', at('file'));
    expect(await checkOpenPgp({ keys, signed: Buffer.from(alone), strangersToo: true })).toMatchObject({
      ok: false,
    });
  });
});
