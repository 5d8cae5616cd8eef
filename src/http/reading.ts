import { z } from 'zod';
import { type Id, type IdKind, readId } from '../domain/id.js';
import { type Mistake, notFound, unprocessable, unreadable } from './problem.js';
import type { Route } from './routes/route.js';

/** How deep JSON may be nested; nothing that is understood comes near it. */
const DEEPEST = 40;

const MISTAKES_SHOWN = 100;

/** The query as its route's schema reads it; a filter that is not understood is refused, never ignored. */
export function readQuery(route: Route, query: unknown): unknown {
  if (route.query === undefined) return undefined;
  const bad = findBadText(query);
  if (bad !== undefined) throw unreadable('The query cannot be read', [bad]);
  const read = route.query.strict().safeParse(query);
  if (!read.success) throw unreadable('The query is not understood', mistakesOf(read.error));
  return read.data;
}

/** The body as its route's schema reads it; no body is an empty object. */
export function readBody(route: Route, body: unknown): unknown {
  if (route.body === undefined) return undefined;
  const bad = findBadText(body);
  if (bad !== undefined) throw unreadable('The body cannot be kept', [bad]);
  const read = route.body.safeParse(body ?? {});
  if (!read.success) throw unprocessable('The body is not as it should be', mistakesOf(read.error));
  return read.data;
}

/** The digits of an id in a path; one that is none names nothing. */
export function wantId(kind: IdKind, text: string): Id {
  const id = readId(kind, text);
  if (id === undefined) throw notFound(`${kind} '${printable(text)}'`);
  return id;
}

/** A cursor of ours, as text that nobody reads. */
export function writeCursor(key: unknown): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** What a cursor of ours stands for. */
export function readCursor<Key>(schema: z.ZodType<Key>, cursor: string | undefined): Key | undefined {
  if (cursor === undefined) return undefined;
  let key: unknown;
  try {
    key = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    key = undefined;
  }
  const read = schema.safeParse(key);
  if (!read.success || findBadText(read.data) !== undefined) {
    throw unreadable('The query is not understood', [
      { where: 'cursor', message: 'no cursor of this list: leave it out to begin anew' },
    ]);
  }
  return read.data;
}

/** The key of lists that go by id. */
export const IdKey = z.string().regex(/^[1-9][0-9]{0,17}$/);

/** A page as it is sent: with a cursor in place of the key. */
export function pageView<Item>(page: { readonly items: readonly Item[]; readonly next?: unknown }) {
  const items = [...page.items];
  return page.next === undefined ? { items } : { items, next: writeCursor(page.next) };
}

/** Text of a stranger, to be shown in a message. */
export function printable(text: string): string {
  const safe = text.replace(/[^\x20-\x7e]/g, '?');
  return safe.length > 80 ? `${safe.slice(0, 77)}...` : safe;
}

/** What PostgreSQL cannot keep: the character NUL and halves of surrogate pairs; and nesting without end. */
function findBadText(root: unknown): Mistake | undefined {
  const open: { readonly value: unknown; readonly path: readonly PropertyKey[] }[] = [
    { value: root, path: [] },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, path } = next;
    if (typeof value === 'string' && isBad(value)) {
      return { where: whereOf(path), message: 'holds a NUL character or half a surrogate pair' };
    }
    if (typeof value !== 'object' || value === null) continue;
    if (path.length >= DEEPEST) return { where: whereOf(path.slice(0, 3)), message: 'is nested too deeply' };
    for (const [key, inner] of Object.entries(value)) {
      if (isBad(key)) {
        return { where: whereOf(path), message: 'a name holds a NUL character or half a surrogate pair' };
      }
      open.push({ value: inner, path: [...path, Array.isArray(value) ? Number(key) : key] });
    }
  }
  return undefined;
}

function isBad(text: string): boolean {
  return text.includes('\0') || /\p{Surrogate}/u.test(text);
}

function mistakesOf(error: z.ZodError): readonly Mistake[] {
  return error.issues.flatMap((issue) => flatten(issue, [])).slice(0, MISTAKES_SHOWN);
}

/** Of the forms a value could have had, the one that fits best tells what is wrong. */
function flatten(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): readonly Mistake[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const branches = issue.errors.map((branch) => branch.flatMap((inner) => flatten(inner, path)));
    const best = branches.reduce((a, b) => (closeness(b) > closeness(a) ? b : a));
    return best.length > 0 ? best : [{ where: whereOf(path), message: issue.message }];
  }
  return [{ where: whereOf(path), message: spokenOf(issue) }];
}

/** What is not there is missing: that zod received `undefined` helps nobody. */
function spokenOf({ message }: z.core.$ZodIssue): string {
  return message.replace(/^Invalid (?:input|option): (.*), received undefined$/, 'is missing: $1');
}

function closeness(mistakes: readonly Mistake[]): number {
  return Math.max(0, ...mistakes.map((mistake) => mistake.where.length)) - mistakes.length;
}

/** `tests[3].file.name`; '' is the whole. */
function whereOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : `${text}${text && '.'}${printable(String(part))}`,
    '',
  );
}
