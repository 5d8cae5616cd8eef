import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** What is at an address did not come, or is not taken; the message says why, without the address. */
export class NotDownloaded extends Error {
  override readonly name = 'NotDownloaded';
}

/** How much is taken, and how long somebody waits for all of it. */
export interface DownloadLimits {
  readonly mostBytes: number;
  readonly patienceMs: number;
}

const MOST_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];

/** Whether a text is an address of the web; of others that have a scheme too nothing is fetched. */
export function isWebAddress(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/** Writes what is at an address to a file. Throws `NotDownloaded`. */
export async function download(address: string, file: string, limits: DownloadLimits): Promise<void> {
  const signal = AbortSignal.timeout(limits.patienceMs);
  try {
    const response = await answerOf(address, signal);
    const length = Number(response.headers.get('content-length') ?? 0);
    if (length > limits.mostBytes) throw new NotDownloaded(tooMuch(limits));
    if (response.body === null) throw new NotDownloaded('the answer is empty');
    await pipeline(
      Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]),
      atMost(limits),
      createWriteStream(file, { mode: 0o600 }),
    );
  } catch (error) {
    if (error instanceof NotDownloaded) throw error;
    if (signal.aborted) throw new NotDownloaded(`it did not come within ${limits.patienceMs / 1000} s`);
    const cause = (error as Error).cause;
    throw new NotDownloaded(cause instanceof Error && cause.message !== '' ? cause.message : String(error));
  }
}

/** The answer at the end of all redirections. */
async function answerOf(address: string, signal: AbortSignal): Promise<Response> {
  let at = new URL(address);
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const response = await fetch(at, { redirect: 'manual', signal });
    const to = REDIRECTS.includes(response.status) ? response.headers.get('location') : null;
    if (to === null) {
      if (response.ok) return response;
      await response.body?.cancel();
      throw new NotDownloaded(`the answer is ${response.status} ${response.statusText}`.trimEnd());
    }
    await response.body?.cancel();
    at = redirected(at, to);
  }
  throw new NotDownloaded(`it is redirected more than ${MOST_REDIRECTS} times`);
}

function redirected(from: URL, to: string): URL {
  if (!URL.canParse(to, from.href)) throw new NotDownloaded('it is redirected to what is no URL');
  const at = new URL(to, from);
  if (!isWebAddress(at.href))
    throw new NotDownloaded(`it is redirected to ${at.protocol}, not http or https`);
  // Whoever asked for https trusts nobody on the way.
  if (from.protocol === 'https:' && at.protocol === 'http:')
    throw new NotDownloaded(`it is redirected from https to plain http (${at.host})`);
  if (at.username !== '' || at.password !== '')
    throw new NotDownloaded('it is redirected to a URL with a user and password');
  return at;
}

function atMost(limits: DownloadLimits) {
  return async function* (chunks: AsyncIterable<Uint8Array>) {
    let bytes = 0;
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > limits.mostBytes) throw new NotDownloaded(tooMuch(limits));
      yield chunk;
    }
  };
}

function tooMuch({ mostBytes }: DownloadLimits): string {
  return `it has more than ${mostBytes / 1024 / 1024} MiB, the most that is fetched`;
}
