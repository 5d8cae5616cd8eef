import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Signer } from '../domain/watch.js';
import { checkOpenPgp } from './openpgp.js';
import { runProgram } from './program.js';

/** By whom something was signed, or why its signature is good for nothing. */
export type Signed =
  | { readonly ok: true; readonly signer: string }
  | { readonly ok: false; readonly why: string };

/** What signatures of files are made for, as `ssh-keygen -Y sign -n` wants it; those of commits are made for `git`. */
export const FILE_NAMESPACE = 'testyard';
/** See `FILE_NAMESPACE`. */
export const COMMIT_NAMESPACE = 'git';

const BEGINS = { openpgp: '-----BEGIN PGP SIGNATURE-----', ssh: '-----BEGIN SSH SIGNATURE-----' } as const;

/** Judges a signature beside a file by the keys of these signers: by exit codes and fingerprints, never by words. */
export async function checkSignature(
  signers: readonly Signer[],
  signed: Uint8Array,
  signature: string | undefined,
  namespace: string = FILE_NAMESPACE,
): Promise<Signed> {
  if (signature === undefined || signature.trim() === '')
    return { ok: false, why: `it is not signed; it takes a signature of ${names(signers)}` };
  const text = signature.trimStart();
  if (text.startsWith(BEGINS.openpgp)) return await byOpenPgp(signers, signed, text);
  if (text.startsWith(BEGINS.ssh)) return await bySsh(signers, signed, text, namespace);
  return {
    ok: false,
    why: `its signature is none of OpenPGP or SSH: it begins with ${BEGINS.openpgp} or ${BEGINS.ssh}`,
  };
}

async function byOpenPgp(signers: readonly Signer[], signed: Uint8Array, signature: string): Promise<Signed> {
  const known = signers.flatMap(({ name, by }) => (by.kind === 'openpgp' ? [{ name, ...by }] : []));
  const keys = known.map(({ key }) => key);
  const checked = await checkOpenPgp({ keys, signed, signature: Buffer.from(signature) });
  if (!checked.ok) return { ok: false, why: `${checked.why}; it takes a signature of ${names(signers)}` };
  // A key that stands in the inventory beside another fingerprint is not the one that was meant.
  const signer = known.find(({ fingerprint }) => checked.fingerprints.includes(fingerprint));
  if (signer !== undefined) return { ok: true, signer: signer.name };
  const [first = ''] = checked.fingerprints;
  return { ok: false, why: `it was signed by the key ${first}, which is trusted for nothing here` };
}

async function bySsh(
  signers: readonly Signer[],
  signed: Uint8Array,
  signature: string,
  namespace: string,
): Promise<Signed> {
  const folder = await mkdtemp(path.join(tmpdir(), 'testyard-ssh-'));
  const at = (name: string) => path.join(folder, name);
  const say = async (...args: readonly string[]) =>
    await runProgram(['ssh-keygen', '-Y', ...args, '-n', namespace, '-s', at('signature')], {
      input: signed,
    });
  try {
    await writeFile(at('signature'), signature);
    const known = signers.flatMap(({ name, by }) => (by.kind === 'ssh' ? [{ name, key: by.key }] : []));
    for (const { name, key } of known) {
      await writeFile(at('allowed'), `signer namespaces="${namespace}" ${key}\n`);
      const ended = await say('verify', '-f', at('allowed'), '-I', 'signer');
      if (ended.code === 0) return { ok: true, signer: name };
      if (ended.code === undefined) return { ok: false, why: ended.words };
    }
    const itself = await say('check-novalidate');
    return {
      ok: false,
      why:
        itself.code === 0
          ? `nobody here knows the key that signed it; it takes a signature of ${names(signers)}`
          : `the signature does not fit: it was changed since it was signed, or signed for something else than '${namespace}'`,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function names(signers: readonly Signer[]): string {
  return signers.map(({ name }) => name).join(' or ') || 'somebody whom the inventory names for it';
}
