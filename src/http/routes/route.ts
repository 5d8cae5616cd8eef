import type { z } from 'zod';

/** Who may call a route. */
export type Who =
  /** Without a token too. */
  | 'anyone'
  /** Any person with a token; sees what the roles of the token show. */
  | 'person'
  /** A person who is a submitter of the project concerned; who can only see it gets 403, who cannot 404. */
  | 'submitter'
  /** A person who is a developer of the project concerned, by the same rules. */
  | 'developer'
  /** A grid admin. */
  | 'admin'
  /** An executor, for its own leases. */
  | 'executor';

/** What a successful answer carries: JSON of this form, or something that is no JSON of ours. */
export type Answer =
  | z.ZodType
  /** Bytes as they are. */
  | 'bytes'
  /** Server-sent events, each an EventView. */
  | 'events'
  /** A document that describes itself. */
  | 'document'
  /** A page for a browser, that needs no script. */
  | 'page';

/** One route of the API. The table of routes is all there is: guard, OpenAPI file and role tests read it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly who: Who;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /**
   * In place of JSON: `bytes` of any length, read as they come; `text`, JSON as it was sent, so that a signature fits;
   * `form`, what a page's form sends.
   */
  readonly takes?: 'bytes' | 'text' | 'form';
  readonly answer: Answer;
  readonly status: 200 | 201;
  /** What else a success may answer, where the body asks for it. */
  readonly also?: { readonly status: 200; readonly answer: z.ZodType };
  /** True where the header Idempotency-Key makes repeating harmless. */
  readonly idempotent?: true;
  /** False for what is not for people and programs of theirs. */
  readonly documented?: false;
  /** Larger bodies are refused; 1 MiB unless said. */
  readonly bodyLimitBytes?: number;
}

/** In bytes. */
export const MEBIBYTE = 1024 * 1024;

/** The largest body that is taken anywhere. */
export const LARGEST_BODY_BYTES = 20 * MEBIBYTE;

/** A route that reads. */
export const get = <const Rest extends Omit<Route, 'method' | 'status'>>(rest: Rest) =>
  ({ method: 'GET', status: 200, ...rest }) as const;
/** A route that changes something, or needs a body. */
export const post = <const Rest extends Omit<Route, 'method'>>(rest: Rest) =>
  ({ method: 'POST', ...rest }) as const;
