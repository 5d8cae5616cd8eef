import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { appModule } from '../app.module.js';
import { STYLE_SOURCE } from './answer-page.js';
import type { ApiDeps, Listen } from './deps.js';
import { IdleConnections } from './idle-connections.js';
import { problemOf, Refusal, unreadable } from './problem.js';
import { answerWith, ProblemFilter } from './problem-filter.js';
import { LARGEST_BODY_BYTES, type Route } from './routes/route.js';
import { routes } from './routes.js';
import { identify } from './serve.js';
import { TokensSeen } from './tokens-seen.js';
import { startUpkeep } from './upkeep.js';

export type { ApiDeps, Desk } from './deps.js';

/** The API, listening. */
export interface RunningApi {
  /** Without a slash at its end. */
  readonly url: string;
  /** Ends streams and long polls, waits for what was begun, and stops listening. */
  close(): Promise<void>;
}

const USUAL_BODY_BYTES = 1024 * 1024;

/** How long a body may be in coming, and an upload. */
const BODY_MS = 120_000;
const LONGEST_UPLOAD_MS = 3_600_000;

/** How long what was begun may take after the server was told to close. */
const CLOSE_MS = 5000;

/** Starts the API. Rejects where it may or can not listen. */
export async function startApi(deps: ApiDeps): Promise<RunningApi> {
  const closing = new AbortController();
  const tokens = new TokensSeen(deps.store);
  const adapter = new FastifyAdapter({
    ...(await tlsOf(deps.listen)),
    bodyLimit: LARGEST_BODY_BYTES,
    requestTimeout: LONGEST_UPLOAD_MS,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      answerWith(error, request, reply, deps.log),
    clientErrorHandler: refuseGarbage,
  });
  const server = adapter.getInstance() as unknown as FastifyInstance;
  prepare(server, tokens, deps.listen.tls !== undefined);
  const idle = new IdleConnections(server.server, deps.listen.tls !== undefined);
  const app = await NestFactory.create<NestFastifyApplication>(
    appModule(deps, tokens, closing.signal),
    adapter,
    { logger: false, bodyParser: false, abortOnError: false },
  );
  app.useGlobalFilters(new ProblemFilter(deps.log));
  await app.init();
  await server.ready();
  // By itself node refuses an Expect header that it does not know without a word; it is no reason to refuse anything.
  server.server.on('checkExpectation', (request, response) =>
    server.server.emit('request', request, response),
  );
  await server.listen({ host: deps.listen.host, port: deps.listen.port });
  const every = deps.upkeepEveryMs ?? 5000;
  const upkeep = every > 0 ? startUpkeep(deps.store, deps.blobs, every, deps.log) : undefined;
  return {
    url: urlOf(server, deps.listen),
    close: async () => {
      closing.abort();
      const late = setTimeout(() => server.server.closeAllConnections(), CLOSE_MS);
      // A connection that was in the middle of something becomes idle only after that.
      idle.close();
      const closingIdle = setInterval(() => idle.close(), 50);
      await app.close();
      clearTimeout(late);
      clearInterval(closingIdle);
      await upkeep?.stop();
    },
  };
}

async function tlsOf({ host, tls }: Listen) {
  if (tls !== undefined) {
    return { https: { cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) } };
  }
  if (!/^(localhost|127(\.[0-9]{1,3}){3}|::1)$/.test(host)) {
    throw new Error(
      `Plain HTTP is for loopback addresses only, and ${host} is none: give a certificate and its key`,
    );
  }
  return {};
}

/** What holds for every request, before any controller. */
function prepare(server: FastifyInstance, tokens: TokensSeen, tls: boolean): void {
  server.removeContentTypeParser('text/plain');
  const takesBytes = new Set(
    (Object.values(routes) as Route[])
      .filter((route) => route.takes === 'bytes')
      .map((route) => `${route.method} ${route.path}`),
  );
  const isUpload = (request: FastifyRequest) =>
    takesBytes.has(`${request.method} ${request.routeOptions.url}`);
  // Not read here, but by whoever knows what to do with it.
  server.addContentTypeParser(
    'application/octet-stream',
    async (request: FastifyRequest, payload: IncomingMessage) => {
      if (isUpload(request)) return payload;
      throw new Refusal(415, 'unsupported-media-type', 'The body must be application/json');
    },
  );
  const takesForm = new Set(
    (Object.values(routes) as Route[])
      .filter((route) => route.takes === 'form')
      .map((route) => `${route.method} ${route.path}`),
  );
  server.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    async (request: FastifyRequest, body: string) => {
      if (!takesForm.has(`${request.method} ${request.routeOptions.url}`))
        throw new Refusal(415, 'unsupported-media-type', 'The body must be application/json');
      // A field that was left empty says nothing.
      return Object.fromEntries([...new URLSearchParams(body)].filter(([, value]) => value.trim() !== ''));
    },
  );
  const takesText = new Set(
    (Object.values(routes) as Route[])
      .filter((route) => route.takes === 'text')
      .map((route) => `${route.method} ${route.path}`),
  );
  const readJson = server.getDefaultJsonParser('error', 'error');
  server.removeContentTypeParser('application/json');
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (takesText.has(`${request.method} ${request.routeOptions.url}`)) done(null, body);
    else readJson(request, String(body), done);
  });
  const limits = new Map<string, number>(
    (Object.values(routes) as Route[]).map((route) => [
      `${route.method} ${route.path}`,
      route.bodyLimitBytes ?? USUAL_BODY_BYTES,
    ]),
  );
  server.addHook('onRoute', (route) => {
    const limit = limits.get(`${String(route.method)} ${route.url}`);
    if (limit !== undefined) route.bodyLimit = limit;
  });
  server.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'content-security-policy': `default-src 'none'; style-src ${STYLE_SOURCE}; frame-ancestors 'none'`,
    });
    if (tls) reply.header('strict-transport-security', 'max-age=31536000');
    if (!isUpload(request)) endSlowBody(request);
    await identify(request, tokens);
  });
}

/** Whoever sends a body byte by byte is not waited for. */
function endSlowBody({ raw, headers }: FastifyRequest): void {
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return;
  const late = setTimeout(() => raw.destroy(), BODY_MS);
  raw.once('close', () => clearTimeout(late));
  raw.once('end', () => clearTimeout(late));
}

/** What is no HTTP at all gets an answer of the same form. */
function refuseGarbage(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const body = JSON.stringify(problemOf(unreadable('This is no HTTP request')));
  socket.end(
    'HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json; charset=utf-8\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function urlOf(server: FastifyInstance, listen: Listen): string {
  const { port } = server.server.address() as AddressInfo;
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  return `${listen.tls === undefined ? 'http' : 'https'}://${host}:${port}`;
}
