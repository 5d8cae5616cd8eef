import { z } from 'zod';
import * as contract from './contract.js';
import type { Route } from './routes/route.js';
import { routes } from './routes.js';

type Json = { readonly [key: string]: unknown };

/** The named schemas of the contract. */
const named: readonly (readonly [string, z.ZodType])[] = Object.entries<unknown>(contract).flatMap(
  ([name, value]) => (value instanceof z.ZodType ? [[name, value] as const] : []),
);

/** The description of the API, from the table of routes and its schemas; the same every time. */
export function openApi(): Json {
  const { components, refOf } = schemas();
  const paths: Record<string, Record<string, Json>> = {};
  for (const [name, route] of Object.entries(routes) as [string, Route][]) {
    if (route.documented === false) continue;
    const path = route.path.replace(/:([a-z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route, refOf) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Testyard',
      version: 'v1',
      description:
        'Ids are typed texts (r123), times RFC 3339 in UTC, durations in seconds. Within v1 only additions. ' +
        'What a token may not see is 404; every error is application/problem+json.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths,
    components: {
      schemas: components,
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'ty_...' } },
    },
  };
}

type RefOf = (schema: z.ZodType) => Json;

/** Bodies are described as they may be sent, answers as they come: defaults are optional only in the former. */
function schemas(): { readonly components: Json; readonly refOf: RefOf } {
  const nameOf = new Map<z.ZodType, string>(named.map(([name, schema]) => [schema, name]));
  const bodies = new Set<z.ZodType>(
    Object.values(routes).flatMap((route: Route) => (route.body === undefined ? [] : [route.body])),
  );
  const used = new Set<z.ZodType>(
    (Object.values(routes) as Route[])
      .filter((route) => route.documented !== false)
      .flatMap((route) => [route.body, route.answer, route.also?.answer])
      .filter((schema) => schema instanceof z.ZodType),
  );
  used.add(contract.Problem).add(contract.EventView);
  const components: Record<string, unknown> = {};
  const group = (io: 'input' | 'output', of: readonly z.ZodType[]) => {
    const registry = z.registry<{ id: string }>();
    for (const schema of of) registry.add(schema, { id: nameOf.get(schema) ?? 'Unnamed' });
    const made = z.toJSONSchema(registry, { io, uri: (id) => `#/components/schemas/${id}` });
    for (const [id, schema] of Object.entries(made.schemas)) components[id] = plain(schema);
  };
  const answers = [...used].filter((schema) => !bodies.has(schema));
  // Parts of pages are named as well, so that a page refers to them.
  const views = named.map(([, schema]) => schema).filter((schema) => isViewOf(schema, nameOf));
  group('output', [...new Set([...answers, ...views])]);
  group(
    'input',
    [...used].filter((schema) => bodies.has(schema)),
  );
  const sorted = Object.fromEntries(Object.entries(components).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    components: sorted,
    refOf: (schema) => ({ $ref: `#/components/schemas/${nameOf.get(schema) ?? 'Unnamed'}` }),
  };
}

function isViewOf(schema: z.ZodType, nameOf: ReadonlyMap<z.ZodType, string>): boolean {
  return /View$/.test(nameOf.get(schema) ?? '');
}

function operation(name: string, route: Route, refOf: RefOf): Json {
  const problem = {
    description: 'Why not',
    content: { 'application/problem+json': { schema: refOf(contract.Problem) } },
  };
  const body =
    route.takes === 'bytes'
      ? { requestBody: { required: true, content: { 'application/octet-stream': {} } } }
      : route.body === undefined
        ? {}
        : { requestBody: { required: true, content: { 'application/json': { schema: refOf(route.body) } } } };
  return {
    operationId: name,
    summary: route.summary,
    ...(route.who === 'anyone' ? { security: [] } : { description: `Who may: ${route.who}.` }),
    parameters: [...pathParameters(route), ...headerParameters(route), ...queryParameters(route)],
    ...body,
    responses: {
      [String(route.status)]: { description: 'Done', content: contentOf(route, refOf) },
      ...(route.also === undefined
        ? {}
        : {
            [String(route.also.status)]: {
              description: 'Nothing was done',
              content: { 'application/json': { schema: refOf(route.also.answer) } },
            },
          }),
      default: problem,
    },
  };
}

function contentOf(route: Route, refOf: RefOf): Json {
  if (route.answer === 'bytes') return { 'application/octet-stream': {} };
  if (route.answer === 'events') {
    return { 'text/event-stream': { schema: { type: 'string' }, 'x-data': refOf(contract.EventView) } };
  }
  if (route.answer === 'page') return { 'text/html': { schema: { type: 'string' } } };
  if (route.answer === 'document') return { 'application/json': { schema: { type: 'object' } } };
  return { 'application/json': { schema: refOf(route.answer) } };
}

function pathParameters(route: Route): readonly Json[] {
  return [...route.path.matchAll(/:([a-z]+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function headerParameters(route: Route): readonly Json[] {
  const header = (name: string, description: string) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  });
  return [
    ...(route.idempotent
      ? [header('Idempotency-Key', 'The same request with the same key is carried out once')]
      : []),
    ...(route.answer === 'events'
      ? [header('Last-Event-ID', 'Where to go on: the id of the last event seen')]
      : []),
  ];
}

function queryParameters(route: Route): readonly Json[] {
  if (route.query === undefined) return [];
  const made = plain(z.toJSONSchema(route.query, { io: 'output' })) as { properties?: Record<string, Json> };
  return Object.entries(made.properties ?? {}).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    // What has a default need not be said.
    required: !(route.query as z.ZodObject).shape[name].safeParse(undefined).success,
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

/** Without what only makes sense in a file of its own. */
function plain(schema: object): Json {
  const { $schema: _, $id: __, ...rest } = schema as Json;
  return rest;
}
