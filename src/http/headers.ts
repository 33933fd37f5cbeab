import cors from '@koa/cors';
import type { Middleware } from 'koa';

/** Answers are data: no browser may take one for a page, run it, frame it, keep it, or send its address elsewhere. */
const securityHeaders = new Map([
  ['X-Content-Type-Options', 'nosniff'],
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Cache-Control', 'no-store'],
]);

/** The headers of an answer that a page of another origin may read. */
const exposeHeaders = [
  'Content-Location',
  'Idempotent-Replayed',
  'Link',
  'Location',
  'Mcp-Session-Id',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'WWW-Authenticate',
  'X-Pagination-Next',
  'X-Pagination-Total',
  'X-Request-Id',
  'X-Rungate-Waiting',
];
const allowHeaders = [
  'A2A-Extensions',
  'A2A-Version',
  'Accept',
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'Last-Event-ID',
  'MCP-Protocol-Version',
  'Mcp-Method',
  'Mcp-Name',
  'Mcp-Session-Id',
  'X-Api-Key',
  'X-Auth-Scheme',
  'X-Request-Id',
  // OpenAI's SDK sends them with every request, in a page too.
  'X-Stainless-Arch',
  'X-Stainless-Helper-Method',
  'X-Stainless-Lang',
  'X-Stainless-OS',
  'X-Stainless-Package-Version',
  'X-Stainless-Retry-Count',
  'X-Stainless-Runtime',
  'X-Stainless-Runtime-Version',
  'X-Stainless-Timeout',
];
const allowMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const preflightSeconds = 600;

/** Sets the security headers of every answer, errors too; a later step may replace them. */
export function secureAnswers(): Middleware {
  return (context, next) => {
    context.res.setHeaders(securityHeaders);
    return next();
  };
}

/**
 * Lets pages of the named origins read answers (Fetch, section 3.2), and answers their preflights. Credentials come in
 * headers that a page sets itself, never as cookies, so `Allow-Credentials` is not needed and not sent.
 */
export function allowOrigins(origins: readonly string[]): readonly Middleware[] {
  const isOpen = origins.includes('*');
  const answerOrigin = cors({
    origin: ({ headers: { origin } }) =>
      origin === undefined ? '' : isOpen ? '*' : origins.includes(origin) ? origin : '',
    allowMethods,
    allowHeaders,
    exposeHeaders,
    maxAge: preflightSeconds,
    // Errors are answered in the same context, so its headers stay.
    keepHeadersOnError: false,
  });
  return [answerOrigin, shareAcrossOrigins];
}

const shareAcrossOrigins: Middleware = (context, next) => {
  if (context.res.hasHeader('Access-Control-Allow-Origin')) context.set('Cross-Origin-Resource-Policy', 'cross-origin');
  return next();
};
