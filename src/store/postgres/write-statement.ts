export type Cell = string | number | boolean | null;
export type Row = readonly Cell[];

/** A statement that takes tables of parameters, one array per column, and writes for many callers at once. */
export type WriteStatement = {
  readonly name: string;
  readonly text: string;
  /** How many columns each table has. */
  readonly widths: readonly number[];
  /** Whether the last parameter is the name of the store, for its notifications. */
  readonly notifies: boolean;
};

/**
 * Numbers the parameters of a statement. Each table is declared as in SQL, such as `run_id text, seq bigint`, and
 * handed to `write` as what stands in a FROM; `origin` is the parameter with the name of the store.
 */
export function defineWrite<const Tables extends Readonly<Record<string, string>>>(
  name: string,
  tables: Tables,
  write: (from: Readonly<Record<keyof Tables, string>>, origin: string) => string,
): WriteStatement {
  const widths: number[] = [];
  let next = 1;
  const from = Object.entries(tables).map(([alias, declaration]) => {
    const columns = declaration.split(',').map((column) => column.trim().split(' '));
    const arrays = columns.map(([, type]) => `$${next++}::${type}[]`);
    widths.push(columns.length);
    return [alias, `unnest(${arrays.join(', ')}) AS ${alias} (${columns.map(([column]) => column).join(', ')})`];
  });
  const origin = `$${next}::text`;
  const text = write(Object.fromEntries(from), origin);
  // The server refuses a parameter that the statement does not name.
  return { name, text, widths, notifies: text.includes(origin) };
}

/** The arrays that a statement takes for the rows of its tables. */
export function toArrays(statement: WriteStatement, tables: readonly (readonly Row[])[]): readonly (readonly Cell[])[] {
  return statement.widths.flatMap((width, table) =>
    Array.from({ length: width }, (_, column) => (tables[table] ?? []).map((row) => row[column] ?? null)),
  );
}
