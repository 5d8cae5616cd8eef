import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  AnswerView,
  BaselineView,
  BlobView,
  ChangeView,
  ComponentView,
  DiffView,
  EnvironmentView,
  EventView,
  GridView,
  HostsForView,
  HostView,
  IncidentView,
  IntakeView,
  InventoryApplied,
  InventoryDiff,
  InventoryView,
  KnownView,
  MorningView,
  PinView,
  Problem,
  ReservationView,
  RunDetail,
  RunView,
  SearchDetail,
  SearchView,
  SubmissionPlan,
  SubmissionRequest,
  SubmissionView,
  TagDetail,
  TagView,
  TestsForView,
  TestView,
  TokenCreated,
  TokenView,
  WatchView,
} from '../http/contract.js';
import { Refused, Unreachable } from './failure.js';

/** Where the grid is, and who asks. */
export interface Connection {
  readonly url: string;
  readonly token: string | undefined;
}

/** A page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string;
}

/** For how long a grid that has answered before may be away. */
const OUTAGE_MS = 30_000;
const REQUEST_MS = 30_000;
const SUBMIT_MS = 75_000;

/** The two ways in which a host is out. */
export type OutWay = 'maintenance' | 'quarantine';

/** A requirement, a test by its name, or a test file as it is (base64). */
export type Asking = { readonly project?: string | undefined } & (
  | { readonly requirement: string }
  | { readonly test: string }
  | { readonly file: { readonly name: string; readonly content: string } }
);

/** One host, or the hosts of a type; nothing said is the grid. */
export interface Aim {
  readonly host?: string | undefined;
  readonly hostType?: string | undefined;
}

/** What is asked for in the address; undefined: not said. */
export type Query = Readonly<Record<string, string | number | undefined>>;

type InventoryFileList = InventoryView['files'];

interface Ask {
  readonly query?: Query;
  readonly body?: unknown;
  /** Bytes in place of a body; asked for anew at every try. */
  readonly stream?: () => ReadableStream;
  readonly headers?: Readonly<Record<string, string>>;
  /** True where asking twice does no more than asking once. */
  readonly repeatable: boolean;
}

/** The API for a program: one method per route that the command line uses. */
export class Client {
  private everAnswered = false;

  constructor(
    readonly connection: Connection,
    /** How long to wait before asking again; tests do not wait. */
    private readonly pause: (ms: number) => Promise<unknown> = sleep,
  ) {}

  grid = () => this.get<GridView>('/grid');
  hosts = (query: { limit?: number; cursor?: string } = {}) => this.get<Page<HostView>>('/hosts', query);
  host = (host: string) => this.get<HostView>(`/hosts/${encodeURIComponent(host)}`);
  runs = (query: Query) => this.get<Page<RunView>>('/runs', query);
  run = (run: string) => this.get<RunDetail>(`/runs/${encodeURIComponent(run)}`);
  environment = (run: string) => this.get<EnvironmentView>(`/runs/${encodeURIComponent(run)}/environment`);
  diff = (before: string, after: string) =>
    this.get<DiffView>(`/runs/${encodeURIComponent(before)}/diff`, { with: after });
  changed = (test: string, project: string | undefined) =>
    this.get<DiffView>(`/tests/${encodeURIComponent(test)}/changed`, { project });
  submission = (id: string) => this.get<SubmissionView>(`/submissions/${encodeURIComponent(id)}`);
  incidents = (query: Query = {}) => this.get<Page<IncidentView>>('/incidents', query);
  incident = (id: string) => this.get<IncidentView>(`/incidents/${encodeURIComponent(id)}`);
  tests = (query: Query = {}) => this.get<Page<TestView>>('/tests', query);
  explainRun = (run: string) => this.get<AnswerView>(`/runs/${encodeURIComponent(run)}/explain`);
  explain = (body: Asking & Aim) => this.ask<AnswerView>('/explain', body);
  testsFor = (aim: Aim & { project?: string | undefined }) =>
    this.get<TestsForView>('/compatible', { ...aim });
  hostsFor = (body: Asking) => this.ask<HostsForView>('/compatible', body);
  tags = () => this.get<{ readonly items: readonly TagView[] }>('/tags');
  tag = (tag: string) => this.get<TagDetail>(`/tags/${encodeURIComponent(tag)}`);
  tokens = () => this.get<{ readonly items: readonly TokenView[] }>('/tokens');

  inventory = () => this.get<InventoryView>('/inventory');
  diffInventory = (files: InventoryFileList) =>
    this.json<InventoryDiff>('POST', '/inventory/diff', { body: { files }, repeatable: true });
  applyInventory = (files: InventoryFileList, drain: boolean) =>
    this.json<InventoryApplied>('POST', '/inventory', { body: { files, drain }, repeatable: true });

  submit = (body: SubmissionRequest) => this.postOnce<SubmissionView>('/submissions', body);
  planSubmission = (body: SubmissionRequest) =>
    this.json<SubmissionPlan>('POST', '/submissions', { body, repeatable: true });
  retry = (run: string) => this.postOnce<SubmissionView>(`/runs/${encodeURIComponent(run)}/retry`, undefined);
  cancelRun = (run: string, why: string) =>
    this.post<RunView>(`/runs/${encodeURIComponent(run)}/cancel`, { why });
  cancelSubmission = (id: string, why: string) =>
    this.post<SubmissionView>(`/submissions/${encodeURIComponent(id)}/cancel`, { why });
  halt = (why: string, mode: 'drain' | 'kill') => this.post<GridView>('/grid/halt', { why, mode });
  resume = (why: string) => this.post<GridView>('/grid/resume', { why });
  submissions = (query: Query) => this.get<Page<SubmissionView>>('/submissions', query);
  morning = (id: string) => this.get<MorningView>(`/submissions/${encodeURIComponent(id)}/morning`);
  retryAll = (id: string, verdict: 'failed' | 'none') =>
    this.postOnce<SubmissionView>(`/submissions/${encodeURIComponent(id)}/retry`, { verdict });
  takeOut = (host: string, way: OutWay, why: string, mode: 'drain' | 'kill') =>
    this.post<HostView>(`/hosts/${encodeURIComponent(host)}/${way}`, { why, mode });
  bringBack = (host: string, way: OutWay, why: string) =>
    this.post<HostView>(`/hosts/${encodeURIComponent(host)}/${way}/end`, { why });
  reserve = (host: string, forS: number, why: string) =>
    this.post<ReservationView>(`/hosts/${encodeURIComponent(host)}/reservation`, { forS, why });
  endReservation = (host: string) =>
    this.post<HostView>(`/hosts/${encodeURIComponent(host)}/reservation/end`, undefined);
  reservations = () => this.get<{ readonly items: readonly ReservationView[] }>('/reservations');
  known = (query: Query = {}) => this.get<{ readonly items: readonly KnownView[] }>('/known', query);
  makeKnown = (body: Readonly<Record<string, unknown>>) => this.post<KnownView>('/known', body);
  forgetKnown = (id: string) =>
    this.json<KnownView>('DELETE', `/known/${encodeURIComponent(id)}`, { repeatable: false });
  searches = (query: Query = {}) => this.get<Page<SearchView>>('/searches', query);
  search = (id: string) => this.get<SearchDetail>(`/searches/${encodeURIComponent(id)}`);
  startSearch = (body: Readonly<Record<string, unknown>>) => this.post<SearchDetail>('/searches', body);
  guideSearch = (id: string, body: Readonly<Record<string, unknown>>) =>
    this.post<SearchDetail>(`/searches/${encodeURIComponent(id)}/guide`, body);
  stopSearch = (id: string) => this.post<SearchDetail>(`/searches/${encodeURIComponent(id)}/stop`, undefined);
  answerSearch = (id: string, body: Readonly<Record<string, unknown>>) =>
    this.post<SearchDetail>(`/searches/${encodeURIComponent(id)}/answer`, body);
  pins = (query: Query = {}) => this.get<Page<PinView>>('/pins', query);
  intakes = (query: Query = {}) => this.get<Page<IntakeView>>('/intakes', query);
  watches = () => this.get<{ readonly items: readonly WatchView[] }>('/watches');
  components = (query: Query) => this.get<Page<ComponentView>>('/components', query);
  changes = (query: Query) => this.get<Page<ChangeView>>('/changes', query);
  baseline = (query: Query) => this.get<Page<BaselineView>>('/baseline', query);
  pushChange = (body: Readonly<Record<string, unknown>>) => this.post<ChangeView>('/changes', body);
  createToken = (body: Readonly<Record<string, unknown>>) => this.post<TokenCreated>('/tokens', body);
  revokeToken = (id: string) =>
    this.json<TokenView>('DELETE', `/tokens/${encodeURIComponent(id)}`, { repeatable: true });

  /** Sends a file; what is there already stays as it is. `onSent` hears how many bytes have gone out. */
  async upload(
    open: () => Readable,
    digest: string,
    bytes: number,
    onSent: (bytes: number) => void,
  ): Promise<BlobView> {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(bytes) };
    const stream = () => Readable.toWeb(counted(open(), onSent)) as ReadableStream;
    // However long it takes: it is known to go on.
    const ask: Ask = { query: { digest }, headers, stream, repeatable: true };
    const response = await this.fetch('POST', '/blobs', ask, false);
    return (await response.json()) as BlobView;
  }

  /** The bytes of a file that a run left. */
  async attachment(run: string, digest: string): Promise<Buffer> {
    const where = `/runs/${encodeURIComponent(run)}/attachments/${encodeURIComponent(digest)}`;
    const response = await this.fetch('GET', where, { repeatable: true }, false);
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.chunks(response)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** Every item of a list that comes in pages. */
  async all<Item>(page: (cursor: string | undefined) => Promise<Page<Item>>): Promise<readonly Item[]> {
    const items: Item[] = [];
    let cursor: string | undefined;
    do {
      const { items: more, next } = await page(cursor);
      items.push(...more);
      cursor = next;
    } while (cursor !== undefined);
    return items;
  }

  /** The output of an attempt from a byte on; ends with the attempt where it is followed. */
  async *log(
    run: string,
    query: { attempt?: string; from?: number; follow?: boolean },
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { follow, ...rest } = query;
    const ask: Ask = { query: { ...rest, ...(follow ? { follow: 'true' } : {}) }, repeatable: true };
    const response = await this.fetch('GET', `/runs/${encodeURIComponent(run)}/log`, ask, signal ?? false);
    yield* this.chunks(response);
  }

  /** History from now on, or from after a cursor; ends or throws when the connection does. */
  async *events(
    query: { after?: string; run?: string; project?: string },
    signal: AbortSignal,
    onOpen: () => void = () => {},
  ): AsyncGenerator<EventView> {
    const ask: Ask = { query, headers: { accept: 'text/event-stream' }, repeatable: false };
    const response = await this.fetch('GET', '/events', ask, signal);
    onOpen();
    const decoder = new TextDecoder();
    let buffer = '';
    for await (const chunk of this.chunks(response)) {
      buffer += decoder.decode(chunk, { stream: true }).replaceAll('\r\n', '\n');
      const messages = buffer.split('\n\n');
      buffer = messages.pop() ?? '';
      for (const message of messages) {
        const data = message.split('\n').filter((line) => line.startsWith('data:'));
        if (data.length > 0) yield JSON.parse(data.map((line) => line.slice(5).trimStart()).join('\n'));
      }
    }
  }

  private get<Answer>(path: string, query: Ask['query'] = {}): Promise<Answer> {
    return this.json<Answer>('GET', path, { query, repeatable: true });
  }

  /** A question that is too long for an address. */
  private ask<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.json<Answer>('POST', path, { body, repeatable: true });
  }

  private post<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.json<Answer>('POST', path, { body, repeatable: false });
  }

  /** A POST that the grid carries out once, however often it is sent. */
  private postOnce<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.json<Answer>('POST', path, {
      body,
      headers: { 'idempotency-key': randomUUID() },
      repeatable: true,
    });
  }

  private async json<Answer>(method: string, path: string, ask: Ask): Promise<Answer> {
    const response = await this.fetch(method, path, ask);
    try {
      return (await response.json()) as Answer;
    } catch (error) {
      throw new Unreachable(this.connection.url, `its answer broke off (${reason(error)})`, true);
    }
  }

  /** `signal`: for a stream; false: a stream that nobody stops; undefined: an answer that has to come in time. */
  private async fetch(
    method: string,
    path: string,
    ask: Ask,
    signal?: AbortSignal | false,
  ): Promise<Response> {
    const target = new URL(`${this.connection.url.replace(/\/+$/, '')}/api/v1${path}`);
    for (const [key, value] of Object.entries(ask.query ?? {}))
      if (value !== undefined) target.searchParams.set(key, String(value));
    const { token } = this.connection;
    const headers = {
      accept: 'application/json, application/problem+json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(ask.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...ask.headers,
    };
    // The API may have to fetch tests first.
    const limitMs = method === 'POST' && path === '/submissions' ? SUBMIT_MS : REQUEST_MS;
    for (let waitedMs = 0, waitMs = 200; ; waitedMs += waitMs, waitMs = Math.min(waitMs * 2, 3000)) {
      const mayRepeat = ask.repeatable && waitedMs < OUTAGE_MS;
      try {
        const response = await fetch(target, {
          method,
          headers,
          ...(ask.body === undefined ? {} : { body: JSON.stringify(ask.body) }),
          ...(ask.stream === undefined ? {} : { body: ask.stream(), duplex: 'half' }),
          ...(signal === false ? {} : { signal: signal ?? AbortSignal.timeout(limitMs) }),
        });
        this.everAnswered = true;
        if (response.ok) return response;
        const refused = new Refused(await problemIn(response));
        if (!mayRepeat || ![429, 502, 503, 504].includes(response.status)) throw refused;
      } catch (error) {
        if (error instanceof Refused) throw error;
        if (signal !== undefined && signal !== false && signal.aborted) throw error;
        // A grid that was never there will not come by waiting; one that was may be starting anew.
        const refusedAtOnce = !this.everAnswered && ['ECONNREFUSED', 'ENOTFOUND'].includes(code(error));
        if (!mayRepeat || refusedAtOnce)
          throw new Unreachable(this.connection.url, reason(error, limitMs), this.everAnswered);
      }
      await this.pause(waitMs);
    }
  }

  private async *chunks(response: Response): AsyncGenerator<Uint8Array> {
    if (response.body === null) return;
    try {
      for await (const chunk of response.body) yield chunk as Uint8Array;
    } catch (error) {
      throw new Unreachable(this.connection.url, reason(error), true);
    }
  }
}

async function* chunksOf(from: Readable, onSent: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of from) {
    yield chunk as Uint8Array;
    bytes += (chunk as Uint8Array).length;
    onSent(bytes);
  }
}

function counted(from: Readable, onSent: (bytes: number) => void): Readable {
  return Readable.from(chunksOf(from, onSent), { objectMode: false });
}

async function problemIn(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => '');
  try {
    const problem = JSON.parse(text) as Partial<Problem>;
    if (typeof problem.detail === 'string' && typeof problem.title === 'string')
      return { ...problem, status: response.status } as Problem;
  } catch {
    // Not ours: a proxy's page, or no grid at all.
  }
  return {
    type: 'about:blank',
    title: response.statusText,
    status: response.status,
    detail: `The answer is ${response.status} ${response.statusText}, and does not come from a Testyard grid`,
  };
}

function code(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown } };
  return String(cause?.code ?? '');
}

function reason(error: unknown, limitMs = REQUEST_MS): string {
  const { cause, name, message } = error as { cause?: { code?: unknown; message?: string } } & Error;
  if (name === 'TimeoutError') return `no answer within ${limitMs / 1000} s`;
  switch (cause?.code) {
    case 'ECONNREFUSED':
      return 'nothing listens there';
    case 'ENOTFOUND':
      return 'there is no machine of that name';
    case 'ECONNRESET':
    case 'UND_ERR_SOCKET':
      return 'the connection broke';
    default:
      return cause?.message || message;
  }
}
