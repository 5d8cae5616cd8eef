import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runProgram } from './program.js';

/** What is to be checked. */
export interface OpenPgpQuestion {
  /** Public keys, armoured: each is trusted. */
  readonly keys: readonly string[];
  /** What was signed; without `signature` it holds a text with its signature around it. */
  readonly signed: Uint8Array;
  /** A signature beside it, armoured or not. */
  readonly signature?: Uint8Array;
  /** True: signatures of keys that nobody knows may stand beside good ones. */
  readonly strangersToo?: boolean;
}

/** What came of it. */
export type OpenPgpAnswer =
  /** By keys of these fingerprints (of the key as a whole, not of its parts); `text` is what they signed. */
  | { readonly ok: true; readonly fingerprints: readonly string[]; readonly text: Buffer }
  | { readonly ok: false; readonly why: string };

/** What gpgv says of one signature, and what that means to people. */
const FLAWS: Readonly<Record<string, string>> = {
  BADSIG: 'the signature does not fit: it was changed since it was signed',
  EXPKEYSIG: 'the key that signed it has expired',
  EXPSIG: 'the signature has expired',
  REVKEYSIG: 'the key that signed it was revoked',
};

/** Checks an OpenPGP signature by gpgv, against these keys alone; by its exit code and the fingerprints that it names. */
export async function checkOpenPgp(question: OpenPgpQuestion): Promise<OpenPgpAnswer> {
  const { keys, signed, signature, strangersToo = false } = question;
  const folder = await mkdtemp(path.join(tmpdir(), 'testyard-gpgv-'));
  const at = (name: string) => path.join(folder, name);
  try {
    await writeFile(at('ring'), Buffer.concat(keys.map(dearmoured)));
    await writeFile(at('signed'), signed);
    if (signature !== undefined) await writeFile(at('signature'), signature);
    const what =
      signature === undefined ? ['--output', at('text'), at('signed')] : [at('signature'), at('signed')];
    const ended = await runProgram([
      ...(['gpgv', '--homedir', folder, '--status-fd', '1', '--keyring', at('ring'), ...what] as const),
    ]);
    const answer = judged(ended.out.toString('latin1'), ended, strangersToo);
    if (!answer.ok) return answer;
    const text = signature === undefined ? await readFile(at('text')) : Buffer.from(signed);
    return { ok: true, fingerprints: answer.fingerprints, text };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function judged(
  status: string,
  { code, words }: { readonly code: number | undefined; readonly words: string },
  strangersToo: boolean,
):
  | { readonly ok: true; readonly fingerprints: readonly string[] }
  | { readonly ok: false; readonly why: string } {
  const said = status
    .split('\n')
    .filter((line) => line.startsWith('[GNUPG:] '))
    .map((line) => line.split(' ').slice(1));
  const flaw = said.find(([word = '']) => Object.hasOwn(FLAWS, word))?.[0];
  if (flaw !== undefined) return { ok: false, why: FLAWS[flaw] ?? flaw };
  const good = said.filter(([word]) => word === 'GOODSIG').length;
  const valid = said.filter(([word]) => word === 'VALIDSIG').map((words) => words[10] ?? words[1] ?? '');
  const stranger = said.find(([word]) => word === 'NO_PUBKEY' || word === 'ERRSIG')?.[1];
  const isClean = code === 0 || (strangersToo && stranger !== undefined && code !== undefined);
  if (good > 0 && good === valid.length && isClean) return { ok: true, fingerprints: valid };
  if (stranger !== undefined)
    return { ok: false, why: `nobody here knows the key ${stranger} that signed it` };
  if (code === undefined) return { ok: false, why: words };
  return { ok: false, why: 'there is no OpenPGP signature' };
}

/** The bytes of an armoured key; its checksum is not needed, for gpgv looks at the key itself. */
function dearmoured(key: string): Buffer {
  const [, body = ''] =
    /-----BEGIN [^\n]*-----\r?\n(?:[^\n]+: [^\n]*\r?\n)*\r?\n([\s\S]*?)-----END/.exec(key) ?? [];
  return Buffer.from(body.replace(/^=[A-Za-z0-9+/]{4}\r?$/m, ''), 'base64');
}
