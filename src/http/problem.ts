import { STATUS_CODES } from 'node:http';
import { LeaseDead } from '../protocol/terms.js';
import { isOutage } from '../store/outage.js';
import type { Problem } from './contract.js';

/** One mistake in what was sent. */
export type Mistake = NonNullable<Problem['errors']>[number];

/** A request that is answered with an error; the message is for whoever asked. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly status: number,
    /** The last word of the problem's type: `not-found`. */
    readonly kind: string,
    detail: string,
    readonly more: {
      readonly errors?: readonly Mistake[];
      readonly headers?: Readonly<Record<string, string>>;
      /** The same in HTML, for whoever asks for pages. */
      readonly page?: string;
    } = {},
  ) {
    super(detail);
  }
}

/** 400: it cannot be read. */
export const unreadable = (detail: string, errors?: readonly Mistake[]) =>
  new Refusal(400, 'unreadable', detail, errors === undefined ? {} : { errors });

/** 401: no token, or one that is good for nothing. */
export const unauthorized = (detail: string) =>
  new Refusal(401, 'unauthorized', detail, { headers: { 'www-authenticate': 'Bearer realm="testyard"' } });

/** 403: it may be seen, and more would need another role. */
export const forbidden = (detail: string) => new Refusal(403, 'forbidden', detail);

/** 404: it is not there, or may not be seen; nobody can tell which. */
export const notFound = (what: string) =>
  new Refusal(404, 'not-found', `There is no ${what}, or none that this token may see`);

/** 409: not in the state it is in. */
export const conflict = (detail: string) => new Refusal(409, 'conflict', detail);

/** 422: it can be read and is not right. */
export const unprocessable = (detail: string, errors?: readonly Mistake[]) =>
  new Refusal(422, 'unprocessable', detail, errors === undefined ? {} : { errors });

/** 503: try again in a moment. */
export const unavailable = (detail: string) =>
  new Refusal(503, 'unavailable', detail, { headers: { 'retry-after': '2' } });

/** Any failure of a request as the refusal that is sent; `unexpected` says that somebody should look at it. */
export function refusalOf(error: unknown): { readonly refusal: Refusal; readonly unexpected: boolean } {
  if (error instanceof Refusal) return { refusal: error, unexpected: false };
  if (error instanceof LeaseDead) {
    return { refusal: new Refusal(409, 'lease-dead', error.message), unexpected: false };
  }
  if (isOutage(error)) {
    return { refusal: unavailable('The database does not answer just now: try again'), unexpected: true };
  }
  const { statusCode, status, cause } = error as { statusCode?: number; status?: number; cause?: unknown };
  const code = statusCode ?? status ?? (cause as { statusCode?: number } | undefined)?.statusCode;
  if (error instanceof Error && code !== undefined && code >= 400 && code < 500) {
    return { refusal: new Refusal(code, wordOf(code), spoken(code, error.message)), unexpected: false };
  }
  return {
    refusal: new Refusal(500, 'internal', 'Something went wrong on our side; it has been written to the log'),
    unexpected: true,
  };
}

const MOST_CHARACTERS = 2000;

/** The body of a refusal, as application/problem+json. */
export function problemOf(refusal: Refusal): Problem {
  return {
    type: `/problems/${refusal.kind}`,
    title: STATUS_CODES[refusal.status] ?? 'Error',
    status: refusal.status,
    detail: legible(refusal.message),
    ...(refusal.more.errors === undefined
      ? {}
      : { errors: refusal.more.errors.map((one) => ({ ...one, message: legible(one.message) })) }),
  };
}

/** Messages quote what strangers wrote: without what steers a terminal or is not seen, and not without end. */
function legible(text: string): string {
  const safe = text.slice(0, MOST_CHARACTERS).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
  return text.length > MOST_CHARACTERS ? `${safe}...` : safe;
}

function wordOf(status: number): string {
  return (STATUS_CODES[status] ?? 'error').toLowerCase().replace(/[^a-z]+/g, '-');
}

function spoken(status: number, message: string): string {
  if (status === 413) return 'The body is larger than this route takes';
  if (status === 415) return 'The body must be application/json';
  return message;
}
