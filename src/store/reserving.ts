import type { Health } from '../domain/host.js';
import { type Id, showId } from '../domain/id.js';
import type { HostTransport } from '../domain/inventory.js';
import type { Layer } from '../domain/layer.js';
import { type Visible, visibleIds } from './access.js';
import { chronicle } from './chronicle.js';
import { cancelOwnWork, comeBack, holdDecisions, leftByPerson } from './coming-back.js';
import { type Sql, type Store, type Transaction, wake } from './store.js';
import { shown } from './view.js';

/** Somebody who wants a host for themselves. */
export interface Wish {
  readonly host: Id;
  readonly person: string;
  readonly why: string;
  readonly forS: number;
  /** The longest that one reservation may last, its extensions included. */
  readonly mostS: number;
}

/** Why a host cannot be had. */
export type Refused =
  | { readonly kind: 'maintenance' }
  | { readonly kind: 'taken'; readonly person: string; readonly until: string }
  | { readonly kind: 'too_long' };

/**
 * Reserves a host for a person, or lets the person's own reservation last `forS` from now. From the commit on
 * nothing of the grid's starts there; what runs is let finish.
 */
export async function reserve(store: Store, wish: Wish): Promise<Id | Refused> {
  return await store.transaction(async (tx) => {
    await holdDecisions(tx);
    const [host] = await tx.rows<{ name: string; health: Health }>(
      `SELECT name, health FROM host WHERE id = $1 FOR NO KEY UPDATE`,
      [wish.host],
    );
    if (host === undefined) throw new Error(`there is no host ${wish.host}`);
    const [live] = await tx.rows<{ id: Id; person: string; until: Date; fits: boolean }>(
      `SELECT id, person, until, since + $2 * interval '1 s' >= grid_now() + $3 * interval '1 s' AS fits
       FROM reservation WHERE host_id = $1 AND ended_at IS NULL`,
      [wish.host, wish.mostS, wish.forS],
    );
    if (live !== undefined && live.person !== wish.person)
      return { kind: 'taken', person: live.person, until: live.until.toISOString() };
    if (wish.forS > wish.mostS || live?.fits === false) return { kind: 'too_long' };
    if (live === undefined && host.health === 'maintenance') return { kind: 'maintenance' };
    const [made] = await tx.rows<{ id: Id; until: Date }>(
      live === undefined
        ? `INSERT INTO reservation (host_id, person, why, until)
           VALUES ($1, $2, $3, grid_now() + $4 * interval '1 s') RETURNING id, until`
        : `UPDATE reservation SET why = $3, until = grid_now() + $4 * interval '1 s'
           WHERE host_id = $1 AND person = $2 AND ended_at IS NULL RETURNING id, until`,
      [wish.host, wish.person, wish.why, wish.forS],
    );
    if (made === undefined) throw new Error('a reservation gives its row');
    await cancelOwnWork(tx, host.name, wish.person);
    await begun(tx, wish.host, host.name, wish.person, { why: wish.why, until: made.until.toISOString() });
    return made.id;
  });
}

/** The projects that the host's pool is for, by id and name; undefined: all. */
export async function projectsOfPool(
  sql: Sql,
  host: Id,
): Promise<
  { readonly pool: string; readonly ids: readonly Id[]; readonly names: readonly string[] } | undefined
> {
  const [row] = await sql.rows<{ pool: string; names: string[] | null; ids: Id[] }>(
    `SELECT p.name AS pool, p.projects AS names,
       ARRAY(SELECT id::text FROM project WHERE name = ANY (p.projects)) AS ids
     FROM host h JOIN pool p ON p.id = h.pool_id WHERE h.id = $1`,
    [host],
  );
  return row === undefined || row.names === null ? undefined : { ...row, names: row.names };
}

/** A failed run whose submission asked to keep the host. */
export interface Failed {
  readonly host: Id;
  readonly run: Id;
  readonly submission: Id;
  readonly person: string;
  readonly forS: number;
}

/**
 * Keeps the host of a failed run for whoever submitted it, in the transaction that frees its seat; one host of a
 * submission at a time, so that a build that fails everywhere takes no fleet. Not under `local`, where nothing is
 * left to look at, and not where somebody has the host already. True where it is kept.
 */
export async function keepForFailure(tx: Transaction, failed: Failed): Promise<boolean> {
  const [made] = await tx.rows<{ until: Date; host: string }>(
    `INSERT INTO reservation (host_id, person, why, run_id, submission_id, until)
     SELECT h.id, $2, 'r' || $3::bigint || ' failed there', $3, $4, grid_now() + $5 * interval '1 s' FROM host h
     WHERE h.id = $1 AND h.transport->>'kind' <> 'local' AND h.health <> 'maintenance' AND h.removed_at IS NULL
       AND NOT EXISTS (SELECT FROM reservation v WHERE v.ended_at IS NULL AND v.submission_id = $4)
     ON CONFLICT (host_id) WHERE ended_at IS NULL DO NOTHING
     RETURNING until, (SELECT name FROM host WHERE id = $1) AS host`,
    [failed.host, failed.person, failed.run, failed.submission, failed.forS],
  );
  if (made === undefined) return false;
  await cancelOwnWork(tx, made.host, failed.person);
  await begun(tx, failed.host, made.host, failed.person, {
    why: `r${failed.run} failed there`,
    run: showId('run', failed.run),
    until: made.until.toISOString(),
  });
  return true;
}

async function begun(
  tx: Transaction,
  hostId: Id,
  host: string,
  actor: string,
  data: Readonly<Record<string, unknown>>,
): Promise<void> {
  await tx.rows(`UPDATE host SET version = nextval('host_version_seq') WHERE id = $1`, [hostId]);
  await chronicle(tx, [
    { kind: 'host.reserved', subject: showId('host', hostId), actor, data: { host, ...data } },
  ]);
  await wake(tx, 'testyard_scheduler', 'testyard_history');
}

/** The live reservation of a host. */
export async function reservationOf(
  sql: Sql,
  host: Id,
): Promise<{ readonly id: Id; readonly person: string } | undefined> {
  const [row] = await sql.rows<{ id: Id; person: string }>(
    `SELECT id, person FROM reservation WHERE host_id = $1 AND ended_at IS NULL`,
    [host],
  );
  return row;
}

/** Reservations whose time is over. */
export function reservationsOver(sql: Sql): Promise<{ id: Id }[]> {
  return sql.rows(`SELECT id FROM reservation WHERE ended_at IS NULL AND until <= grid_now() ORDER BY id`);
}

/**
 * Ends a reservation: nobody knows what the person changed, so the host is dirty, and suspect until a canary works
 * there. False where it was over already; with `onlyIfOver` one that was extended meanwhile is left alone.
 */
export async function endReservation(
  tx: Transaction,
  id: Id,
  actor: string,
  onlyIfOver = false,
): Promise<boolean> {
  const [ended] = await tx.rows<{ host: Id; person: string }>(
    `UPDATE reservation SET ended_at = grid_now(), ended_by = $2
     WHERE id = $1 AND ended_at IS NULL AND (NOT $3 OR until <= grid_now()) RETURNING host_id AS host, person`,
    [id, actor, onlyIfOver],
  );
  if (ended === undefined) return false;
  const [host] = await tx.rows<{ name: string; expendable: Layer[]; isOut: boolean }>(
    `SELECT name, expendable, out_by IS NOT NULL AS "isOut" FROM host WHERE id = $1 FOR NO KEY UPDATE`,
    [ended.host],
  );
  if (host === undefined) throw new Error(`there is no host ${ended.host}`);
  await leftByPerson(tx, ended.host, host.expendable);
  // Whatever it carries: it can be planned with again.
  await tx.rows(`UPDATE host SET version = nextval('host_version_seq') WHERE id = $1`, [ended.host]);
  if (!host.isOut)
    await comeBack(tx, ended.host, actor, `the reservation of ${ended.person} is over; a canary will tell`);
  await chronicle(tx, [
    {
      kind: 'host.reservation_ended',
      subject: showId('host', ended.host),
      actor,
      data: { host: host.name, person: ended.person },
    },
  ]);
  await wake(tx, 'testyard_scheduler', 'testyard_history');
  return true;
}

/** A person gives a host back before its time. False where it was given back already. */
export async function giveBack(store: Store, id: Id, actor: string): Promise<boolean> {
  return await store.transaction(async (tx) => {
    await holdDecisions(tx);
    return await endReservation(tx, id, actor);
  });
}

interface ReservationRow {
  readonly id: string;
  readonly host: string;
  readonly person: string;
  readonly why: string;
  readonly since: Date;
  readonly until: Date;
  readonly run: string | null;
  readonly free: boolean;
  readonly waitsFor: string[];
  readonly transport: HostTransport;
}

/** Live reservations, of one host or of all, by host; everybody sees them, and runs of their own projects. */
export async function listReservations(sql: Sql, visible: Visible, host?: Id) {
  const rows = await sql.rows<ReservationRow>(
    `SELECT 'v' || v.id AS id, h.name AS host, v.person, v.why, v.since, v.until, h.transport,
       (SELECT 'r' || r.id FROM run r WHERE r.id = v.run_id
          AND ($1::bigint[] IS NULL OR r.project_id = ANY ($1))) AS run,
       NOT EXISTS (SELECT FROM host_seat s WHERE s.host_id = v.host_id) AS free,
       (SELECT coalesce(jsonb_agg(DISTINCT 'r' || s.run_id), '[]') FROM host_seat s JOIN queue q ON q.run_id = s.run_id
          WHERE s.host_id = v.host_id AND ($1::bigint[] IS NULL OR q.project_id = ANY ($1))) AS "waitsFor"
     FROM reservation v JOIN host h ON h.id = v.host_id
     WHERE v.ended_at IS NULL AND ($2::bigint IS NULL OR v.host_id = $2) ORDER BY h.name`,
    [visibleIds(visible), host ?? null],
  );
  return rows.map(({ transport, ...row }) => ({ ...shown(row), reach: reachOf(transport) }));
}

/** How a person gets in; what the grid itself gets in with is not told. */
function reachOf(transport: HostTransport) {
  if (transport.kind === 'local') return { kind: 'local' as const };
  const { address, port, user } = transport;
  return { kind: 'ssh' as const, address, port, user };
}
