import type { PoolClient, QueryResult } from 'pg';
import { sliceChars, textSlices } from '../../compute/slices.ts';
import { Pacer } from '../../compute/turns.ts';
import { Batches } from './batches.ts';
import { type Cell, type Column, encodeRows, type Row, readColumn } from './binary-rows.ts';
import { type StorePool, transact } from './connections.ts';

/** Now, by the server's clock. */
export const nowMs = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

export type { Row } from './binary-rows.ts';

/** A statement that takes parameter tables, one array per column, and writes for many callers at once. */
export type WriteStatement = {
  readonly name: string;
  readonly text: string;
  /** How many columns each table has. */
  readonly widths: readonly number[];
  /** Whether the last parameter is the name of the store, for its notifications. */
  readonly notifies: boolean;
  /**
   * The same for writes that have rows of the first table alone, and nothing but null in the columns that this one has not: most
   * batches. The server prepares every part of a statement, whether or not it has rows: that costs as much as several runs.
   */
  readonly plain: PlainStatement | null;
};

/** A statement whose only parameter is an array of a row type. */
export type PlainStatement = {
  readonly name: string;
  readonly text: string;
  readonly rowType: string;
  /** In the order of the row type. */
  readonly columns: readonly Column[];
};

/**
 * Numbers the parameters of a statement. Each table is declared as in SQL, such as `run_id text, seq bigint`, and
 * passed to `write` as an item of a FROM clause; `origin` is the parameter that names the store.
 */
export function defineWrite<const Tables extends Readonly<Record<string, string>>>(
  name: string,
  tables: Tables,
  write: (from: Readonly<Record<keyof Tables, string>>, origin: string) => string,
  { plain = null }: { readonly plain?: PlainStatement | null } = {},
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
  // The server refuses parameters that the statement does not use.
  return { name, text, widths, notifies: text.includes(origin), plain };
}

/** The same with a row type, whose columns are declared as in its migration. `input` is an item of a FROM clause. */
export function definePlainWrite(
  name: string,
  { rowType, columns }: { readonly rowType: string; readonly columns: string },
  write: (input: string) => string,
): PlainStatement {
  return {
    name,
    text: write(`unnest($1::${rowType}[]) AS input`),
    rowType,
    columns: columns.split(',').map((column) => readColumn(column)),
  };
}

/** The rows of a statement's tables as the arrays that it takes. */
function toArrays(statement: WriteStatement, tables: readonly (readonly Row[])[]): readonly (readonly Cell[])[] {
  return statement.widths.flatMap((width, table) =>
    Array.from({ length: width }, (_, column) => (tables[table] ?? []).map((row) => row[column] ?? null)),
  );
}

/** What is large is formatted in slices, which a row type's array is not. */
function suffices({ columns }: PlainStatement, writes: readonly EncodedWrite[]): boolean {
  return writes.every(
    ({ tables: [rows = [], ...others] }) =>
      others.every(({ length }) => length === 0) &&
      rows.every((row) => row.findLastIndex((cell) => cell !== null) < columns.length && !row.some(isLarge)),
  );
}

function isLarge(cell: Cell): boolean {
  return typeof cell === 'string' && cell.length > sliceChars;
}

/** An array as PostgreSQL reads it, as the driver would write it, but in slices of the event loop. */
async function formatArray(cells: readonly Cell[]): Promise<string> {
  const pacer = new Pacer();
  const parts: string[] = [];
  for (const [at, cell] of cells.entries()) {
    if (at > 0) parts.push(',');
    if (cell === null) {
      parts.push('NULL');
      continue;
    }
    parts.push('"');
    for (const slice of textSlices(String(cell))) {
      parts.push(slice.replaceAll(/["\\]/g, '\\$&'));
      const pause = pacer.pause();
      if (pause !== undefined) await pause;
    }
    parts.push('"');
  }
  return `{${parts.join('')}}`;
}

/** One caller's part of a {@link WriteStatement}. */
export type EncodedWrite = {
  /** Names the write in the statement's result. */
  readonly id: string;
  /** Names the rows that it writes: one statement can write a row only once. */
  readonly keys: readonly string[];
  /** Its rows of each table. */
  readonly tables: readonly (readonly Row[])[];
};

export type Writes<Write extends EncodedWrite, Result> = Pick<Batches<Write, Result>, 'submit' | 'close'> & {
  /**
   * Carries out writes, of which no two have a key in common, within a transaction of the caller. Gives their results in
   * their order. Throws node-postgres' errors.
   */
  within(client: PoolClient, writes: readonly Write[]): Promise<readonly Result[]>;
};

/** A statement of one array parameter that locks what a write depends on, before the snapshot of the write is taken. */
type Lock<Write> = { readonly text: string; readonly keyOf: (write: Write) => string };

type WritesOptions<Write extends EncodedWrite, Result> = {
  readonly pool: StorePool;
  readonly statement: WriteStatement;
  readonly origin: string;
  readonly lock?: Lock<Write>;
  readonly decode: (row: unknown) => readonly [id: string, result: Result];
  readonly absent: Result;
};

/**
 * Group commit for one statement.
 *
 * @param options.decode reads one row of the result: the id of the write and its outcome.
 * @param options.absent the outcome of a write that the result does not name.
 */
export function makeWrites<Write extends EncodedWrite, Result>(
  options: WritesOptions<Write, Result>,
): Writes<Write, Result> {
  const { pool, statement: whole, origin, lock, decode, absent } = options;
  const prepare = async (writes: readonly Write[]) => {
    const { plain } = whole;
    if (plain !== null && suffices(plain, writes)) {
      const rows = writes.flatMap(({ tables: [first = []] }) => first);
      const values = [encodeRows(plain.columns, pool.oidOf(plain.rowType), rows)];
      return { ...pool.prepared(plain.name), text: plain.text, values };
    }
    const tables = whole.widths.map((_, table) => writes.flatMap((write) => write.tables[table] ?? []));
    const values: unknown[] = [...toArrays(whole, tables), ...(whole.notifies ? [origin] : [])];
    for (const [at, cells] of values.entries()) {
      if (Array.isArray(cells) && cells.some(isLarge)) values[at] = await formatArray(cells);
    }
    return { ...pool.prepared(whole.name), text: whole.text, values };
  };
  const sendWithin = async (client: PoolClient, writes: readonly Write[]): Promise<QueryResult> => {
    const query = await prepare(writes);
    if (lock !== undefined) await client.query(lock.text, [writes.map(lock.keyOf)]);
    return await client.query(query);
  };
  const resultsOf = ({ rows }: QueryResult, writes: readonly Write[]): readonly Result[] => {
    const results = new Map(rows.map(decode));
    return writes.map((write) => results.get(write.id) ?? absent);
  };
  const batches = new Batches<Write, Result>({
    keysOf: (write) => write.keys,
    send: async (writes) => {
      const sinceMs = performance.now();
      const result =
        lock === undefined
          ? await pool.query(await prepare(writes))
          : await transact(pool, 'BEGIN', (client) => sendWithin(client, writes));
      pool.onCommitted?.((performance.now() - sinceMs) / 1000);
      return resultsOf(result, writes);
    },
  });
  return {
    submit: (write) => batches.submit(write),
    close: () => batches.close(),
    within: async (client, writes) => resultsOf(await sendWithin(client, writes), writes),
  };
}
