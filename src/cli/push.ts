import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { digestOf } from './artefact.js';
import { Failure } from './failure.js';
import { size } from './screen.js';
import type { Setting } from './setting.js';

/** Of what it is a version, and where its signature is. */
export interface PushOptions {
  readonly component: string;
  readonly signature?: string;
  readonly project?: string;
}

/** Where signatures lie beside a file, as gpg and ssh-keygen write them. */
const BESIDE = ['.asc', '.sig'];

/** Puts a candidate before the grid: a package, or a commit of the repository that is watched. */
export async function push(setting: Setting, what: string, options: PushOptions): Promise<number> {
  const { client, screen, json } = setting;
  const { component, project } = options;
  const isCommit = !existsSync(what) && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(what);
  if (!isCommit && !existsSync(what))
    throw new Failure(`there is no file ${what}; a commit is named in full, with all its 40 digits`);
  if (isCommit && options.signature !== undefined)
    throw new Failure('a commit carries its own signature: git commit -S');
  const signature = isCommit ? undefined : await signatureOf(what, options.signature);
  const candidate = isCommit ? { commit: what } : { blob: await upload(setting, what) };
  const made = await client.pushChange({
    component,
    ...candidate,
    ...(signature === undefined ? {} : { signature }),
    ...(project === undefined ? {} : { project }),
  });
  if (json) screen.json(made);
  else screen.line(`${made.id}: ${made.component} ${made.version} (${made.why})`);
  return 0;
}

async function upload({ client, screen }: Setting, file: string): Promise<string> {
  const { digest, bytes } = await digestOf(file);
  const sent = (count: number) => screen.status(`${size(count)} of ${size(bytes)} uploaded`);
  await client.upload(() => createReadStream(file), digest, bytes, sent);
  screen.clearStatus();
  return digest;
}

/** The signature that is named, or lies beside the file; undefined: there is none, and the grid says whether it takes one. */
async function signatureOf(file: string, named: string | undefined): Promise<string | undefined> {
  const at = named ?? BESIDE.map((end) => `${file}${end}`).find((one) => existsSync(one));
  if (at === undefined) return undefined;
  const bytes = await readFile(at).catch((error: Error) => {
    throw new Failure(`the signature cannot be read: ${error.message}`);
  });
  const text = bytes.toString('utf8');
  if (!/^\s*-----BEGIN (?:PGP|SSH) SIGNATURE-----/.test(text))
    throw new Failure(
      `${at} is no signature that can be sent: make one with gpg --armor --detach-sign, or ssh-keygen -Y sign -n testyard`,
    );
  return text;
}
