import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context, Middleware } from 'koa';

/** Names and values in turn, as Node takes them most cheaply. */
export type HeaderList = readonly string[];

/** Answers are data: no browser may take one for a page, run it, frame it, keep it, or tell others where it came from. */
const securityHeaders: HeaderList = Object.entries({
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
}).flat();

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

export type WholeAnswer = { readonly status: number; readonly headers: HeaderList; readonly text: string };

/** Adds `headers`, and those of every answer, errors too; where a step put its own, that stays. */
export function completeHead(response: ServerResponse, requestId: string, headers: HeaderList = []): void {
  addMissing(response, [...securityHeaders, 'X-Request-Id', requestId, ...headers]);
}

/** Sends an answer of one piece, with the headers of every one. */
export function sendWhole(response: ServerResponse, requestId: string, answer: WholeAnswer): void {
  const { status, headers, text } = answer;
  const length = String(Buffer.byteLength(text));
  const head = [...securityHeaders, 'X-Request-Id', requestId, ...headers, 'Content-Length', length];
  // Headers that come together cost Node half of what they cost one by one.
  if (response.getHeaderNames().length === 0) {
    response.writeHead(status, head);
  } else {
    response.statusCode = status;
    addMissing(response, head);
  }
  response.end(text);
}

function addMissing(response: ServerResponse, headers: HeaderList): void {
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2);
    if (!response.hasHeader(name)) response.setHeader(name, value);
  }
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
