import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { SubmissionRequest } from '../http/contract.js';
import type { Client } from './client.js';
import { Failure } from './failure.js';
import { type Screen, size } from './screen.js';

/** What is under test, as it was typed: somewhere, or in a file here. */
export type WantedArtefact =
  | { readonly name: string; readonly url: string }
  | { readonly name: string; readonly file: string };

/** Reads `name=url` or `name=path`; undefined where it is neither. */
export function artefactOf(text: string): WantedArtefact | undefined {
  const equals = text.indexOf('=');
  const [name, at] = [text.slice(0, equals).trim(), text.slice(equals + 1)];
  if (equals < 1 || at === '') return undefined;
  if (/^\.{0,2}\//.test(at) || existsSync(at)) return { name, file: at };
  return /^[a-z][a-z0-9+.-]*:/i.test(at) ? { name, url: at } : undefined;
}

/** A file's SHA-256 in hex, and its length. */
export async function digestOf(file: string): Promise<{ readonly digest: string; readonly bytes: number }> {
  const about = await stat(file).catch(() => undefined);
  if (!about?.isFile())
    throw new Failure(about === undefined ? `there is no file ${file}` : `${file} is no file`);
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(file)) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch (error) {
    throw new Failure(`${file} cannot be read: ${(error as Error).message}`);
  }
  return { digest: hash.digest('hex'), bytes };
}

/** The artefacts as a submission names them; those that are files are uploaded first. */
export async function uploaded(
  client: Client,
  screen: Screen,
  wanted: readonly WantedArtefact[],
): Promise<NonNullable<SubmissionRequest['artefacts']>> {
  const known = [];
  // All are looked at before the first is sent: a slip of the pen is told at once.
  for (const one of wanted) known.push('url' in one ? one : { ...one, ...(await digestOf(one.file)) });
  const artefacts = [];
  for (const one of known) {
    if ('url' in one) artefacts.push(one);
    else {
      const { name, file, digest, bytes } = one;
      const sent = (count: number) =>
        screen.status(`${name}: ${size(count)} of ${size(bytes)} uploaded (${percent(count, bytes)})`);
      await client.upload(() => createReadStream(file), digest, bytes, sent);
      screen.clearStatus();
      artefacts.push({ name, blob: digest });
    }
  }
  return artefacts;
}

function percent(part: number, whole: number): string {
  return `${whole === 0 ? 100 : Math.floor((part / whole) * 100)} %`;
}
