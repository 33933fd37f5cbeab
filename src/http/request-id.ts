import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Short and plain enough to stand in a header and a log line as it is. */
const sane = /^[\w.:+/=-]{1,128}$/;

/** The client's `X-Request-Id`, or a new one where it sent none that is fit to be repeated. */
export function readRequestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && sane.test(given) ? given : randomUUID();
}
