import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { z } from 'zod';
import * as contract from '../../src/http/contract.js';

const NOW = '2026-01-02T03:04:05.000Z';

/** A waiting run with what is said changed. */
export function aRun(id: string, changes: Partial<contract.RunView> = {}): contract.RunView {
  return {
    ...{ id, project: 'default', submission: 's1', purpose: 'test', test: `test-${id}`, variant: {} },
    ...{ requirement: '', state: 'waiting', reason: 'new', marks: [], attempts: 0, createdAt: NOW },
    ...changes,
  };
}

/** What was asked of the double. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

/**
 * A real HTTP server that speaks the API's contract: what it answers is checked against the schemas, so that it
 * cannot drift from them. Everything it says is in `runs`, `log` and `answers`, which tests change.
 */
export class GridDouble {
  readonly runs = new Map<string, contract.RunView>();
  readonly asked: Asked[] = [];
  log = Buffer.alloc(0);
  /** What an attempt of a run measured and left, and the bytes of its files by digest. */
  measured: contract.AttemptView['measured'] = [];
  attachments: contract.AttemptView['attachments'] = [];
  readonly files = new Map<string, Buffer>();
  logEnds = true;
  unfolded = true;
  /** Answers that go before all others, in order: a number is a status, 'cut' ends the connection. */
  readonly trouble: (number | 'cut' | contract.Problem)[] = [];
  private readonly server: Server;
  private readonly streams = new Set<ServerResponse>();
  private readonly logs = new Set<ServerResponse>();
  private cursor = 0;
  private heard: () => void = () => {};

  constructor() {
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
  }

  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Changes a run and tells whoever listens. */
  change(id: string, changes: Partial<contract.RunView>): void {
    this.runs.set(id, { ...aRun(id), ...this.runs.get(id), ...changes });
    this.cursor += 1;
    const event = check(contract.EventView, {
      ...{ cursor: String(this.cursor), at: NOW, kind: 'run', subject: id, run: id, actor: 'grid', data: {} },
    });
    for (const stream of this.streams) stream.write(`id: ${this.cursor}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  /** More output, for those who follow. */
  print(text: string, ends: boolean): void {
    this.log = Buffer.concat([this.log, Buffer.from(text)]);
    for (const log of this.logs) {
      log.write(text);
      if (ends) log.end();
    }
    if (ends) this.logEnds = true;
  }

  /** Breaks every stream in the middle. */
  cutStreams(): void {
    for (const stream of [...this.streams, ...this.logs]) stream.destroy();
  }

  /** Resolves as soon as something was asked that `wanted` accepts, before now or later. */
  async wasAsked(wanted: (asked: Asked) => boolean, times = 1): Promise<void> {
    while (this.asked.filter(wanted).length < times)
      await new Promise<void>((resolve) => {
        this.heard = resolve;
      });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://grid');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const isJson = bytes.length > 0 && request.headers['content-type'] === 'application/json';
    const body: unknown = isJson ? JSON.parse(bytes.toString()) : bytes.length > 0 ? bytes : undefined;
    const path = url.pathname.replace(/^\/api\/v1/, '');
    const method = request.method ?? '';
    const query = Object.fromEntries(url.searchParams);
    this.asked.push({ method, path, query, headers: request.headers, body });
    this.heard();
    const trouble = path === '/events' ? undefined : this.trouble.shift();
    if (trouble === 'cut') return void request.socket.destroy();
    if (typeof trouble === 'number') return void response.writeHead(trouble).end();
    if (trouble !== undefined) return this.problem(response, trouble);
    this.route(`${method} ${path}`, query, body, response);
  }

  private route(route: string, query: Asked['query'], body: unknown, response: ServerResponse): unknown {
    const [, word, id = '', verb] = /^\S+ \/(\w+)(?:\/([^/]+))?(?:\/(\w+))?$/.exec(route) ?? [];
    const method = route.split(' ')[0];
    const run = this.runs.get(id);
    const [, digest = ''] = /^GET \/runs\/r1\/attachments\/([0-9a-f]+)$/.exec(route) ?? [];
    if (this.files.has(digest)) return void response.writeHead(200).end(this.files.get(digest));
    if (route === 'GET /events') return this.stream(response);
    if (route === 'GET /grid') return this.json(response, contract.GridView, grid('online'));
    if (route === 'POST /grid/halt') {
      check(contract.HaltRequest, body);
      return this.json(response, contract.GridView, grid('halted'));
    }
    if (route === 'GET /hosts') return this.json(response, contract.HostPage, { items: [host()] });
    if (method === 'GET' && word === 'hosts') return this.json(response, contract.HostView, host());
    if (route === 'POST /blobs') {
      const digest = createHash('sha256')
        .update(body as Buffer)
        .digest('hex');
      return this.json(response, contract.BlobView, { digest, bytes: (body as Buffer).length });
    }
    if (method === 'POST' && word === 'submissions' && verb === undefined) {
      const { dryRun } = check(contract.SubmissionRequest, body);
      if (dryRun) return this.json(response, contract.SubmissionPlan, plan());
      return this.json(response, contract.SubmissionView, this.submission());
    }
    if (method === 'GET' && word === 'submissions')
      return this.json(response, contract.SubmissionView, this.submission());
    if (method === 'POST' && word === 'runs' && verb === 'retry')
      return this.json(response, contract.SubmissionView, this.submission());
    if (route === 'GET /runs') {
      check(contract.RunQuery, query);
      const items = [...this.runs.values()].reverse();
      const from = Number(query['cursor'] ?? 0);
      const to = from + Math.min(Number(query['limit'] ?? 50), 2);
      const next = to < items.length ? { next: String(to) } : {};
      return this.json(response, contract.RunPage, { items: items.slice(from, to), ...next });
    }
    if (method === 'GET' && word === 'runs' && run !== undefined) {
      if (verb === 'log') return this.printLog(response, check(contract.LogQuery, query));
      return this.json(response, contract.RunDetail, {
        ...run,
        attemptList:
          run.attempts > 0 ? [{ ...attempt(), measured: this.measured, attachments: this.attachments }] : [],
      });
    }
    if (method === 'POST' && word === 'tokens') {
      const made = check(contract.TokenRequest, body);
      const token = { id: 't1', createdAt: NOW, secret: 'ty_secret', ...made };
      return this.json(response, contract.TokenCreated.omit({ expiresAt: true }), token);
    }
    this.problem(response, {
      type: '/problems/not-found',
      title: 'Not Found',
      status: 404,
      detail: `no ${route}`,
    });
  }

  private submission(): contract.SubmissionView {
    const counts = { waiting: 0, held: 0, running: 0, passed: 0, failed: 0, skipped: 0, none: 0 };
    for (const run of this.runs.values())
      counts[run.state === 'done' ? (run.verdict ?? 'none') : run.state] += 1;
    const runCount = this.unfolded ? { runCount: this.runs.size } : {};
    return { id: 's1', project: 'default', name: '', actor: 'me', createdAt: NOW, counts, ...runCount };
  }

  private stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\n');
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
  }

  private printLog(response: ServerResponse, query: z.output<typeof contract.LogQuery>): void {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    response.write(this.log.subarray(query.from));
    response.flushHeaders();
    if (query.follow === 'false' || this.logEnds) return void response.end();
    this.logs.add(response);
    response.on('close', () => this.logs.delete(response));
  }

  private json<Schema extends z.ZodType>(response: ServerResponse, schema: Schema, value: unknown): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(check(schema, value)));
  }

  private problem(response: ServerResponse, problem: contract.Problem): void {
    response.writeHead(problem.status, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify(check(contract.Problem, problem)));
  }
}

function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  return schema.parse(value);
}

function grid(state: 'online' | 'halted'): contract.GridView {
  return {
    ...{ state, who: 'admin', why: 'new grid', since: NOW, version: '0.1.0', schedulerAlive: true },
    runs: { waiting: 2, held: 0, running: 1 },
    hosts: { good: 1, suspect: 0, quarantined: 0, maintenance: 0, offline: 0 },
    executors: [{ name: 'built-in', alive: true, attempts: 1 }],
    openIncidents: 0,
    unsent: 0,
    drifting: [],
    poolsHalted: [{ name: 'north', why: 'more than 1 of 9 hosts would be quarantined' }],
  };
}

function host(): contract.HostView {
  return {
    ...{ id: 'h1', name: 'local', pool: 'default', type: 'pc', transport: 'local', state: 'idle' },
    ...{ health: 'good', healthWhy: 'new', healthSince: NOW, seats: 2, seatsTaken: 0, expendable: [] },
    ...{ fresh: true, stack: [], runs: [] },
    tags: [{ name: 'linux', presence: 'present', source: 'probed', values: [] }],
  } as contract.HostView;
}

function plan(): contract.SubmissionPlan {
  const reason = 'no host of this grid can serve it: mars is not there';
  const left = { each: 'host', reason: 'gpu is not there', names: ['two', 'three'], count: 5 } as const;
  return {
    runs: 5,
    tests: [
      { test: 'fs', variants: 4, runs: 4, notCompatible: [] },
      { test: 'rover', variants: 1, runs: 1, notCompatible: [{ runs: 1, reason, waits: false }] },
    ],
    leftOut: [{ ...left, names: [...left.names], tests: ['fs'], testCount: 1 }],
  };
}

function attempt(): contract.AttemptView {
  return {
    ...{ id: 'a1', number: 1, executor: 'built-in', createdAt: NOW, outcome: 'ended', steps: [], cases: [] },
    ...{ measured: [], attachments: [] },
    places: [{ role: 'main', host: 'local', seat: 1, fresh: true, outputBytes: 9, outputCut: 0 }],
  };
}
