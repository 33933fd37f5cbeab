import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context, Middleware } from 'koa';

/** Answers are data: no browser may take one for a page, run it, frame it, keep it, or tell others where it came from. */
const securityHeaders = [
  ['X-Content-Type-Options', 'nosniff'],
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Cache-Control', 'no-store'],
] as const;

/** What a page of another origin may read of an answer beside its body. */
const exposed = [
  'Content-Location',
  'Idempotent-Replayed',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
];
const allowedHeaders = [
  'Accept',
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'Last-Event-ID',
  'X-Api-Key',
  'X-Request-Id',
];
const allowedMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const preflightSeconds = 600;

/** Set before anything else, so that errors carry them too; a step that knows better puts its own in their place. */
export function secureHeaders(response: ServerResponse): void {
  for (const [name, value] of securityHeaders) response.setHeader(name, value);
}

/**
 * Lets pages of the named origins read answers (Fetch, section 3.2), and answers their preflights. Credentials come in
 * headers that a page sets itself, never as cookies, so `Allow-Credentials` is not needed and not sent.
 */
export function allowOrigins(origins: readonly string[]): Middleware {
  const isOpen = origins.includes('*');
  return async (context, next) => {
    if (!isOpen) context.vary('Origin');
    const { origin } = context.headers;
    if (origin === undefined || !(isOpen || origins.includes(origin))) return await next();
    context.set('Access-Control-Allow-Origin', isOpen ? '*' : origin);
    context.set('Cross-Origin-Resource-Policy', 'cross-origin');
    if (!isPreflight(context.req)) {
      context.set('Access-Control-Expose-Headers', exposed.join(', '));
      return await next();
    }
    answerPreflight(context);
  };
}

function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

function answerPreflight(context: Context): void {
  context.status = 204;
  context.set({
    'Access-Control-Allow-Methods': allowedMethods.join(', '),
    'Access-Control-Allow-Headers': allowedHeaders.join(', '),
    'Access-Control-Max-Age': String(preflightSeconds),
  });
}
