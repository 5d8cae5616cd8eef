import type pg from 'pg';
import { DataSource, type EntityManager, QueryFailedError } from 'typeorm';
import { SCHEMA } from './schema.js';
import { extendTypes } from './table.js';

/** Something that SQL can be said to: the store itself, or a transaction of it. */
export interface Sql {
  /** Runs one statement with $1, $2 ... and gives its rows (of RETURNING too). 64-bit numbers are strings. */
  rows<Row>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

/** A transaction; `manager` is for TypeORM's own queries within it. */
export interface Transaction extends Sql {
  readonly manager: EntityManager;
}

/** Whom to wake once a transaction has been committed. */
export type Channel =
  /** There is something to decide. */
  | 'testyard_scheduler'
  /** There is work, or something to stop, for executors. */
  | 'testyard_executors'
  /** History has grown. */
  | 'testyard_history';

/** A row that a transaction needs from its first moment on: none, and it does nothing. */
export interface Guard {
  /** Gives one row where it holds; without parameters. */
  readonly sql: string;
  readonly otherwise: () => Error;
}

/** How statements are planned. */
export type Plans =
  /** For the parameters of each call, until the database finds that they make no difference. */
  | 'each'
  /**
   * Once per connection: for statements whose way does not depend on the parameters. Planning one that joins
   * partitioned tables takes several times as long as carrying it out.
   */
  | 'once';

/** The one way to the database. */
export class Store implements Sql {
  constructor(readonly source: DataSource) {}

  /** Connects; fails at once where the database does not answer. */
  static async open(url: string, options: { readonly poolSize: number; readonly plans?: Plans }) {
    const source = new DataSource({
      type: 'postgres',
      url,
      entities: Object.values(SCHEMA),
      synchronize: false,
      installExtensions: false,
      poolSize: options.poolSize,
      poolErrorHandler: () => {
        // A connection that breaks while idle is replaced by the pool; the next statement tells.
      },
      // Pipelined: statements of a transaction that are said together are carried out in order, in one round trip.
      extra: {
        application_name: 'testyard',
        connectionTimeoutMillis: 10_000,
        keepAlive: true,
        pipeline: true,
        ...(options.plans === 'once' ? { options: '-c plan_cache_mode=force_generic_plan' } : {}),
      },
    });
    extendTypes(source);
    await source.initialize();
    return new Store(source);
  }

  async rows<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    const runner = this.source.createQueryRunner();
    try {
      return await rowsBy<Row>(await runner.connect(), sql, parameters);
    } finally {
      await runner.release();
    }
  }

  /**
   * Runs `work` in one transaction, if `guard` holds; `wake`'s channels are notified when it commits. Isolation:
   * read committed. Begin, guard and what `work` says first are one round trip, and so are notifications and commit. Where
   * the guard does not hold `work` may have run, but has changed nothing: it must do nothing beside the database.
   */
  async transaction<Result>(work: (tx: Transaction) => Promise<Result>, guard?: Guard): Promise<Result> {
    const runner = this.source.createQueryRunner();
    const client: pg.PoolClient = await runner.connect();
    // So that TypeORM's own queries join this transaction instead of beginning one.
    Object.assign(runner, { isTransactionActive: true });
    const wanted = new Set<Channel>();
    const tx: Transaction = {
      manager: runner.manager,
      rows: (sql, parameters = []) => rowsBy(client, sql, parameters),
    };
    wakes.set(tx, wanted);
    // What is said first is said together with it, and for nothing where the guard does not hold.
    const begun = begin(client, guard);
    begun.catch(() => {});
    try {
      const result = await work(tx);
      await begun;
      const ends = await together(client, [...[...wanted].map((channel) => `NOTIFY ${channel}`), 'COMMIT']);
      // A transaction that had failed unnoticed is rolled back by COMMIT, without an error.
      if (ends.at(-1)?.command !== 'COMMIT') throw new Error('the transaction could not be committed');
      return result;
    } catch (error) {
      const first = await begun.then(
        () => error,
        (why: unknown) => why,
      );
      await client.query('ROLLBACK').catch(() => undefined);
      throw first;
    } finally {
      await runner.release();
    }
  }

  async close(): Promise<void> {
    if (this.source.isInitialized) await this.source.destroy();
  }
}

/** Wakes whoever listens, when the transaction commits. */
export async function wake(sql: Sql, ...channels: readonly Channel[]): Promise<void> {
  const wanted = wakes.get(sql);
  if (wanted === undefined)
    await sql.rows(`SELECT pg_notify(channel, '') FROM unnest($1::text[]) AS channel`, [channels]);
  for (const channel of channels) wanted?.add(channel);
}

/** Whom to wake when transactions under way commit. */
const wakes = new WeakMap<Sql, Set<Channel>>();

async function begin(client: pg.ClientBase, guard: Guard | undefined): Promise<void> {
  const [, held] = await together(client, ['BEGIN', ...(guard === undefined ? [] : [guard.sql])]);
  if (guard !== undefined && held?.rowCount !== 1) throw guard.otherwise();
}

/** Statements without parameters in one round trip; after one that fails none is carried out. */
async function together(
  client: pg.ClientBase,
  statements: readonly string[],
): Promise<readonly pg.QueryResult[]> {
  const sql = statements.join('; ');
  try {
    const results: pg.QueryResult | pg.QueryResult[] = await client.query(sql);
    return Array.isArray(results) ? results : [results];
  } catch (error) {
    throw failed(sql, [], error);
  }
}

async function rowsBy<Row>(
  client: pg.ClientBase,
  text: string,
  parameters: readonly unknown[],
): Promise<Row[]> {
  try {
    const result = await client.query({ ...nameOf(text), text, values: [...parameters] });
    return result.rows as Row[];
  } catch (error) {
    throw failed(text, parameters, error);
  }
}

function failed(sql: string, parameters: readonly unknown[], error: unknown): QueryFailedError {
  return new QueryFailedError(
    sql,
    [...parameters],
    error instanceof Error ? error : new Error(String(error)),
  );
}

/** More texts than this program has; texts beyond are made by somebody and not worth keeping. */
const MOST_PREPARED = 500;

const names = new Map<string, string>();

/** A name by which a connection keeps a statement: it is parsed once, and soon planned once. */
function nameOf(text: string): { readonly name?: string } {
  const known = names.get(text);
  if (known !== undefined) return { name: known };
  if (names.size >= MOST_PREPARED) return {};
  const name = `testyard_${names.size + 1}`;
  names.set(text, name);
  return { name };
}
