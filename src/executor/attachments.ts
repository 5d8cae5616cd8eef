import { basename } from 'node:path';
import { type AttemptEvent, LARGEST_ATTACHMENT_BYTES } from '../protocol/messages.js';
import { quote } from './wrapper.js';

type Attachment = Extract<AttemptEvent, { readonly kind: 'attachment' }>;

/** More files, or more bytes in all, are refused in one attempt. */
const MOST_FILES = 100;
const MOST_BYTES = 64 * 1024 * 1024;
/** So much is asked for at a time. */
const PIECE_BYTES = 2 * 1024 * 1024;

/** A file that somebody wants to leave. */
export interface NewAttachment {
  readonly name: string;
  readonly mediaType: string;
  readonly case: string | undefined;
  /** Undefined: the test itself. */
  readonly handler?: string;
}

/** Files that a test and its handlers leave: taken note of while it runs, brought here when it is over. */
export class Attachments {
  private readonly onHost: (NewAttachment & { readonly copy: string })[] = [];
  private seq = 0;
  private bytes = 0;

  constructor(
    private readonly role: string,
    /** Keeps bytes and gives their digest; rejects where the grid cannot be asked for long. */
    private readonly keep: (bytes: Buffer) => Promise<string>,
    private readonly emit: (event: AttemptEvent) => void,
  ) {}

  /** What a helper asks for: 'ok', or why not. */
  take([copy = '', file = '', mediaType = '', ofCase = '']: readonly string[]): string {
    if (!/^[0-9]+[.][0-9]+$/.test(copy)) return 'not understood';
    if (this.onHost.length >= MOST_FILES) return `more than ${MOST_FILES} files`;
    if (!/^[\w.+-]{1,60}[/][\w.+-]{1,60}$/.test(mediaType))
      return 'its type is no media type, as text/plain is';
    this.onHost.push({ copy, name: fileName(file), mediaType, case: caseName(ofCase) });
    return 'ok';
  }

  /** Brings what was left on the host; what cannot be brought is said in a file of its own. */
  async bring(ask: (script: string) => Promise<readonly string[] | undefined>): Promise<void> {
    for (const { copy, ...wanted } of this.onHost.splice(0)) {
      const bytes = await readCopy(copy, ask);
      const why = bytes === undefined ? 'it could not be read to its end' : await this.add(wanted, bytes);
      if (why !== undefined)
        await this.note(
          `${wanted.name}.missing.txt`,
          `'${wanted.name}' was left here and is missing: ${why}`,
        );
    }
  }

  /** A file that is here; why it is not taken, where it is not. */
  async add(wanted: NewAttachment, bytes: Buffer): Promise<string | undefined> {
    if (bytes.length > LARGEST_ATTACHMENT_BYTES) return `it has more than ${LARGEST_ATTACHMENT_BYTES} bytes`;
    if (this.bytes + bytes.length > MOST_BYTES)
      return `all files together have more than ${MOST_BYTES} bytes`;
    this.bytes += bytes.length;
    return await this.leave(wanted, bytes);
  }

  /** A word about something that went wrong beside the test: the less room there is, the more it is needed. */
  async note(name: string, text: string, handler?: string): Promise<void> {
    const who = handler === undefined ? {} : { handler };
    const bytes = Buffer.from(`${text}\n`);
    await this.leave({ name, mediaType: 'text/plain', case: undefined, ...who }, bytes);
  }

  private async leave(
    { name, mediaType, case: ofCase, handler }: NewAttachment,
    bytes: Buffer,
  ): Promise<string | undefined> {
    let digest: string;
    try {
      digest = await this.keep(bytes);
    } catch (error) {
      return `the grid did not keep it: ${(error as Error).message}`;
    }
    const event: Attachment = {
      ...{ kind: 'attachment', role: this.role, seq: ++this.seq, name: fileName(name), mediaType },
      ...{ digest, bytes: bytes.length },
      ...(ofCase === undefined ? {} : { case: ofCase }),
      ...(handler === undefined ? {} : { handler }),
    };
    this.emit(event);
    return undefined;
  }
}

/** A file's own name as one that leads nowhere else. */
function fileName(path: string): string {
  const name = basename(path)
    .replace(/[^A-Za-z0-9._-]+/g, '_')
    .replace(/^[.-]+/, '_')
    .slice(0, 100);
  return name === '' ? '_' : name;
}

function caseName(name: string): string | undefined {
  return name === '' ? undefined : name.slice(0, 500);
}

/** Piece by piece, since no answer is longer; undefined where one did not come. */
async function readCopy(
  copy: string,
  ask: (script: string) => Promise<readonly string[] | undefined>,
): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  for (let from = 0; from <= LARGEST_ATTACHMENT_BYTES; from += PIECE_BYTES) {
    const file = `"\${0%/.probe.*}/attached/"${quote(copy)}`;
    const script = `[ -f ${file} ] && echo there && tail -c +${from + 1} ${file} | head -c ${PIECE_BYTES} | base64`;
    const [there, ...lines] = (await ask(script)) ?? [];
    if (there !== 'there') return undefined;
    const piece = Buffer.from(lines.join(''), 'base64');
    pieces.push(piece);
    if (piece.length < PIECE_BYTES) return Buffer.concat(pieces);
  }
  return Buffer.concat(pieces);
}
