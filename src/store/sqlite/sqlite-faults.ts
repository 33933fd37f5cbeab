import { z } from 'zod';
import type { RowBatch, Rows } from '../../contract/store/rows.ts';
import { StorageFault } from '../../contract/store/store.ts';

/** Primary result codes, https://www.sqlite.org/rescode.html */
const codes = { error: 1, busy: 5, locked: 6, tooBig: 18, constraint: 19, mismatch: 20, range: 25 } as const;

/** Codes with which SQLite refuses one statement while the database itself is healthy. */
const statementCodes: ReadonlySet<number> = new Set([
  ...[codes.error, codes.tooBig, codes.constraint, codes.mismatch, codes.range],
]);

const sqliteError = z.object({ code: z.literal('ERR_SQLITE_ERROR'), errcode: z.number() });

function primaryCode(error: unknown): number | null {
  const parsed = sqliteError.safeParse(error);
  // The upper bytes of an extended code only refine the lowest one.
  return parsed.success ? parsed.data.errcode & 0xff : null;
}

/** Whether another connection holds the lock that was requested. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === codes.busy || code === codes.locked;
}

/** Whether the database cannot be written now (disk full, I/O error, locked); otherwise only the one operation is at fault. */
export function isDatabaseFault(error: unknown): boolean {
  const code = primaryCode(error);
  return code !== null && !statementCodes.has(code);
}

export function toStorageFault(error: unknown): StorageFault {
  if (error instanceof StorageFault) return error;
  return new StorageFault(`SQLite: ${error instanceof Error ? error.message : 'unknown error'}`, error);
}

/** Runs work on the database; what it throws or rejects with becomes a `StorageFault`. */
export async function withStorageFaults<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toStorageFault(error);
  }
}

/** The same rows; what pulling them rejects with becomes a `StorageFault`. */
export async function* translateRows<Row>(rows: Rows<Row>): AsyncGenerator<RowBatch<Row>, undefined> {
  try {
    yield* rows;
  } catch (error) {
    throw toStorageFault(error);
  }
}
