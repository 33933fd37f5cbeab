import { GatewayError } from '../contract/domain/errors.ts';
import type { RowBatch, Rows } from '../contract/store/rows.ts';
import { StorageFault } from '../contract/store/store.ts';

const retryAfterSeconds = 1;

/** Turns a `StorageFault` into the error that clients get. */
export function translateStorageFault<T>(work: Promise<T>): Promise<T> {
  return work.catch(rethrow);
}

function rethrow(error: unknown): never {
  throw translate(error);
}

/** The same rows; a `StorageFault` becomes the error that clients get. */
export async function* translateRowFaults<Row>(rows: Rows<Row>): AsyncGenerator<RowBatch<Row>, undefined> {
  try {
    yield* rows;
  } catch (error) {
    throw translate(error);
  }
}

function translate(error: unknown): unknown {
  if (!(error instanceof StorageFault)) return error;
  return new GatewayError('storage_unavailable', { retryAfterSeconds, cause: error });
}
