import type { Context, Middleware } from 'koa';
import { challenge } from '../access/credentials.ts';
import type { Protocol } from '../contract/api/protocol.ts';
import { errorTable, GatewayError, type Quota } from '../contract/domain/errors.ts';
import type { Json } from '../contract/domain/json.ts';
import type { Log } from '../contract/domain/log.ts';
import { boundText, maxWordLength } from '../json/bound-text.ts';
import type { Disconnects } from './disconnects.ts';
import type { Elsewhere } from './elsewhere.ts';
import type { ProtectedResources } from './protected-resource.ts';
import { isUnrouted, setAllow } from './router.ts';

const problemType = 'application/problem+json';
const jsonType = 'application/json';

/** Which protocol a path belongs to; errors are answered in its words, also where no route was found. */
export type ProtocolOf = (path: string) => Protocol | null;

export type ErrorDeps = {
  readonly protocolOf: ProtocolOf;
  readonly elsewhere: Elsewhere;
  readonly disconnects: Disconnects;
  readonly resources: ProtectedResources;
  readonly log: Log;
};

/** The one place where an error becomes an answer. Finds the request's id on the answer. */
export function answerErrors({ protocolOf, elsewhere, disconnects, resources, log }: ErrorDeps): Middleware {
  return async (context, next) => {
    try {
      await next();
      if (isUnrouted(context)) throw new GatewayError('route_not_found');
    } catch (thrown) {
      const known = thrown instanceof GatewayError ? thrown : new GatewayError('internal', { cause: thrown });
      const error = sayWhereElse(known, context, elsewhere);
      const requestId = context.response.get('X-Request-Id');
      record(log, context, requestId, error);
      if (context.writable && !context.headerSent) {
        if (error.http === 401)
          context.set('WWW-Authenticate', challenge(context.req) + resources.challengeFor(context));
        sendError(context, protocolOf(context.path), requestId, error);
      }
    }
    if (disconnects.drained && !context.headerSent) context.set('Connection', 'close');
  };
}

/**
 * Names what was asked for, and where the gateway has it or lists what it has: a path or a method that only another protocol
 * serves, and an agent that is none.
 */
function sayWhereElse(error: GatewayError, context: Context, elsewhere: Elsewhere): GatewayError {
  const { method, path } = context;
  if (error.code === 'agent_not_found') {
    const list = error.detail === undefined ? undefined : elsewhere.ofAgents(path);
    if (list === undefined) return error;
    const sentences = error.detail?.endsWith('?') === true ? ' ' : '; ';
    return new GatewayError(error.code, { detail: `${error.detail}${sentences}${list} lists them` });
  }
  if (error.code !== 'route_not_found' && error.code !== 'method_not_allowed') return error;
  const place = elsewhere.ofPath(method, path);
  if (place !== undefined) return new GatewayError(error.code, { detail: place });
  if (error.detail !== undefined) return error;
  if (error.code === 'method_not_allowed') {
    setAllow(context);
    const taken = context.response.get('Allow').replace(/(, )?OPTIONS/, '');
    return new GatewayError(error.code, { detail: `it takes ${taken}, and not ${method}` });
  }
  const replacement = elsewhere.replacementOf(path);
  const asked = `${method} ${boundText(path, maxWordLength)}`;
  return new GatewayError(error.code, { detail: replacement === undefined ? asked : `${asked}; ${replacement}` });
}

function record(log: Log, context: Context, requestId: string, error: GatewayError): void {
  const { method, path } = context;
  const fields = { request_id: requestId, method, path, code: error.code, err: error.cause };
  // What the gateway does not do, it refuses: nothing has gone wrong.
  if (error.http >= 500 && error.code !== 'not_supported') log.error(fields, 'request failed');
  else log.debug(fields, 'request refused');
}

function sendError(context: Context, protocol: Protocol | null, requestId: string, error: GatewayError): void {
  const asProblem = protocol === null || wantsProblem(context);
  const own = asProblem ? undefined : protocol.answerError?.(error, context.path);
  const usual = error.http === 422 && !asProblem ? (protocol.refusalStatus ?? 422) : error.http;
  context.status = own?.status ?? usual;
  context.set('Content-Type', asProblem ? problemType : jsonType);
  context.vary('Accept');
  if (error.http === 405) setAllow(context);
  if (error.retryAfterSeconds !== undefined) context.set('Retry-After', String(error.retryAfterSeconds));
  if (error.quota !== undefined) addQuota(context, error.quota, error.retryAfterSeconds);
  context.body = JSON.stringify(
    asProblem ? describeProblem(error, requestId) : (own?.body ?? protocol.encodeError(error, requestId)),
  );
}

/**
 * A quota of what is open at the same time, rather than by the second: nothing of it is left. Added to what the headers
 * say of requests (draft-ietf-httpapi-ratelimit-headers-10).
 */
function addQuota(context: Context, { policy, max }: Quota, resetSeconds: number | undefined): void {
  context.append('RateLimit-Policy', `"${policy}";q=${max};qu="concurrent-requests"`);
  context.append('RateLimit', `"${policy}";r=0${resetSeconds === undefined ? '' : `;t=${resetSeconds}`}`);
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
 * Whether `Accept` names problem+json and prefers it to plain JSON; of equals the first one is preferred. A wildcard does
 * not ask for it: clients that accept anything expect the errors of their protocol.
 */
function wantsProblem(context: Context): boolean {
  const isNamed = context.accepts().some((type) => type.toLowerCase() === problemType);
  return isNamed && context.accepts(problemType, jsonType) === problemType;
}
