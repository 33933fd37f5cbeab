/**
 * Every error that a client can be told, in one table. `message` is constant and safe to send; what differs
 * from case to case comes as `detail`, written by us in the caller's terms; `cause` goes to the log only.
 */
export const errorTable = {
  malformed_json: { http: 422, message: 'the request body is not valid JSON', retryable: false },
  invalid_request: { http: 422, message: 'the request is not valid', retryable: false },
  invalid_input: { http: 422, message: "the input does not match the agent's schema", retryable: false },
  agent_required: { http: 422, message: 'agent_id is missing and no default agent is configured', retryable: false },
  run_not_found: { http: 404, message: 'no such run', retryable: false },
  thread_not_found: { http: 404, message: 'no such thread', retryable: false },
  item_not_found: { http: 404, message: 'no such item', retryable: false },
  thread_state_missing: { http: 409, message: 'the run has left no thread state', retryable: false },
  thread_exists: { http: 409, message: 'the thread exists', retryable: false },
  thread_busy: { http: 409, message: 'the thread has a run that is not done', retryable: true },
  agent_not_found: { http: 404, message: 'no such agent', retryable: false },
  route_not_found: { http: 404, message: 'no such path', retryable: false },
  method_not_allowed: { http: 405, message: 'the path does not take this method', retryable: false },
  run_not_interrupted: { http: 409, message: 'the run is not interrupted', retryable: false },
  idempotency_mismatch: {
    http: 422,
    message: 'the idempotency key was used before, for another request',
    retryable: false,
  },
  idempotency_in_progress: {
    http: 409,
    message: 'a request with this idempotency key is still being carried out',
    retryable: true,
  },
  run_conflict: { http: 409, message: 'the run changed meanwhile; read it again', retryable: true },
  unauthorized: { http: 401, message: 'a key or a token that the gateway knows is required', retryable: false },
  agent_forbidden: { http: 403, message: 'the key may not use this agent', retryable: false },
  origin_forbidden: { http: 403, message: 'pages of this origin may not open a socket', retryable: false },
  rate_limited: { http: 429, message: 'the key makes too many requests', retryable: true },
  too_many_runs: { http: 429, message: 'the key has too many live runs', retryable: true },
  too_many_streams: { http: 429, message: 'the key has too many open streams', retryable: true },
  body_too_large: { http: 413, message: 'the request body is too large', retryable: false },
  unsupported_media_type: { http: 415, message: 'the request body must be application/json', retryable: false },
  storage_unavailable: { http: 503, message: 'the store does not answer; nothing was accepted', retryable: true },
  streams_exhausted: { http: 503, message: 'the gateway has too many open streams', retryable: true },
  auth_unavailable: { http: 503, message: 'the token cannot be checked now', retryable: true },
  draining: { http: 503, message: 'the gateway is shutting down', retryable: true },
  internal: { http: 500, message: 'internal error', retryable: false },
} as const satisfies Readonly<
  Record<string, { readonly http: number; readonly message: string; readonly retryable: boolean }>
>;

export type ErrorCode = keyof typeof errorTable;

/** What a client may have at a time. */
export type Quota = { readonly policy: 'live-runs' | 'streams'; readonly max: number };

export type ErrorDetails = {
  /** What exactly is wrong, in the caller's terms; with a `path` what is said of it, such as `is required`. Sent. */
  readonly detail?: string | undefined;
  /** JSON path of the offending value, such as `input/url`; sent. */
  readonly path?: string | undefined;
  /** Sent as the `Retry-After` header, whole seconds. */
  readonly retryAfterSeconds?: number | undefined;
  /** Of what the client has too much at a time, and how much it may have; sent in the RateLimit headers. */
  readonly quota?: Quota | undefined;
  /** Logged, never sent. */
  readonly cause?: unknown;
};

/** An error that is sent to the client; anything else that is thrown is sent as `internal`. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly http: number;
  /** A whole sentence, with the path in it. */
  readonly detail: string | undefined;
  readonly path: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly quota: Quota | undefined;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    const row = errorTable[code];
    const { path, detail: reason } = details;
    const detail = path === undefined || reason === undefined ? reason : `${path} ${reason}`;
    super(detail === undefined ? row.message : `${row.message}: ${detail}`, { cause: details.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.http = row.http;
    this.detail = detail;
    this.path = path;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.quota = details.quota;
  }
}
