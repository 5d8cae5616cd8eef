import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pino } from 'pino';
import { FolderBlobs } from '../../src/adapters/folder-blobs.js';
import { Git } from '../../src/adapters/git.js';
import { HmacHookSignatures } from '../../src/adapters/hook-signature.js';
import { PushedCandidates } from '../../src/adapters/pushed-candidates.js';
import { type ApiDeps, type Desk, startApi } from '../../src/http/server.js';
import type { Claimed, Registered } from '../../src/protocol/messages.js';
import { createToken, ensureAdminToken, type NewToken, newSecret } from '../../src/store/access.js';
import { Store } from '../../src/store/store.js';
import { Wakeup } from '../../src/store/wakeup.js';
import { freshDatabase } from '../database.js';

/** The API on a database of its own, with people of every role. */
export interface TestApi {
  readonly url: string;
  readonly store: Store;
  readonly wakeup: Wakeup;
  readonly blobs: FolderBlobs;
  readonly databaseUrl: string;
  /** The admin's secret. */
  readonly admin: string;
  /** What was written to the log. */
  readonly logged: readonly string[];
  readonly desk: FakeDesk;
  ask(
    token: string | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers?: Headers,
  ): Promise<Answer>;
  token(token: Partial<NewToken>): Promise<{ readonly secret: string; readonly id: string }>;
  project(name: string): Promise<string>;
  close(): Promise<void>;
}

type Headers = Readonly<Record<string, string>>;

/** What came back; `json` is undefined where it was none. */
export interface Answer {
  readonly status: number;
  readonly headers: globalThis.Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely; their schemas are checked apart
  readonly json: any;
}

/** Starts it; nothing in it needs the scheduler. */
export async function startTestApi(more: Partial<ApiDeps> = {}): Promise<TestApi> {
  const database = await freshDatabase();
  const store = await Store.open(database.url, { poolSize: 8 });
  const wakeup = new Wakeup(database.url);
  await wakeup.start();
  const folder = await mkdtemp(path.join(tmpdir(), 'testyard-http-'));
  const blobs = await FolderBlobs.open(folder);
  const admin = newSecret();
  await ensureAdminToken(store, admin);
  const desk = new FakeDesk();
  const logged: string[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => void logged.push(line) });
  const listen = { host: '127.0.0.1', port: 0 };
  const api = await startApi({
    store,
    wakeup,
    link: desk,
    blobs,
    source: new Git(path.join(folder, 'git')),
    candidates: new PushedCandidates(blobs),
    hookSignatures: new HmacHookSignatures(),
    listen,
    version: '0.0.0-test',
    log,
    upkeepEveryMs: 0,
    ...more,
  });
  return {
    url: api.url,
    store,
    wakeup,
    blobs,
    databaseUrl: database.url,
    admin,
    logged,
    desk,
    ask: (token, method, at, body, headers) => ask(api.url + at, token, method, body, headers),
    token: async (token) => {
      const made = await createToken(
        store,
        { name: 'somebody', kind: 'person', gridAdmin: false, roles: {}, ...token },
        'test',
      );
      if (!made.ok) throw new Error(`No such projects: ${made.unknownProjects.join()}`);
      return made.token;
    },
    project: async (name) => {
      const [row] = await store.rows<{ id: string }>(`INSERT INTO project (name) VALUES ($1) RETURNING id`, [
        name,
      ]);
      return row?.id ?? '';
    },
    close: async () => {
      await api.close();
      await wakeup.close();
      await store.close();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function ask(
  url: string,
  token: string | undefined,
  method: string,
  body: unknown,
  headers: Headers = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

/** A desk that says yes to everything and remembers who asked. */
export class FakeDesk implements Desk {
  readonly heard: { readonly what: string; readonly with: unknown }[] = [];
  /** What `claim` does. */
  claiming: (gone: AbortSignal | undefined) => Promise<Claimed> = async () => ({
    assignments: [],
    stop: [],
  });
  /** What every other call does. */
  answering: () => void = () => undefined;

  async register(request: unknown, tokenId?: string): Promise<Registered> {
    this.heard.push({ what: 'register', with: { request, tokenId } });
    this.answering();
    return { lease: '1', ttlMs: 60_000, renewEveryMs: 10_000 };
  }
  async claim(request: unknown, gone?: AbortSignal) {
    this.heard.push({ what: 'claim', with: request });
    return await this.claiming(gone);
  }
  submissionComes(): void {}
  async renew(request: unknown) {
    this.heard.push({ what: 'renew', with: request });
    this.answering();
    return { ttlMs: 60_000, stop: [], gone: [] };
  }
  async report(request: unknown) {
    this.heard.push({ what: 'report', with: request });
    this.answering();
    return { attempts: [] };
  }
  async blob(lease: string, digest: string): Promise<Readable> {
    this.heard.push({ what: 'blob', with: { lease, digest } });
    this.answering();
    return Readable.from([Buffer.from('bytes')], { objectMode: false });
  }
  async keep(request: unknown) {
    this.heard.push({ what: 'keep', with: request });
    this.answering();
    return { digest: '0'.repeat(64) };
  }
  async release(lease: string, reason: string): Promise<void> {
    this.heard.push({ what: 'release', with: { lease, reason } });
    this.answering();
  }
}
