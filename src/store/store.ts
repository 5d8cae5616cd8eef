import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
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

/** The one way to the database. */
export class Store implements Sql {
  constructor(readonly source: DataSource) {}

  /** Connects; fails at once where the database does not answer. */
  static async open(url: string, options: { readonly poolSize: number }) {
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
      extra: { application_name: 'testyard', connectionTimeoutMillis: 10_000, keepAlive: true },
    });
    extendTypes(source);
    await source.initialize();
    return new Store(source);
  }

  async rows<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    const runner = this.source.createQueryRunner();
    try {
      return await rowsBy<Row>(runner, sql, parameters);
    } finally {
      await runner.release();
    }
  }

  /** Runs `work` in one transaction; wakes `wake()`'s channels when it commits. Isolation: read committed. */
  async transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const runner = this.source.createQueryRunner();
    try {
      await runner.startTransaction();
      const tx: Transaction = {
        manager: runner.manager,
        rows: (sql, parameters = []) => rowsBy(runner, sql, parameters),
      };
      const result = await work(tx);
      await runner.commitTransaction();
      return result;
    } catch (error) {
      if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
      throw error;
    } finally {
      await runner.release();
    }
  }

  async close(): Promise<void> {
    if (this.source.isInitialized) await this.source.destroy();
  }
}

/** Wakes whoever listens, when the transaction commits; PostgreSQL folds equal ones of a transaction. */
export async function wake(sql: Sql, ...channels: readonly Channel[]): Promise<void> {
  await sql.rows(`SELECT pg_notify(channel, '') FROM unnest($1::text[]) AS channel`, [channels]);
}

async function rowsBy<Row>(runner: QueryRunner, sql: string, parameters: readonly unknown[]): Promise<Row[]> {
  const result = await runner.query(sql, [...parameters], true);
  return (result.records ?? []) as Row[];
}
