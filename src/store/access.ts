import { createHash, randomBytes } from 'node:crypto';
import { type Id, showId } from '../domain/id.js';
import { chronicle } from './chronicle.js';
import type { Sql, Store } from './store.js';
import { wake } from './store.js';
import { shown } from './view.js';

/** What a token may do in one project; each may do all that those before it may: see, submit, push changes. */
export type Role = 'viewer' | 'submitter' | 'developer';

/** Whoever asks, as the token says. */
export interface Caller {
  readonly tokenId: Id;
  readonly name: string;
  readonly kind: 'person' | 'executor';
  readonly gridAdmin: boolean;
  readonly roles: ReadonlyMap<Id, Role>;
}

/** The projects of which somebody may see anything: the one filter of all reads. */
export type Visible = 'all' | readonly Id[];

/** What a caller may see. */
export function visibleTo(caller: Caller): Visible {
  return caller.gridAdmin ? 'all' : [...caller.roles.keys()];
}

/** `Visible` as a parameter for `($n::bigint[] IS NULL OR project_id = ANY ($n))`. */
export function visibleIds(visible: Visible): readonly Id[] | null {
  return visible === 'all' ? null : visible;
}

/** Whether a caller may submit, cancel and retry in a project. */
export function maySubmit(caller: Caller, projectId: Id): boolean {
  return caller.gridAdmin || isSubmitter(caller.roles.get(projectId));
}

/** Whether a caller may submit in any project at all. */
export function maySubmitAnywhere(caller: Caller): boolean {
  return caller.gridAdmin || [...caller.roles.values()].some(isSubmitter);
}

/** Whether a caller may put candidates of changes before the grid, in a project. */
export function mayPush(caller: Caller, projectId: Id): boolean {
  return caller.gridAdmin || caller.roles.get(projectId) === 'developer';
}

function isSubmitter(role: Role | undefined): boolean {
  return role === 'submitter' || role === 'developer';
}

/** Tokens are 256 random bits and so need no slow hash. */
export function digestOfSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** A secret that nobody has had before. */
export function newSecret(): string {
  return `ty_${randomBytes(32).toString('base64url')}`;
}

/** Whose token it is, or why it is good for nothing. */
export async function findCaller(
  sql: Sql,
  digest: Buffer,
): Promise<Caller | 'unknown' | 'revoked' | 'expired'> {
  const [row] = await sql.rows<{
    id: Id;
    name: string;
    kind: 'person' | 'executor';
    grid_admin: boolean;
    revoked: boolean;
    expired: boolean;
    roles: readonly [Id, Role][];
  }>(
    `SELECT t.id, t.name, t.kind, t.grid_admin, t.revoked_at IS NOT NULL AS revoked,
            coalesce(t.expires_at <= grid_now(), false) AS expired,
            coalesce((SELECT jsonb_agg(jsonb_build_array(r.project_id::text, r.role))
                      FROM token_role r WHERE r.token_id = t.id), '[]') AS roles
     FROM token t WHERE t.digest = $1`,
    [digest],
  );
  if (row === undefined) return 'unknown';
  if (row.revoked) return 'revoked';
  if (row.expired) return 'expired';
  return {
    tokenId: row.id,
    name: row.name,
    kind: row.kind,
    gridAdmin: row.grid_admin,
    roles: new Map(row.roles),
  };
}

/** Makes the first admin's token from a secret kept elsewhere; does nothing where that secret is known already. */
export async function ensureAdminToken(
  store: Store,
  secret: string,
): Promise<'created' | 'there' | 'revoked'> {
  if (!/^ty_[A-Za-z0-9_-]{32,200}$/.test(secret)) {
    throw new Error("An admin token is 'ty_' and at least 32 letters, digits, dashes or underscores");
  }
  return await store.transaction(async (tx) => {
    const made = await tx.rows<{ id: Id }>(
      `INSERT INTO token (name, digest, kind, grid_admin, created_by) VALUES ('admin', $1, 'person', true, 'testyard')
       ON CONFLICT (digest) DO NOTHING RETURNING id`,
      [digestOfSecret(secret)],
    );
    const id = made[0]?.id;
    if (id === undefined) {
      const found = await findCaller(tx, digestOfSecret(secret));
      return typeof found === 'string' ? 'revoked' : 'there';
    }
    await chronicle(tx, [
      {
        kind: 'token.created',
        subject: showId('token', id),
        actor: 'testyard',
        data: { name: 'admin', kind: 'person', gridAdmin: true, roles: {} },
      },
    ]);
    await wake(tx, 'testyard_history');
    return 'created';
  });
}

/** What a new token is to be good for. */
export interface NewToken {
  readonly name: string;
  readonly kind: 'person' | 'executor';
  readonly gridAdmin: boolean;
  /** By the project's name. */
  readonly roles: Readonly<Record<string, Role>>;
  readonly expiresInS?: number | undefined;
}

const TOKEN_COLUMNS = `
  't' || t.id AS id, t.name, t.kind, t.grid_admin AS "gridAdmin",
  coalesce((SELECT jsonb_object_agg(p.name, r.role) FROM token_role r JOIN project p ON p.id = r.project_id
            WHERE r.token_id = t.id), '{}') AS roles,
  t.created_at AS "createdAt", t.expires_at AS "expiresAt", t.revoked_at AS "revokedAt"`;

interface TokenRow {
  readonly id: string;
  readonly name: string;
  readonly kind: 'person' | 'executor';
  readonly gridAdmin: boolean;
  readonly roles: Record<string, Role>;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

/** Makes a token; its secret is given back this once. Names the projects that do not exist instead, if any. */
export async function createToken(store: Store, token: NewToken, actor: string) {
  const secret = newSecret();
  const names = Object.keys(token.roles);
  return await store.transaction(async (tx) => {
    const projects = await tx.rows<{ id: Id; name: string }>(
      `SELECT id, name FROM project WHERE name = ANY ($1::text[])`,
      [names],
    );
    const known = new Set(projects.map((project) => project.name));
    const unknownProjects = names.filter((name) => !known.has(name));
    if (unknownProjects.length > 0) return { ok: false as const, unknownProjects };
    const [made] = await tx.rows<{ id: Id }>(
      `INSERT INTO token (name, digest, kind, grid_admin, created_by, expires_at)
       VALUES ($1, $2, $3, $4, $5, grid_now() + make_interval(secs => $6::double precision)) RETURNING id`,
      [token.name, digestOfSecret(secret), token.kind, token.gridAdmin, actor, token.expiresInS ?? null],
    );
    const id = made?.id ?? '';
    await tx.rows(
      `INSERT INTO token_role (token_id, project_id, role)
       SELECT $1, given.project, given.role FROM unnest($2::bigint[], $3::text[]) AS given (project, role)`,
      [id, projects.map((project) => project.id), projects.map((project) => token.roles[project.name])],
    );
    const { name, kind, gridAdmin, roles } = token;
    await chronicle(tx, [
      { kind: 'token.created', subject: showId('token', id), actor, data: { name, kind, gridAdmin, roles } },
    ]);
    await wake(tx, 'testyard_history');
    const [row] = await tx.rows<TokenRow>(`SELECT ${TOKEN_COLUMNS} FROM token t WHERE t.id = $1`, [id]);
    return { ok: true as const, token: { ...shown(row as TokenRow), secret } };
  });
}

/** Every token there ever was, newest first; never a secret. */
export async function listTokens(sql: Sql) {
  const rows = await sql.rows<TokenRow>(`SELECT ${TOKEN_COLUMNS} FROM token t ORDER BY t.id DESC`);
  return rows.map(shown);
}

/** Ends a token for ever; `last_admin` where nobody could administer the grid any more. */
export async function revokeToken(store: Store, id: Id, actor: string) {
  return await store.transaction(async (tx) => {
    // All admins in order: two that revoke each other must not both succeed.
    const admins = await tx.rows<{ id: Id }>(
      `SELECT id FROM token WHERE grid_admin AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > grid_now())
       ORDER BY id FOR UPDATE`,
    );
    if (admins.length === 1 && admins[0]?.id === id) return 'last_admin' as const;
    const ended = await tx.rows<{ name: string }>(
      `UPDATE token SET revoked_at = grid_now() WHERE id = $1 AND revoked_at IS NULL RETURNING name`,
      [id],
    );
    const name = ended[0]?.name;
    if (name !== undefined) {
      await chronicle(tx, [{ kind: 'token.revoked', subject: showId('token', id), actor, data: { name } }]);
      await wake(tx, 'testyard_history');
    }
    const [row] = await tx.rows<TokenRow>(`SELECT ${TOKEN_COLUMNS} FROM token t WHERE t.id = $1`, [id]);
    return row === undefined ? ('unknown' as const) : shown(row);
  });
}

/** The id of a project that may be seen, by its name. */
export async function findProject(sql: Sql, visible: Visible, name: string): Promise<Id | undefined> {
  const [row] = await sql.rows<{ id: Id }>(
    `SELECT id FROM project WHERE name = $1 AND ($2::bigint[] IS NULL OR id = ANY ($2))`,
    [name, visibleIds(visible)],
  );
  return row?.id;
}

/** The projects that may be seen, by name. */
export async function listProjects(sql: Sql, visible: Visible) {
  const rows = await sql.rows<{ name: string; createdAt: Date }>(
    `SELECT name, created_at AS "createdAt" FROM project
     WHERE ($1::bigint[] IS NULL OR id = ANY ($1)) ORDER BY name`,
    [visibleIds(visible)],
  );
  return rows.map(shown);
}

/** Makes a project; undefined where the name is taken. */
export async function createProject(store: Store, name: string, actor: string) {
  return await store.transaction(async (tx) => {
    const [row] = await tx.rows<{ id: Id; name: string; createdAt: Date }>(
      `INSERT INTO project (name) VALUES ($1) ON CONFLICT (name) DO NOTHING
       RETURNING id, name, created_at AS "createdAt"`,
      [name],
    );
    if (row === undefined) return undefined;
    await chronicle(tx, [
      { project: row.id, kind: 'project.created', subject: showId('project', row.id), actor, data: { name } },
    ]);
    await wake(tx, 'testyard_history');
    return shown({ name: row.name, createdAt: row.createdAt });
  });
}
