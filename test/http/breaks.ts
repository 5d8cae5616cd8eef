type Json = Readonly<Record<string, unknown>>;

/** What a client of `before` could not do with `after` any more, in words. */
export function breaks(before: unknown, after: unknown): readonly string[] {
  const [old, now] = [before as Description, after as Description];
  const requested = bodiesOf(old);
  return [
    ...Object.entries(old.paths).flatMap(([path, methods]) => pathBreaks(path, methods, now.paths[path])),
    ...Object.entries(old.components.schemas).flatMap(([name, schema]) => {
      const other = now.components.schemas[name];
      if (other === undefined) return [`${name} is gone`];
      return schemaBreaks(name, schema, other, requested.has(name));
    }),
  ];
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: Json;
  readonly responses?: Json;
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

/** The names of schemas that clients send. */
function bodiesOf(api: Description): ReadonlySet<string> {
  const operations = Object.values(api.paths).flatMap((methods) => Object.values(methods));
  const text = JSON.stringify(operations.map((operation) => operation.requestBody));
  return new Set([...text.matchAll(/schemas\/([A-Za-z]+)/g)].map(([, name]) => name ?? ''));
}

function pathBreaks(
  path: string,
  methods: Readonly<Record<string, Operation>>,
  now: Readonly<Record<string, Operation>> | undefined,
): readonly string[] {
  if (now === undefined) return [`${path} is gone`];
  return Object.entries(methods).flatMap(([method, operation]) => {
    const what = `${method.toUpperCase()} ${path}`;
    const other = now[method];
    if (other === undefined) return [`${what} is gone`];
    const old = operation.parameters ?? [];
    const gone = old
      .filter((one) => !(other.parameters ?? []).some((two) => two.name === one.name && two.in === one.in))
      .map((one) => `${what}: ${one.name} is gone`);
    const required = (other.parameters ?? [])
      .filter((two) => two.required && !old.some((one) => one.name === two.name && one.required))
      .map((two) => `${what}: ${two.name} is required now`);
    const status = Object.keys(operation.responses ?? {})
      .filter((code) => !(code in (other.responses ?? {})))
      .map((code) => `${what} does not answer ${code} any more`);
    return [...gone, ...required, ...status];
  });
}

/** `sent`: by clients, so that it must not ask for more; else by us, so that it must not give less. */
function schemaBreaks(where: string, old: Json, now: Json, sent: boolean): readonly string[] {
  if (old['$ref'] !== now['$ref'] || old['type'] !== now['type']) return [`${where} has another type`];
  const [oldFields, nowFields] = [fieldsOf(old), fieldsOf(now)];
  const fields = Object.entries(oldFields).flatMap(([name, schema]) => {
    const other = nowFields[name];
    return other === undefined
      ? [`${where}.${name} is gone`]
      : schemaBreaks(`${where}.${name}`, schema, other, sent);
  });
  const [oldRequired, nowRequired] = [listOf(old['required']), listOf(now['required'])];
  const required = sent
    ? nowRequired
        .filter((name) => !oldRequired.includes(name))
        .map((name) => `${where}.${name} is required now`)
    : oldRequired
        .filter((name) => !nowRequired.includes(name) && name in nowFields)
        .map((name) => `${where}.${name} need not be there any more`);
  const [oldWords, nowWords] = [listOf(old['enum']), listOf(now['enum'])];
  const words =
    sent || nowWords.length === 0
      ? oldWords
          .filter((word) => !nowWords.includes(word))
          .map((word) => `${where} does not take ${word} any more`)
      : [];
  const items =
    isSchema(old['items']) && isSchema(now['items'])
      ? schemaBreaks(`${where}[]`, old['items'], now['items'], sent)
      : [];
  return [...fields, ...required, ...words, ...items];
}

function fieldsOf(schema: Json): Readonly<Record<string, Json>> {
  return (schema['properties'] ?? {}) as Readonly<Record<string, Json>>;
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function isSchema(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}
