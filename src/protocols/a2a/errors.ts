import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';

/** How one kind of error is said in each binding: JSON-RPC's code, the HTTP status, and gRPC's name of it. */
type Words = { readonly rpc: number; readonly http: number; readonly status: string };

/** The protocol's own errors, by their reason. */
const ownErrors = {
  TASK_NOT_FOUND: { rpc: -32001, http: 404, status: 'NOT_FOUND', text: 'Task not found' },
  TASK_NOT_CANCELABLE: { rpc: -32002, http: 409, status: 'FAILED_PRECONDITION', text: 'Task cannot be canceled' },
  PUSH_NOTIFICATION_NOT_SUPPORTED: {
    rpc: -32003,
    http: 400,
    status: 'UNIMPLEMENTED',
    text: 'Push Notification is not supported',
  },
  UNSUPPORTED_OPERATION: { rpc: -32004, http: 400, status: 'UNIMPLEMENTED', text: 'This operation is not supported' },
  CONTENT_TYPE_NOT_SUPPORTED: {
    rpc: -32005,
    http: 415,
    status: 'INVALID_ARGUMENT',
    text: 'Incompatible content types',
  },
  EXTENDED_AGENT_CARD_NOT_CONFIGURED: {
    rpc: -32007,
    http: 400,
    status: 'FAILED_PRECONDITION',
    text: 'Extended Agent Card is not configured',
  },
  VERSION_NOT_SUPPORTED: { rpc: -32009, http: 400, status: 'UNIMPLEMENTED', text: 'Protocol version not supported' },
} as const satisfies Readonly<Record<string, Words & { readonly text: string }>>;

export type OwnErrorReason = keyof typeof ownErrors;

/** JSON-RPC's own errors that a request can get here. */
const rpcErrors = {
  INVALID_REQUEST: { rpc: -32600, http: 400, status: 'INVALID_ARGUMENT', text: 'Request payload validation error' },
  METHOD_NOT_FOUND: { rpc: -32601, http: 404, status: 'UNIMPLEMENTED', text: 'Method not found' },
  INVALID_PARAMS: { rpc: -32602, http: 400, status: 'INVALID_ARGUMENT', text: 'Invalid parameters' },
} as const satisfies Readonly<Record<string, Words & { readonly text: string }>>;

type RefusalReason = OwnErrorReason | keyof typeof rpcErrors;

const refusalWords: Readonly<Record<RefusalReason, Words & { readonly text: string }>> = { ...ownErrors, ...rpcErrors };

/** An error that the protocol has a name for. */
export class A2aRefusal extends Error {
  readonly reason: RefusalReason;
  /** The member of the request that is wrong, such as `message.parts`. */
  readonly field: string | undefined;

  constructor(reason: RefusalReason, detail?: string, field?: string) {
    const { text } = refusalWords[reason];
    const place = field === undefined ? '' : `${field} `;
    super(detail === undefined ? text : `${text}: ${place}${detail}`);
    this.name = 'A2aRefusal';
    this.reason = reason;
    this.field = field;
  }
}

/** An error in the words of every binding. */
export type DescribedError = Words & { readonly message: string; readonly details: readonly JsonObject[] };

const errorInfo = 'type.googleapis.com/google.rpc.ErrorInfo';
const badRequest = 'type.googleapis.com/google.rpc.BadRequest';
const ownDomain = 'a2a-protocol.org';

/** Null for what is no error of a client: it is thrown on. */
export function describeError(thrown: unknown): DescribedError | null {
  if (thrown instanceof A2aRefusal) return describeRefusal(thrown);
  return thrown instanceof GatewayError ? describeGatewayError(thrown) : null;
}

function describeRefusal({ reason, message, field }: A2aRefusal): DescribedError {
  const { rpc, http, status } = refusalWords[reason];
  const info = { '@type': errorInfo, reason, domain: ownDomain, metadata: {} };
  return { rpc, http, status, message, details: [info, ...violations(field, message)] };
}

function describeGatewayError(error: GatewayError): DescribedError {
  if (error.code === 'run_not_found') return describeRefusal(new A2aRefusal('TASK_NOT_FOUND'));
  if (error.code === 'run_not_interrupted')
    return describeRefusal(new A2aRefusal('UNSUPPORTED_OPERATION', 'the task does not wait for a message'));
  if (error.code === 'question_answered')
    return describeRefusal(new A2aRefusal('UNSUPPORTED_OPERATION', error.message));
  if (error.code === 'idempotency_mismatch')
    return describeRefusal(
      new A2aRefusal('INVALID_PARAMS', 'was used before, for another message', 'message.messageId'),
    );
  if (error.code === 'unsupported_media_type')
    return describeRefusal(new A2aRefusal('CONTENT_TYPE_NOT_SUPPORTED', error.message));
  const { message, path } = error;
  const info = { '@type': errorInfo, reason: error.code.toUpperCase(), domain: 'rungate', metadata: {} };
  return { ...wordsOf(error), message, details: [info, ...violations(path?.replaceAll('/', '.'), message)] };
}

function violations(field: string | undefined, description: string): readonly JsonObject[] {
  return field === undefined ? [] : [{ '@type': badRequest, fieldViolations: [{ field, description }] }];
}

/** JSON-RPC leaves -32000 to servers, for what neither it nor the protocol names. */
const serverError = -32000;
const invalidRequest = -32600;
const invalidParams = -32602;
const internalError = -32603;
const parseError = -32700;

const wordsByStatus: Readonly<Record<number, Words>> = {
  401: { rpc: serverError, http: 401, status: 'UNAUTHENTICATED' },
  403: { rpc: serverError, http: 403, status: 'PERMISSION_DENIED' },
  404: { rpc: invalidRequest, http: 404, status: 'NOT_FOUND' },
  405: { rpc: invalidRequest, http: 405, status: 'UNIMPLEMENTED' },
  409: { rpc: serverError, http: 409, status: 'ABORTED' },
  413: { rpc: invalidRequest, http: 413, status: 'INVALID_ARGUMENT' },
  421: { rpc: invalidRequest, http: 421, status: 'INVALID_ARGUMENT' },
  429: { rpc: serverError, http: 429, status: 'RESOURCE_EXHAUSTED' },
  503: { rpc: internalError, http: 503, status: 'UNAVAILABLE' },
};

function wordsOf({ code, http }: GatewayError): Words {
  if (code === 'malformed_json') return { rpc: parseError, http: 400, status: 'INVALID_ARGUMENT' };
  if (http >= 500) return wordsByStatus[http] ?? { rpc: internalError, http, status: 'INTERNAL' };
  return wordsByStatus[http] ?? { rpc: invalidParams, http: 400, status: 'INVALID_ARGUMENT' };
}

/** `google.rpc.Status` as HTTP bindings write it. */
export function encodeHttpError({ http, status, message, details }: DescribedError): JsonObject {
  return { error: { code: http, status, message, details } };
}

export function encodeRpcError(id: Json, { rpc, message, details }: DescribedError): JsonObject {
  return { jsonrpc: '2.0', id, error: { code: rpc, message, data: details } };
}

/**
 * The HTTP status of an error over JSON-RPC. What a client's HTTP library or a proxy acts on stands in the status, and that the
 * address is of no agent; all else is an answer like any other.
 */
export function rpcStatusOf({ http, rpc }: DescribedError): number {
  if (http >= 500) return http;
  const isOrdinary = http === 400 || http === 409 || http === 415 || (http === 404 && rpc !== invalidRequest);
  return isOrdinary ? 200 : http;
}
