import type { Pool, QueryResult } from 'pg';
import { Batches } from './batches.ts';
import { transact } from './connections.ts';

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
function toArrays(statement: WriteStatement, tables: readonly (readonly Row[])[]): readonly (readonly Cell[])[] {
  return statement.widths.flatMap((width, table) =>
    Array.from({ length: width }, (_, column) => (tables[table] ?? []).map((row) => row[column] ?? null)),
  );
}

/** One caller's part of a {@link WriteStatement}. */
export type EncodedWrite = {
  /** Names it in the statement's answer. */
  readonly id: string;
  /** Names the rows that it writes: one statement can write a row only once. */
  readonly keys: readonly string[];
  /** Its rows of each table. */
  readonly tables: readonly (readonly Row[])[];
};

export type Writes<Write extends EncodedWrite, Result> = Batches<Write, Result>;

/** A statement that locks what a write depends on, before the snapshot of the write is taken; it takes one array. */
type Lock<Write> = { readonly text: string; readonly keyOf: (write: Write) => string };

/**
 * Group commit for one statement.
 *
 * @param options.decode one row of the answer: whose it is, and what came of it.
 * @param options.absent what came of a write that the answer does not name.
 */
export function makeWrites<Write extends EncodedWrite, Result>(options: {
  readonly pool: Pool;
  readonly statement: WriteStatement;
  readonly origin: string;
  readonly lock?: Lock<Write>;
  readonly decode: (row: unknown) => readonly [id: string, result: Result];
  readonly absent: Result;
}): Writes<Write, Result> {
  const { pool, statement, origin, lock, decode, absent } = options;
  const query = (writes: readonly Write[]) => {
    const tables = statement.widths.map((_, table) => writes.flatMap((write) => write.tables[table] ?? []));
    const values = [...toArrays(statement, tables), ...(statement.notifies ? [origin] : [])];
    return { name: statement.name, text: statement.text, values };
  };
  const send = async (writes: readonly Write[]): Promise<QueryResult> => {
    if (lock === undefined) return await pool.query(query(writes));
    return await transact(pool, 'BEGIN', async (client) => {
      await client.query(lock.text, [writes.map(lock.keyOf)]);
      return await client.query(query(writes));
    });
  };
  return new Batches<Write, Result>({
    keysOf: (write) => write.keys,
    send: async (writes) => {
      const results = new Map((await send(writes)).rows.map(decode));
      return writes.map((write) => results.get(write.id) ?? absent);
    },
  });
}
