import { errorTable, type GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';

/** What an error says in addition to its text, for clients that act on it: whether to try again, when, and what was wrong where. */
export function encodeErrorMetadata({ code, path, detail, retryAfterSeconds }: GatewayError): JsonObject {
  const { retryable } = errorTable[code];
  return {
    retryable,
    ...(path === undefined ? {} : { path }),
    ...(detail === undefined ? {} : { detail }),
    ...(retryAfterSeconds === undefined ? {} : { retry_after_seconds: retryAfterSeconds }),
  };
}
