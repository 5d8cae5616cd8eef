import { Readable } from 'node:stream';
import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  HttpCode,
  Injectable,
  RequestMapping,
  RequestMethod,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type Caller, type Visible, visibleTo } from '../store/access.js';
import { forbidden, Refusal, unauthorized } from './problem.js';
import { readBody, readQuery } from './reading.js';
import type { Route } from './routes/route.js';
import { type RouteName, type RouteOf, routes } from './routes.js';
import type { TokensSeen } from './tokens-seen.js';

const SERVES = 'testyard:serves';

/** The method of a controller that serves a route of the table. */
export function Serves(name: RouteName): MethodDecorator {
  const route: Route = routes[name];
  return (target, key, descriptor) => {
    Reflect.defineMetadata(SERVES, name, descriptor.value as object);
    RequestMapping({ path: route.path, method: RequestMethod[route.method] })(target, key, descriptor);
    HttpCode(route.status)(target, key, descriptor);
  };
}

type ParamsOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? { readonly [Key in Name]: string } & ParamsOf<Rest>
  : Path extends `${string}:${infer Name}`
    ? { readonly [Key in Name]: string }
    : unknown;

/** A request that has been understood: what the schemas of its route made of it, and who asks. */
export interface Asked<Name extends RouteName> {
  readonly caller: RouteOf<Name>['who'] extends 'anyone' ? undefined : Caller;
  /** The projects of which the caller may see anything. */
  readonly visible: Visible;
  readonly params: ParamsOf<RouteOf<Name>['path']>;
  readonly query: RouteOf<Name> extends { readonly query: infer Query extends z.ZodObject }
    ? z.output<Query>
    : undefined;
  readonly body: RouteOf<Name> extends { readonly body: infer Body extends z.ZodType }
    ? z.output<Body>
    : RouteOf<Name> extends { readonly takes: 'bytes' }
      ? Readable
      : RouteOf<Name> extends { readonly takes: 'text' }
        ? string
        : undefined;
  readonly header: (name: string) => string | undefined;
  /** Aborts when whoever asked has gone, or has been answered. */
  readonly gone: () => AbortSignal;
}

const callers = new WeakMap<object, Caller>();

/** The parameter of a controller's method that is what was asked. */
export const Ask = createParamDecorator((_data: undefined, context: ExecutionContext): Asked<RouteName> => {
  const http = context.switchToHttp();
  const request = http.getRequest<FastifyRequest>();
  const reply = http.getResponse<FastifyReply>();
  const route = routeServedBy(context);
  const caller = callers.get(request.raw);
  const asked = {
    caller,
    visible: caller === undefined ? [] : visibleTo(caller),
    params: request.params,
    query: readQuery(route, request.query),
    body: bodyOf(route, request.body),
    header: (name: string) => {
      const value = request.headers[name];
      return typeof value === 'string' ? value : value?.[0];
    },
    gone: () => goneOf(reply),
  };
  return asked as Asked<RouteName>;
});

function bodyOf(route: Route, body: unknown): unknown {
  if (route.takes === 'bytes') return bytesOf(body);
  if (route.takes === 'text') return typeof body === 'string' ? body : '';
  return readBody(route, body);
}

/** No body at all is no bytes. */
function bytesOf(body: unknown): Readable {
  if (body instanceof Readable) return body;
  if (body === undefined || body === null) return Readable.from([], { objectMode: false });
  throw new Refusal(415, 'unsupported-media-type', 'The body must be application/octet-stream');
}

function goneOf(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  if (reply.raw.destroyed || reply.raw.closed) controller.abort();
  reply.raw.once('close', () => controller.abort());
  return controller.signal;
}

function routeServedBy(context: ExecutionContext): Route {
  const name: RouteName | undefined = Reflect.getMetadata(SERVES, context.getHandler());
  if (name === undefined) throw new Error('A controller serves something that is not in the table of routes');
  return routes[name];
}

const byPath = new Map<string, Route>(
  Object.values(routes).map((route) => [`${route.method} ${route.path}`, route]),
);

/** Learns who asks before a body is read, so that strangers cannot make us read large ones. */
export async function identify(request: FastifyRequest, tokens: TokensSeen): Promise<void> {
  const route = byPath.get(`${request.method} ${request.routeOptions.url}`);
  if (request.is404 || route === undefined || route.who === 'anyone') return;
  callers.set(request.raw, await tokens.identify(request.headers.authorization));
}

/** Lets through whom the table of routes lets through; who may see what is the business of the store. */
@Injectable()
export class RouteGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { who } = routeServedBy(context);
    if (who === 'anyone') return true;
    const caller = callers.get(context.switchToHttp().getRequest<FastifyRequest>().raw);
    if (caller === undefined) throw unauthorized('A token is needed: Authorization: Bearer ty_...');
    if (who === 'executor' && caller.kind !== 'executor') {
      throw forbidden('This is for executors: it takes a token of kind executor');
    }
    if (who !== 'executor' && caller.kind !== 'person') {
      throw forbidden("An executor's token is good for the executors' protocol only");
    }
    if (who === 'admin' && !caller.gridAdmin) throw forbidden('This takes a grid admin');
    return true;
  }
}

/** The other methods that a path can be asked with. */
export function methodsOf(url: string): readonly string[] {
  const path = url.split('?')[0] ?? '';
  return Object.values(routes)
    .filter((route) =>
      new RegExp(`^${route.path.replace(/[.]/g, '\\.').replace(/:[a-z]+/g, '[^/]+')}$`).test(path),
    )
    .map((route) => route.method);
}
