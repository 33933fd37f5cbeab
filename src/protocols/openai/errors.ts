import type { ErrorCode, GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';

/** OpenAI's words for what clients look at by its code. */
const codes: { readonly [code in ErrorCode]?: string } = {
  agent_not_found: 'model_not_found',
  agent_required: 'missing_required_parameter',
  unauthorized: 'invalid_api_key',
  rate_limited: 'rate_limit_exceeded',
  too_many_runs: 'rate_limit_exceeded',
  too_many_streams: 'rate_limit_exceeded',
};

/** The body of an error in OpenAI's form. */
export function encodeError({ code, http, message, path }: GatewayError): JsonObject {
  return { error: { message, type: typeOf(http), param: path ?? null, code: codes[code] ?? code } };
}

function typeOf(status: number): string {
  if (status >= 500) return 'server_error';
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  return status === 429 ? 'rate_limit_error' : 'invalid_request_error';
}
