import type { Context, Middleware } from 'koa';
import { challenge } from '../access/credentials.ts';
import type { Protocol } from '../contract/api/protocol.ts';
import { errorTable, GatewayError, type Quota } from '../contract/domain/errors.ts';
import type { Json } from '../contract/domain/json.ts';
import type { Log } from '../contract/domain/log.ts';
import type { Disconnects } from './disconnects.ts';
import { completeHead } from './headers.ts';
import { RequestIds } from './request-id.ts';

const problemType = 'application/problem+json';

/** Which protocol a path belongs to; errors are told in its words, also where no route was found. */
export type ProtocolOf = (path: string) => Protocol | null;

/** The outermost step, and the one place where an error becomes an answer. Steps find the `requestId` in the state. */
export function answerErrors(protocolOf: ProtocolOf, disconnects: Disconnects, log: Log): Middleware {
  const ids = new RequestIds();
  return async (context, next) => {
    const requestId = ids.read(context.req);
    context.state.requestId = requestId;
    try {
      await next();
    } catch (thrown) {
      const error = thrown instanceof GatewayError ? thrown : new GatewayError('internal', { cause: thrown });
      record(log, context, requestId, error);
      if (context.writable && !context.headerSent) sendError(context, protocolOf(context.path), requestId, error);
    }
    if (context.headerSent) return;
    completeHead(context.res, requestId);
    if (disconnects.drained) context.res.setHeader('Connection', 'close');
  };
}

function record(log: Log, context: Context, requestId: string, error: GatewayError): void {
  const fields = { requestId, method: context.method, path: context.path, code: error.code, err: error.cause };
  if (error.http >= 500) log.error(fields, 'request failed');
  else log.debug(fields, 'request refused');
}

function sendError(context: Context, protocol: Protocol | null, requestId: string, error: GatewayError): void {
  const asProblem = protocol === null || wantsProblem(context.get('Accept').toLowerCase());
  context.status = error.http;
  context.set('Content-Type', asProblem ? problemType : 'application/json');
  context.vary('Accept');
  if (error.http === 401) context.set('WWW-Authenticate', challenge(context.req));
  if (error.retryAfterSeconds !== undefined) context.set('Retry-After', String(error.retryAfterSeconds));
  if (error.quota !== undefined) tellQuota(context, error.quota, error.retryAfterSeconds);
  context.body = JSON.stringify(asProblem ? describeProblem(error, requestId) : protocol.encodeError(error));
}

/**
 * Of what is counted while it lasts, rather than by the second: nothing is left. Stands beside what the headers say of
 * requests (draft-ietf-httpapi-ratelimit-headers-10).
 */
function tellQuota({ res }: Context, { policy, max }: Quota, resetSeconds: number | undefined): void {
  res.appendHeader('RateLimit-Policy', `"${policy}";q=${max};qu="concurrent-requests"`);
  res.appendHeader('RateLimit', `"${policy}";r=0${resetSeconds === undefined ? '' : `;t=${resetSeconds}`}`);
}

/** RFC 9457. `code`, `path`, `retryable` and `request_id` are extension members. */
function describeProblem(error: GatewayError, requestId: string): Json {
  const { message, retryable } = errorTable[error.code];
  return {
    type: `urn:rungate:problem:${error.code}`,
    title: message,
    status: error.http,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    code: error.code,
    ...(error.path === undefined ? {} : { path: error.path }),
    retryable,
    request_id: requestId,
  };
}

/**
 * Whether `Accept` names problem+json, and no less than plain JSON. A wildcard does not ask for it: clients that
 * accept anything expect their protocol's own errors.
 */
function wantsProblem(accept: string): boolean {
  if (!accept.includes('/problem+json')) return false;
  const asked = qualityOf(accept, problemType);
  return asked > 0 && asked >= qualityOf(accept, 'application/json');
}

function qualityOf(accept: string, type: string): number {
  for (const range of accept.split(',')) {
    const [name, ...parameters] = range.split(';').map((part) => part.trim());
    if (name !== type) continue;
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    return quality === undefined ? 1 : Number(quality.slice(2)) || 0;
  }
  return 0;
}
