import { Failure } from './failure.js';
import { ago } from './screen.js';
import type { Setting } from './setting.js';

/** What a new token may do. */
export interface TokenOptions {
  readonly executor?: boolean;
  readonly admin?: boolean;
  readonly role?: Readonly<Record<string, string>>;
  readonly expiresInS?: number;
}

/** Makes a token; its secret alone goes to standard output, so that it can be written to a file. */
export async function createToken(
  { client, screen, json }: Setting,
  name: string,
  options: TokenOptions,
): Promise<number> {
  if (options.executor && (options.admin || options.role !== undefined))
    throw new Failure('an executor has no roles: say either --executor, or --admin and --role');
  const token = await client.createToken({
    name,
    kind: options.executor ? 'executor' : 'person',
    ...(options.admin ? { gridAdmin: true } : {}),
    ...(options.role === undefined ? {} : { roles: options.role }),
    ...(options.expiresInS === undefined ? {} : { expiresInS: options.expiresInS }),
  });
  if (json) screen.json(token);
  else {
    screen.note(`${token.id} for ${token.name}; the secret is shown this once:`);
    screen.line(token.secret);
  }
  return 0;
}

/** All tokens; never their secrets. */
export async function listTokens({ client, screen, json }: Setting): Promise<number> {
  const { items } = await client.tokens();
  if (json) screen.json(items);
  else
    screen.table([
      ['ID', 'NAME', 'KIND', 'MADE', 'MAY'].map((text) => ({ text, tone: 'quiet' as const })),
      ...items.map((token) => [
        token.id,
        token.name,
        token.kind,
        ago(token.createdAt),
        token.revokedAt !== undefined
          ? { text: `nothing: revoked ${ago(token.revokedAt)}`, tone: 'quiet' as const }
          : token.gridAdmin
            ? 'everything (grid admin)'
            : Object.entries(token.roles)
                .map(([project, role]) => `${role} of ${project}`)
                .join(', ') || '-',
      ]),
    ]);
  return 0;
}

/** Ends a token for ever. */
export async function revokeToken({ client, screen, json }: Setting, id: string): Promise<number> {
  if (!/^t[1-9][0-9]*$/.test(id))
    throw new Failure(`'${id}' is no token: they are like t5 (testyard token list)`);
  const token = await client.revokeToken(id);
  if (json) screen.json(token);
  else screen.line(`${token.id} (${token.name}) is revoked`);
  return 0;
}
