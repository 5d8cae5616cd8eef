import pg from 'pg';
import type { QueryRunner } from 'typeorm';
import { type Guard, type Plans, Store, type Transaction } from '../../src/store/store.js';

/** A part of a plan as EXPLAIN (FORMAT JSON) gives it; counts of rows are per loop. */
interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Function Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly Node[];
}

/** What one statement of a function did. */
export interface Plan {
  readonly sql: string;
  /** Rows given back, written, or handed in as an array: what the work may be in relation to. */
  readonly due: number;
  /** Rows read from tables that grow, those included that were read in vain. */
  readonly read: number;
  /** Blocks of 8 KiB that were looked at. */
  readonly buffers: number;
  /** Tables that grow and were read from end to end, with how many rows. */
  readonly whole: ReadonlyMap<string, number>;
  /** For each partitioned table those partitions that were really looked into. */
  readonly partitions: ReadonlyMap<string, ReadonlySet<string>>;
  readonly text: string;
}

const PARTITION = /^(run|attempt|place|step_run|case_result|measurement|history)_(p\d+|\d{6}|default)$/;
const GROWING = /^(queue|output_segment|search|trial)$/;

function planOf(sql: string, root: Node, given: number): Plan {
  const whole = new Map<string, number>();
  const partitions = new Map<string, Set<string>>();
  let read = 0;
  let written = 0;
  for (const node of nodesOf(root)) {
    const loops = node['Actual Loops'];
    if (loops === 0) continue;
    const rows = Math.round(
      (node['Actual Rows'] +
        (node['Rows Removed by Filter'] ?? 0) +
        (node['Rows Removed by Index Recheck'] ?? 0)) *
        loops,
    );
    if (node['Node Type'] === 'ModifyTable') written += inputOf(node);
    else if (node['Relation Name'] !== undefined) {
      const name = node['Relation Name'];
      const parent = PARTITION.exec(name)?.[1];
      if (parent !== undefined) partitions.set(parent, (partitions.get(parent) ?? new Set()).add(name));
      if (parent === undefined && !GROWING.test(name)) continue;
      read += rows;
      if (node['Node Type'] === 'Seq Scan') whole.set(name, (whole.get(name) ?? 0) + rows);
    }
  }
  return {
    sql,
    due: Math.round(root['Actual Rows']) + written + given,
    read,
    buffers: (root['Shared Hit Blocks'] ?? 0) + (root['Shared Read Blocks'] ?? 0),
    whole,
    partitions,
    text: textOf(root),
  };
}

/** Rows that a writing node was given: without RETURNING it gives none back. */
function inputOf(node: Node): number {
  return (node.Plans ?? []).reduce(
    (sum, child) => sum + Math.round(child['Actual Rows'] * child['Actual Loops']),
    0,
  );
}

function nodesOf(node: Node): readonly Node[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

function textOf(node: Node, depth = 0): string {
  const rows = `${node['Actual Rows']} x ${node['Actual Loops']}`;
  const vain = node['Rows Removed by Filter'] ? `, ${node['Rows Removed by Filter']} in vain` : '';
  const blocks = (node['Shared Hit Blocks'] ?? 0) + (node['Shared Read Blocks'] ?? 0);
  const line = `${'  '.repeat(depth)}${node['Node Type']} ${node['Relation Name'] ?? ''} (${rows}${vain}, ${blocks} blocks)`;
  return [line, ...(node.Plans ?? []).map((child) => textOf(child, depth + 1))].join('\n');
}

/**
 * A store of one transaction that is taken back, in which every statement is explained as it is issued,
 * with its parameters, and then carried out.
 */
export class ExplainingStore extends Store {
  readonly plans: Plan[] = [];
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(
    store: Store,
    private readonly runner: QueryRunner,
    private readonly plan: Plans,
  ) {
    super(store.source);
  }

  /** The plans of all that `work` says, planned for these parameters or for any. */
  static async watch(
    store: Store,
    plan: Plans,
    work: (store: ExplainingStore) => Promise<unknown>,
  ): Promise<readonly Plan[]> {
    const runner = store.source.createQueryRunner();
    const watched = new ExplainingStore(store, runner, plan);
    try {
      await runner.query('BEGIN');
      if (plan === 'once') await runner.query('SET LOCAL plan_cache_mode = force_generic_plan');
      await work(watched);
      return watched.plans;
    } finally {
      await runner.query('ROLLBACK').catch(() => undefined);
      await runner.release();
    }
  }

  override rows<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    // One at a time, since a savepoint is the whole connection's.
    const result = this.turn.then(() => this.explained<Row>(sql, parameters));
    this.turn = result.catch(() => undefined);
    return result;
  }

  override async transaction<Result>(
    work: (tx: Transaction) => Promise<Result>,
    guard?: Guard,
  ): Promise<Result> {
    if (guard !== undefined && (await this.rows(guard.sql)).length !== 1) throw guard.otherwise();
    return work({ manager: this.runner.manager, rows: (sql, parameters) => this.rows(sql, parameters) });
  }

  private async explained<Row>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    await this.runner.query('SAVEPOINT before_looking');
    const row = await this.explain(sql, parameters);
    await this.runner.query('ROLLBACK TO before_looking');
    this.plans.push(
      planOf(
        sql,
        row['QUERY PLAN'][0].Plan,
        parameters.reduce<number>((n, p) => n + lengthOf(p), 0),
      ),
    );
    return (await this.runner.query(sql, [...parameters], true)).records ?? [];
  }

  private async explain(sql: string, parameters: readonly unknown[]) {
    const explain = 'EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON)';
    if (this.plan === 'each' || parameters.length === 0)
      return (await this.runner.query(`${explain} ${sql}`, [...parameters]))[0];
    // Only a statement that was prepared by name is explained as it would be planned for any parameters.
    await this.runner.query(`PREPARE looked_at AS ${sql}`);
    const values = parameters.map((value) => literal(value)).join(', ');
    const [row] = await this.runner.query(`${explain} EXECUTE looked_at(${values})`);
    await this.runner.query('DEALLOCATE looked_at');
    return row;
  }
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (Buffer.isBuffer(value)) return `'\\x${value.toString('hex')}'`;
  if (!Array.isArray(value)) return pg.escapeLiteral(String(value));
  const items = value.map((item) => (item === null ? 'NULL' : JSON.stringify(String(item))));
  return pg.escapeLiteral(`{${items.join(',')}}`);
}

/** How many things a parameter hands in: arrays, and arrays in JSON. */
function lengthOf(parameter: unknown): number {
  if (Array.isArray(parameter)) return parameter.length;
  if (typeof parameter !== 'string' || !parameter.startsWith('[')) return 0;
  const value: unknown = JSON.parse(parameter);
  return Array.isArray(value) ? value.length : 0;
}
