import type { Answer } from '../../contract/api/protocol.ts';
import type { ErrorCode } from '../../contract/domain/errors.ts';
import { errorTable, GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { type MessageId, supportedVersions, tasksExtension } from './revisions.ts';

/** Codes of JSON-RPC and of the protocol. */
export const rpcCodes = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

type RpcErrorOptions = { readonly http?: number; readonly data?: JsonObject };

/** An error that is answered as one of JSON-RPC. */
export class RpcError extends Error {
  readonly code: number;
  /** Status of the answer. Older clients read errors of JSON-RPC under 200 alone. */
  readonly http: number;
  readonly data: JsonObject | undefined;

  constructor(code: number, message: string, { http = 200, data }: RpcErrorOptions = {}) {
    super(message);
    this.name = 'RpcError';
    this.code = code;
    this.http = http;
    this.data = data;
  }
}

/** `isDocumented`: the schema of messages says so too. */
export function invalidMessage(reason: string, { isDocumented = true } = {}): RpcError {
  return new RpcError(rpcCodes.invalidRequest, `the message is not valid: ${reason}`, {
    http: 400,
    ...(isDocumented ? { data: { code: 'invalid_request', retryable: false } } : {}),
  });
}

export function invalidParams(reason: string, http = 200): RpcError {
  return new RpcError(rpcCodes.invalidParams, reason, { http });
}

export function headerMismatch(reason: string): RpcError {
  return new RpcError(rpcCodes.headerMismatch, `the headers do not match the message: ${reason}`, { http: 400 });
}

export function unsupportedVersion(requested: string): RpcError {
  const data = { supported: supportedVersions, requested };
  return new RpcError(rpcCodes.unsupportedVersion, 'the protocol version is not supported', { http: 400, data });
}

/** The client has to take tasks for this. */
export function tasksRequired(): RpcError {
  const data = { requiredCapabilities: { extensions: { [tasksExtension]: {} } } };
  return new RpcError(rpcCodes.missingCapability, `the client has to declare the extension ${tasksExtension}`, {
    http: 400,
    data,
  });
}

const codesByError: Partial<Readonly<Record<ErrorCode, number>>> = {
  malformed_json: rpcCodes.parse,
  invalid_request: rpcCodes.invalidParams,
  invalid_input: rpcCodes.invalidParams,
  idempotency_mismatch: rpcCodes.invalidParams,
  agent_not_found: rpcCodes.invalidParams,
  agent_forbidden: rpcCodes.invalidParams,
  run_not_found: rpcCodes.invalidParams,
  run_not_interrupted: rpcCodes.invalidParams,
  question_answered: rpcCodes.invalidParams,
  internal: rpcCodes.internal,
};

/** The body of any error of the gateway, without the id of a request that was not read. */
export function encodeError(error: GatewayError, requestId: string): JsonObject {
  const described = describe(error, requestId);
  const code = error.code === 'invalid_request' ? rpcCodes.invalidRequest : described.code;
  return { jsonrpc: '2.0', error: { ...described, code } };
}

/** The answer to a request that failed. Rethrows what is neither kind of error. */
export function answerError(id: MessageId | null, thrown: unknown, requestId: string): Answer {
  const head = { jsonrpc: '2.0', ...(id === null ? {} : { id }) };
  if (thrown instanceof RpcError) {
    const { code, message, data, http } = thrown;
    const error: Json = { code, message, ...(data === undefined ? {} : { data }) };
    return { kind: 'json', status: http, body: { ...head, error } };
  }
  if (!(thrown instanceof GatewayError) || thrown.code === 'internal' || thrown.quota !== undefined) throw thrown;
  const error = describe(thrown, requestId);
  // What is wrong with the request itself is read under 200 by every client; what may be tried again has its status.
  const status = error.code === rpcCodes.invalidParams ? 200 : thrown.http;
  return {
    kind: 'json',
    status,
    body: { ...head, error },
    ...(thrown.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: thrown.retryAfterSeconds }),
  };
}

function describe(
  error: GatewayError,
  requestId: string,
): { readonly code: number; readonly message: string } & JsonObject {
  return {
    // -32000 and those next to it mean other things to clients. What JSON-RPC has no code for has its HTTP status.
    code: codesByError[error.code] ?? error.http,
    message: error.message,
    data: { code: error.code, retryable: errorTable[error.code].retryable, request_id: requestId },
  };
}
