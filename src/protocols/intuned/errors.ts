import { errorTable, type GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import type { Category } from './words.ts';

type Words = { readonly code: string; readonly category: Category };

/** The vendor documents no code for 429. */
const wordsByStatus: Readonly<Record<number, Words>> = {
  400: { code: 'bad-request', category: 'user' },
  401: { code: 'unauthorized', category: 'auth' },
  402: { code: 'insufficient-credits', category: 'billing' },
  403: { code: 'forbidden', category: 'auth' },
  404: { code: 'not-found', category: 'user' },
  405: { code: 'method-not-allowed', category: 'user' },
  408: { code: 'request-timeout', category: 'infrastructure' },
  409: { code: 'conflict', category: 'user' },
  422: { code: 'unprocessable-entity', category: 'user' },
  429: { code: 'too-many-requests', category: 'user' },
};

function wordsOf(status: number): Words {
  if (status >= 500) return { code: 'internal-server-error', category: 'infrastructure' };
  return wordsByStatus[status] ?? { code: 'bad-request', category: 'user' };
}

/** The body of an HTTP error in the vendor's form. */
export function encodeError(error: GatewayError, requestId: string): JsonObject {
  const { http, message, code } = error;
  return { ...wordsOf(http), message, retirable: errorTable[code].retryable, correlationId: requestId };
}

/** The same for a refusal of the vendor: its own words, and what they lack. */
export function encodeRefusal(status: number, message: string, body: Json | undefined, requestId: string): JsonObject {
  const own = isJsonObject(body) ? Object.entries(body).filter(([, value]) => value !== null) : [];
  return { ...wordsOf(status), message, retirable: false, correlationId: requestId, ...Object.fromEntries(own) };
}
