import { GatewayError } from '../contract/domain/errors.ts';
import { StorageFault } from '../contract/store/store.ts';

const retryAfterSeconds = 1;

/** Turns a `StorageFault` into the error that clients get. */
export async function translateStorageFault<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    throw new GatewayError('storage_unavailable', { retryAfterSeconds, cause: error });
  }
}
