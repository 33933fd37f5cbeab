import type { Pool, QueryResult } from 'pg';
import { Batches } from './batches.ts';
import { transact } from './transaction.ts';
import { type Row, toArrays, type WriteStatement } from './write-statement.ts';

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
