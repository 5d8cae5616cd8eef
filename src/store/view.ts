type Nullable<Row> = { [Key in keyof Row]: null extends Row[Key] ? Key : never }[keyof Row];
type ShownValue<Value> = Value extends Date ? string : Value;

/** A row as people see it: what is null is left out, times are RFC 3339 in UTC. */
export type Shown<Row> = {
  [Key in Exclude<keyof Row, Nullable<Row>>]: ShownValue<Row[Key]>;
} & { [Key in Nullable<Row>]?: ShownValue<Exclude<Row[Key], null>> };

/** See `Shown`; one level deep. */
export function shown<Row extends object>(row: Row): Shown<Row> {
  const entries = Object.entries(row)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => [key, value instanceof Date ? value.toISOString() : value]);
  return Object.fromEntries(entries) as Shown<Row>;
}

/** One page of a list, and where the next begins, if there is one. */
export interface Page<Item, Key> {
  readonly items: readonly Item[];
  readonly next?: Key;
}

/** A page of `limit` items out of `limit + 1` rows that were asked for. */
export function pageOf<Item, Key>(
  rows: readonly Item[],
  limit: number,
  keyOf: (last: Item) => Key,
): Page<Item, Key> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return rows.length > limit && last !== undefined ? { items, next: keyOf(last) } : { items };
}
