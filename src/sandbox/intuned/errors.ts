import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { Json, JsonObject } from '../../contract/domain/json.ts';

/** The vendor's word for an HTTP status, and the category that it counts to. */
const words: ReadonlyMap<number, readonly [code: string, category: string]> = new Map([
  [400, ['bad-request', 'user']],
  [401, ['unauthorized', 'auth']],
  [402, ['insufficient-credits', 'billing']],
  [403, ['forbidden', 'auth']],
  [404, ['not-found', 'user']],
  [405, ['method-not-allowed', 'user']],
  [408, ['request-timeout', 'infrastructure']],
  [409, ['conflict', 'user']],
  [410, ['sunsetted-route', 'user']],
  [422, ['unprocessable-entity', 'user']],
  [429, ['too-many-requests', 'user']],
  [501, ['not-implemented', 'infrastructure']],
]);

/** The body of an HTTP error, whose members are in camel case although those of a failed run are not; `known` is its code. */
export function encodeError(status: number, message: string, known?: string): JsonObject {
  const [code, category] = words.get(status) ?? ['internal-server-error', 'infrastructure'];
  return {
    code: known ?? code,
    category,
    message,
    retirable: status === 429 || status >= 500,
    correlationId: randomUUID(),
  };
}

export function fail(status: number, message: string): { readonly status: number; readonly body: Json } {
  return { status, body: encodeError(status, message) };
}

/** The first thing that is wrong with a body. */
export function describe(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue === undefined ? 'the body is not valid' : `${issue.path.join('.') || 'body'}: ${issue.message}`;
}
