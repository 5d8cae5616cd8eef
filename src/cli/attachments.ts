import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { AttemptView, RunDetail } from '../http/contract.js';
import type { Client } from './client.js';
import { Failure } from './failure.js';
import { size } from './screen.js';
import type { Setting } from './setting.js';

/** Where they are to be put. */
export interface AttachmentsOptions {
  /** Undefined: they are listed only. */
  readonly to?: string;
}

type Attachment = AttemptView['attachments'][number];

/** What a run's tests and handlers left: a list, or the files themselves. */
export async function attachments(
  { client, screen, json }: Setting,
  id: string,
  { to }: AttachmentsOptions,
): Promise<number> {
  if (!/^r[1-9][0-9]*$/.test(id)) throw new Failure(`'${id}' is no run: runs are like r12`);
  const run = await client.run(id);
  const left = leftIn(run);
  if (to !== undefined) for (const one of left) await fetchTo(client, run.id, to, one);
  const file = (name: string) => (to === undefined ? {} : { file: path.join(to, name) });
  if (json) screen.json(left.map(({ at, attempt, attachment }) => ({ attempt, ...attachment, ...file(at) })));
  else if (left.length === 0) screen.note(`${id} left no files`);
  else
    screen.table(
      left.map(({ at, attachment }) => [to === undefined ? at : path.join(to, at), ...about(attachment)]),
    );
  return 0;
}

/** What is said of a file beside its name. */
export function about({ bytes, mediaType, case: ofCase, handler }: Attachment): readonly string[] {
  const whose = ofCase === undefined ? 'of the run' : `of case ${ofCase}`;
  return [size(bytes), mediaType, handler === undefined ? whose : `${whose}, by ${handler}`];
}

interface Left {
  readonly attempt: string;
  /** Where it goes below the folder: two may have the same name. */
  readonly at: string;
  readonly attachment: Attachment;
}

function leftIn({ attemptList }: RunDetail): readonly Left[] {
  return attemptList.flatMap(({ id, attachments: all }) =>
    all.map((attachment, index) => ({
      attempt: id,
      at: path.join(id, `${index + 1}-${safe(attachment.name)}`),
      attachment,
    })),
  );
}

/** A name that somebody else chose leads nowhere else here. */
function safe(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]+/g, '_').slice(0, 100);
}

async function fetchTo(client: Client, run: string, folder: string, { at, attachment }: Left): Promise<void> {
  const bytes = await client.attachment(run, attachment.digest);
  if (createHash('sha256').update(bytes).digest('hex') !== attachment.digest)
    throw new Failure(`${attachment.name} came damaged: its digest is not ${attachment.digest}`);
  const file = path.join(folder, at);
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, bytes, { flag: 'wx' });
  } catch (error) {
    const there = (error as NodeJS.ErrnoException).code === 'EEXIST';
    const why = there ? 'it is there already: name another folder' : (error as Error).message;
    throw new Failure(`${file} cannot be written (--to): ${why}`);
  }
}
