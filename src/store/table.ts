import { type DataSource, EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';

declare const VALUE: unique symbol;

/** A column, with the type of its values as TypeORM gives them. */
type Column<Value> = EntitySchemaColumnOptions & { readonly [VALUE]?: Value };

type Columns = Readonly<Record<string, Column<unknown>>>;
type ValueOf<Of> = Of extends { readonly [VALUE]?: infer Value } ? Value : never;

/** A row of a table as a plain object. */
type RowOf<Of extends Columns> = { [Name in keyof Of]: Exclude<ValueOf<Of[Name]>, undefined> };

/** What holds in a table beyond its columns' types, by the names the database reports. */
interface Rules<Name> {
  readonly uniques?: Readonly<Record<string, readonly Name[]>>;
  /** A column, and the table whose `id` it holds; or several, which go with the row that they name. */
  readonly foreignKeys?: Readonly<
    Record<
      string,
      | readonly [column: Name, of: string]
      | { readonly goesWith: string; readonly columns: readonly Name[]; readonly named: readonly string[] }
    >
  >;
  /** SQL conditions. */
  readonly checks?: Readonly<Record<string, string>>;
  readonly indices?: Readonly<
    Record<string, { readonly columns: readonly Name[]; readonly unique?: true; readonly where?: string }>
  >;
}

/** A table whose rows are plain objects: `host_tag.seen_at` is `row.seenAt`. */
export function table<Of extends Columns>(
  name: string,
  columns: Of,
  rules: Rules<keyof Of & string> = {},
): EntitySchema<RowOf<Of>> {
  const named = Object.entries(columns).map(([property, column]) => [
    property,
    {
      ...column,
      name: snake(property),
      ...(column.primary ? { primaryKeyConstraintName: `${name}_pk` } : {}),
    },
  ]);
  return new EntitySchema<RowOf<Of>>({
    name,
    columns: Object.fromEntries(named) as Record<keyof Of, EntitySchemaColumnOptions>,
    uniques: entries(rules.uniques).map(([name, columns]) => ({ name, columns: [...columns] })),
    checks: entries(rules.checks).map(([name, expression]) => ({ name, expression })),
    indices: entries(rules.indices).map(([name, index]) => ({ ...index, name, columns: [...index.columns] })),
    foreignKeys: entries(rules.foreignKeys).map(([name, rule]) =>
      'goesWith' in rule
        ? {
            name,
            target: rule.goesWith,
            columnNames: [...rule.columns],
            referencedColumnNames: [...rule.named],
            onDelete: 'CASCADE' as const,
          }
        : { name, target: rule[1], columnNames: [rule[0]], referencedColumnNames: ['id'] },
    ),
  });
}

/** A condition that allows these values and no other. */
export function oneOf(column: string, values: readonly string[]): string {
  return `${column} IN (${values.map((value) => `'${value}'`).join(', ')})`;
}

function entries<Value>(record: Readonly<Record<string, Value>> = {}): [string, Value][] {
  return Object.entries(record);
}

function snake(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A column of this PostgreSQL type; `given` is its default, as a number or else as SQL. */
function column<Value>(type: EntitySchemaColumnOptions['type'], given?: string | number): Column<Value> {
  if (given === undefined) return { type };
  return { type, default: typeof given === 'number' ? given : () => given };
}

/** Part of the primary key. */
export const key = <Value>(of: Column<Value>): Column<Value> => ({ ...of, primary: true });

/** May be null. */
export const orNull = <Value>(of: Column<Value>): Column<Value | null> => ({
  ...(of as EntitySchemaColumnOptions),
  nullable: true,
});

/** 64 bits as decimal digits. */
export const bigint = (given?: number) => column<string>('bigint', given);

/** 64 bits that the table itself counts. */
export const identity = (): Column<string> => ({
  type: 'bigint',
  // TypeORM knows the strategy, its type for EntitySchema does not.
  generated: 'identity' as 'increment',
});

/** 64 bits from the sequence named `<table>_<column>_seq`. */
export const sequence = (): Column<string> => ({ type: 'bigint', generated: 'increment' });

/** 32 bits. */
export const integer = (given?: number) => column<number>('integer', given);

/** 16 bits. */
export const smallint = (given?: number) => column<number>('smallint', given);

/** A floating-point number of 64 bits. */
export const double = (given?: number) => column<number>('double precision', given);

/** True or false. */
export const boolean = (given?: string) => column<boolean>('boolean', given);

/** Text of any length, or of a few known values. */
export const text = <Value extends string = string>(given?: string) => column<Value>('text', given);

/** Several texts. */
export const texts = <Value extends string = string>(given?: string): Column<readonly Value[]> => ({
  ...(column('text', given) as EntitySchemaColumnOptions),
  array: true,
});

/** Several numbers of 32 bits. */
export const integers = (given?: string): Column<readonly number[]> => ({
  ...(column('integer', given) as EntitySchemaColumnOptions),
  array: true,
});

/** Several ids. */
export const bigints = (given?: string): Column<readonly string[]> => ({
  ...(column('bigint', given) as EntitySchemaColumnOptions),
  array: true,
});

/** A moment, with its zone. */
export const instant = (given?: string) => column<Date>('timestamp with time zone', given);

/** A value of the domain as JSON. */
export const json = <Value>(given?: string) => column<Value>('jsonb', given);

/** Bytes. */
export const bytes = () => column<Buffer>('bytea');

/** A length of time, in pg's own shape. */
export const interval = () => column<object>('interval');

/** A random 128-bit number, made by the database. */
export const randomUuid = (): Column<string> => ({ type: 'uuid', generated: 'uuid' });

/** A transaction's number, as decimal digits. */
export const transactionId = (given: string) => column<string>(TRANSACTION_ID, given);

/** TypeORM has no name for the type, but hands it on as it is. */
const TRANSACTION_ID = 'xid8' as 'bigint';

/** Makes a source accept the column types above that TypeORM has no names for; before it is initialized. */
export function extendTypes(source: DataSource): void {
  source.driver.supportedDataTypes.push(TRANSACTION_ID);
}
