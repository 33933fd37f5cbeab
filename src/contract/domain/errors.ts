/**
 * Every error that a client can get, in one table. `message` is constant and safe to send; what differs from case to
 * case is the `detail`, written here in the caller's terms; `cause` goes to the log only. `when` is for docs/errors.md.
 */
export const errorTable = {
  malformed_request: {
    http: 400,
    message: 'the request is not well formed',
    retryable: false,
    when: 'The request has more than one `Host` line, or one that names no host.',
  },
  malformed_json: {
    http: 422,
    message: 'the request body is not valid JSON',
    retryable: false,
    when: 'The body of a request, or a message on a socket, is not JSON.',
  },
  invalid_request: {
    http: 422,
    message: 'the request is not valid',
    retryable: false,
    when: 'A field, a parameter or a header is missing, unknown, of the wrong type or out of bounds.',
  },
  invalid_input: {
    http: 422,
    message: "the input does not match the agent's schema",
    retryable: false,
    when: 'The `input`, the `config` or a resume payload breaks a JSON Schema of the agent, or a run option breaks that of its adapter.',
  },
  unfit_request: {
    http: 422,
    message: 'the request cannot be carried out',
    retryable: false,
    when: 'A text cannot become the input of the agent, a member asks for what the agent does not take, or what a request refers to does not fit it.',
  },
  agent_required: {
    http: 422,
    message: 'agent_id is missing and no default agent is configured',
    retryable: false,
    when: 'A request names no agent, and the config has no `defaultAgent`.',
  },
  run_not_found: {
    http: 404,
    message: 'no such run',
    retryable: false,
    when: 'The run does not exist, was removed, or belongs to another tenant or to an agent that the key may not use.',
  },
  thread_not_found: { http: 404, message: 'no such thread', retryable: false, when: 'The same for a thread.' },
  item_not_found: {
    http: 404,
    message: 'no such item',
    retryable: false,
    when: 'The store has no item under this namespace and key, or the conversation none with this id.',
  },
  thread_state_missing: {
    http: 409,
    message: 'the run has left no thread state',
    retryable: false,
    when: 'The state that a run left is asked for, and the run did not succeed or has no thread.',
  },
  thread_exists: {
    http: 409,
    message: 'the thread exists',
    retryable: false,
    when: 'A thread is created with an id that is taken.',
  },
  thread_busy: {
    http: 409,
    message: 'the thread has a run that is not done',
    retryable: true,
    when: 'A run is started, or the thread is changed or deleted, while a run of the thread is not finished.',
  },
  agent_not_found: {
    http: 404,
    message: 'no such agent',
    retryable: false,
    when: 'The agent does not exist, or the key may not use it.',
  },
  backend_not_found: {
    http: 404,
    message: 'no such backend',
    retryable: false,
    when: 'The admin API is asked for a backend that the config does not have.',
  },
  replica_not_found: {
    http: 404,
    message: 'no such replica',
    retryable: false,
    when: 'A replica is drained that is not, or no longer, on the database.',
  },
  stop_not_found: {
    http: 404,
    message: 'nothing of this name is stopped',
    retryable: false,
    when: 'A stop is lifted that does not stand.',
  },
  route_not_found: { http: 404, message: 'no such path', retryable: false, when: 'No operation has this path.' },
  method_not_allowed: {
    http: 405,
    message: 'the path does not take this method',
    retryable: false,
    when: 'The path has operations, but none with this method. `Allow` lists the methods.',
  },
  run_not_interrupted: {
    http: 409,
    message: 'the run is not interrupted',
    retryable: false,
    when: 'A payload is sent to a run that does not wait for one.',
  },
  question_answered: {
    http: 409,
    message: 'the question has another answer already',
    retryable: false,
    when: 'An answer names the question that it is for, and that was answered before, otherwise.',
  },
  checkpoint_not_found: {
    http: 404,
    message: 'the thread has no such checkpoint',
    retryable: false,
    when: 'The state of a thread is asked for at a checkpoint that it does not have.',
  },
  not_supported: {
    http: 501,
    message: 'the gateway does not do this',
    retryable: false,
    when: 'An operation of a protocol is called that has no counterpart here, such as to create an assistant.',
  },
  checkpoint_passed: {
    http: 409,
    message: 'the thread is not at this checkpoint any more',
    retryable: false,
    when: 'A run is to continue a state of its thread that is not the newest one.',
  },
  thread_not_interrupted: {
    http: 422,
    message: 'no run of the thread waits for this answer',
    retryable: false,
    when: 'A thread is resumed none of whose runs is interrupted, or no longer by the interrupt that is answered.',
  },
  idempotency_mismatch: {
    http: 422,
    message: 'the idempotency key was used before, for another request',
    retryable: false,
    when: 'The `Idempotency-Key` was used for another request within `limits.idempotencyHours`, or for another answer to the same run.',
  },
  idempotency_in_progress: {
    http: 409,
    message: 'a request with this idempotency key is still being carried out',
    retryable: true,
    when: 'The first request with this `Idempotency-Key` is not answered yet.',
  },
  unauthorized: {
    http: 401,
    message: 'a key or a token that the gateway knows is required',
    retryable: false,
    when: 'The config has `auth`, and the request has no key or token, or one that is not accepted.',
  },
  agent_forbidden: {
    http: 403,
    message: 'the key may not use this agent',
    retryable: false,
    when: 'A run is started with an agent that the key may not use.',
  },
  role_required: {
    http: 403,
    message: 'the key has no role for this',
    retryable: false,
    when: 'A key or a token without a `role` uses the admin API, or a `viewer` acts by it or asks for payloads.',
  },
  origin_forbidden: {
    http: 403,
    message: 'pages of this origin may not call the gateway',
    retryable: false,
    when: 'A page of an origin that is not in `server.cors.origins` calls a gateway without `auth`, or opens a WebSocket.',
  },
  host_forbidden: {
    http: 421,
    message: 'the gateway does not serve this host name',
    retryable: false,
    when: 'The `Host` of a request is neither a loopback name nor in `server.hosts`, and the gateway has no `auth` or a list of hosts.',
  },
  rate_limited: {
    http: 429,
    message: 'the key makes too many requests',
    retryable: true,
    when: 'The key is above its `requestsPerSecond`.',
  },
  too_many_runs: {
    http: 429,
    message: 'the key has too many live runs',
    retryable: true,
    when: 'The key has as many live runs as its `liveRuns` allows.',
  },
  cap_reached: {
    http: 429,
    message: 'a cap on runs or on their cost is reached',
    retryable: true,
    when: 'A run is started, and one of the `caps` of the config leaves no room for it.',
  },
  too_many_streams: {
    http: 429,
    message: 'the key has too many open streams',
    retryable: true,
    when: 'The key has as many open streams as its `streams` allows.',
  },
  too_many_unsent_bytes: {
    http: 429,
    message: 'the caller has too many answers that it does not read',
    retryable: true,
    when: 'Answers of `limits.maxUnsentBytes` are on their way to the caller, and their readers still take them.',
  },
  too_many_body_bytes: {
    http: 429,
    message: 'the caller sends too many bodies at the same time',
    retryable: true,
    when: 'Bodies of the caller that have not arrived whole hold `limits.maxArrivingBytes`.',
  },
  body_too_large: {
    http: 413,
    message: 'the request body is too large',
    retryable: false,
    when: 'The body, after decompression, is larger than `limits.maxBodyBytes`.',
  },
  unsupported_media_type: {
    http: 415,
    message: 'the request body must be application/json',
    retryable: false,
    when: 'The `Content-Type` is not JSON, or the `Content-Encoding` is not known.',
  },
  storage_unavailable: {
    http: 503,
    message: 'the store does not answer; nothing was accepted',
    retryable: true,
    when: 'The database does not answer, takes no writes or is full.',
  },
  streams_exhausted: {
    http: 503,
    message: 'the gateway has too many open streams',
    retryable: true,
    when: 'The gateway has as many open streams as `limits.maxStreams` allows.',
  },
  unsent_bytes_exhausted: {
    http: 503,
    message: 'the gateway has too many answers on their way',
    retryable: true,
    when: 'Answers of `limits.maxUnsentBytesTotal` are on their way to all callers, and their readers still take them.',
  },
  body_bytes_exhausted: {
    http: 503,
    message: 'the gateway receives too many bodies at the same time',
    retryable: true,
    when: 'Bodies that have not arrived whole hold `limits.maxArrivingBytesTotal`.',
  },
  auth_unavailable: {
    http: 503,
    message: 'the token cannot be checked now',
    retryable: true,
    when: 'The key set at `auth.jwt.jwksUrl` cannot be read.',
  },
  vendor_unavailable: {
    http: 503,
    message: 'the vendor takes no calls now; nothing was sent',
    retryable: true,
    when: 'A call is passed on to a vendor that does not answer or has asked for a pause, whose budget stays spent, or where an operator has stopped starts.',
  },
  vendor_failed: {
    http: 502,
    message: 'the vendor gave no answer that can be passed on',
    retryable: false,
    when: 'A call was passed on to a vendor, and its answer did not come, is cut off, too large or not JSON.',
  },
  draining: {
    http: 503,
    message: 'the gateway is shutting down',
    retryable: true,
    when: 'The gateway got SIGTERM or SIGINT, or an operator drains the replica: it takes no new work.',
  },
  internal: {
    http: 500,
    message: 'internal error',
    retryable: false,
    when: 'The gateway failed. The log has the cause under the `request_id`.',
  },
} as const satisfies Readonly<
  Record<
    string,
    { readonly http: number; readonly message: string; readonly retryable: boolean; readonly when: string }
  >
>;

export type ErrorCode = keyof typeof errorTable;

/** A bound on what a client has at a time. */
export type Quota = { readonly policy: 'live-runs' | 'streams'; readonly max: number };

export type ErrorDetails = {
  /** What exactly is wrong, in the caller's terms; with a `path` its predicate, such as `is required`. Sent. */
  readonly detail?: string | undefined;
  /** JSON path of the offending value, such as `input/url`; sent. */
  readonly path?: string | undefined;
  /** Sent as the `Retry-After` header, whole seconds. */
  readonly retryAfterSeconds?: number | undefined;
  /** The bound that the client exceeds; sent in the RateLimit headers. */
  readonly quota?: Quota | undefined;
  /** Logged, never sent. */
  readonly cause?: unknown;
};

/** An error that is sent to the client; anything else that is thrown is sent as `internal`. */
export class GatewayError extends Error {
  /** What an error repeats of a request, in UTF-16 units. */
  static readonly #maxLength = 2000;
  readonly code: ErrorCode;
  readonly http: number;
  /** A whole sentence, with the path in it; cut where it repeats more than a little of what the client sent. */
  readonly detail: string | undefined;
  readonly path: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly quota: Quota | undefined;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    const row = errorTable[code];
    const { path, detail: reason } = details;
    const whole = path === undefined || reason === undefined ? reason : `${path} ${reason}`;
    const detail = whole === undefined ? undefined : GatewayError.#cut(whole);
    super(detail === undefined ? row.message : `${row.message}: ${detail}`, { cause: details.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.http = row.http;
    this.detail = detail;
    this.path = path === undefined ? undefined : GatewayError.#cut(path);
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.quota = details.quota;
  }

  static #cut(text: string): string {
    if (text.length <= GatewayError.#maxLength) return text;
    return `${text.slice(0, GatewayError.#maxLength).toWellFormed()}… (${text.length} characters)`;
  }
}
