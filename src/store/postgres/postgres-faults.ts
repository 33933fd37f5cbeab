import { z } from 'zod';
import type { RowBatch, Rows } from '../../contract/store/rows.ts';
import { StorageFault } from '../../contract/store/store.ts';

const serverError = z.object({ code: z.string().regex(/^[0-9A-Z]{5}$/) });

const violation = z.object({ code: z.literal('23505'), constraint: z.string() });

function readSqlState(error: unknown): string | null {
  const parsed = serverError.safeParse(error);
  // Node's own codes, such as EPIPE, can look alike.
  return parsed.success && /\d/.test(parsed.data.code) ? parsed.data.code : null;
}

/** Classes of SQLSTATE that concern the statement or its data, https://www.postgresql.org/docs/current/errcodes-appendix.html */
const statementClasses: ReadonlySet<string> = new Set(['21', '22', '23', '40', '54']);

/**
 * Whether the server refused the statement and rolled it back but is healthy: another statement may succeed.
 * Anything else (no connection, a timeout, no disk) leaves open whether the statement was committed.
 */
export function isStatementFault(error: unknown): boolean {
  return statementClasses.has(readSqlState(error)?.slice(0, 2) ?? '');
}

/** Whether the statement lost against a concurrent one (deadlock, serialization); it can succeed when repeated. */
export function isCollision(error: unknown): boolean {
  return readSqlState(error)?.startsWith('40') ?? false;
}

/** Whether it is the fault of a row that a unique index refuses. */
export function violates(error: unknown, index: string): boolean {
  return error instanceof StorageFault && violation.safeParse(error.cause).data?.constraint === index;
}

const refusal = z.object({ code: z.enum(['42501', '42883', '0A000']) });

/** Whether the server has no such function, or does not let this user call it. */
export function isRefusedExpression(error: unknown): boolean {
  return refusal.safeParse(error).success;
}

/** Awaits work on the database; what it rejects with becomes a `StorageFault`. */
export async function withStorageFaults<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toStorageFault(error);
  }
}

export function toStorageFault(error: unknown): StorageFault {
  if (error instanceof StorageFault) return error;
  return new StorageFault(`PostgreSQL: ${error instanceof Error ? error.message : 'unknown error'}`, error);
}

/** The same rows; what pulling them rejects with becomes a `StorageFault`. */
export async function* translateRows<Row>(rows: Rows<Row>): AsyncGenerator<RowBatch<Row>, undefined> {
  try {
    yield* rows;
  } catch (error) {
    throw toStorageFault(error);
  }
}
