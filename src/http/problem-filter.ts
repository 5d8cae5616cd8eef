import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { problemOf, Refusal, refusalOf } from './problem.js';
import { methodsOf } from './serve.js';

/** Answers every failure as application/problem+json, and writes down those that nobody expected. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly log: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    answerWith(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>(), this.log);
  }
}

/** See `ProblemFilter`; for failures before any controller is reached as well. */
export function answerWith(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Logger): void {
  const { refusal, unexpected } = refusalOf(unroutable(error, request));
  if (unexpected)
    log.error({ err: error, method: request.method, path: request.url.split('?')[0] }, refusal.message);
  if (reply.sent || reply.raw.headersSent) {
    // Too late to say anything: an answer that breaks off is at least no whole one.
    reply.raw.destroy();
    return;
  }
  for (const [name, value] of Object.entries(refusal.more.headers ?? {})) reply.header(name, value);
  const { page } = refusal.more;
  const [type, body] =
    page !== undefined && wantsPages(request)
      ? ['text/html', page]
      : ['application/problem+json', JSON.stringify(problemOf(refusal))];
  reply.code(refusal.status).header('content-type', `${type}; charset=utf-8`).send(body);
}

/** Whether it is a browser that asks: whatever takes everything alike is a program. */
function wantsPages({ headers }: FastifyRequest): boolean {
  return (headers.accept ?? '')
    .split(',')
    .some((one) => one.split(';')[0]?.trim().toLowerCase() === 'text/html');
}

/** What the framework says of a path that nobody serves, in our words. */
function unroutable(error: unknown, request: FastifyRequest): unknown {
  if (!(error instanceof HttpException) || error.getStatus() !== 404) return error;
  const methods = methodsOf(request.url);
  if (methods.length === 0) return new Refusal(404, 'no-such-path', 'There is nothing at this path');
  return new Refusal(405, 'method-not-allowed', `This path takes ${methods.join(' and ')}`, {
    headers: { allow: methods.join(', ') },
  });
}
