import { type ErrorCode, GatewayError } from '../../contract/domain/errors.ts';

/** What is found; null where the search is refused with this code: it is not there, or not for the caller. */
export async function foundOrNull<T>(found: Promise<T>, code: ErrorCode): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof GatewayError && error.code === code) return null;
    throw error;
  }
}
