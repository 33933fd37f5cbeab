import { type Dispatcher, Pool } from 'undici';
import type { Log } from '../contract/log.ts';
import { type HttpAnswer, type HttpCall, type HttpClient, UpstreamFault } from '../contract/upstream.ts';
import { buildHoldingConnector } from './connector.ts';
import { exchange } from './exchange.ts';
import { readAnswer } from './read-answer.ts';
import { buildRedactor } from './redact.ts';

export type UpstreamOptions = {
  /** http or https, with any path; user and password in it are sent as basic authentication. */
  readonly baseUrl: string;
  /** Of a whole call, from the wait for a connection to the last byte; default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Of TCP and TLS together; default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Default 128; calls above it wait. */
  readonly maxConnections?: number | undefined;
  /** Default 10 MiB. */
  readonly maxAnswerBytes?: number | undefined;
  /** Values that are taken out of every answer and message. */
  readonly secrets: readonly string[];
  /** Asked just before a request is written; false and it is not. */
  readonly fence?: (() => boolean) | undefined;
  readonly log?: Log | undefined;
};

export type Upstream = {
  readonly client: HttpClient;
  /** Takes no more calls, waits for those under way, closes the connections. */
  close(): Promise<void>;
};

/** Makes the client of one backend. Opens nothing until the first call; throws `TypeError` for a base URL that is none. */
export function connectUpstream(options: UpstreamOptions): Upstream {
  const base = new URL(options.baseUrl);
  if (base.protocol !== 'http:' && base.protocol !== 'https:')
    throw new TypeError('the base URL must be http or https');
  const limits = {
    timeoutMs: options.timeoutMs ?? 30_000,
    maxAnswerBytes: options.maxAnswerBytes ?? 10 * 1024 * 1024,
    fence: options.fence ?? (() => true),
  };
  const pool = new Pool(base.origin, {
    connections: options.maxConnections ?? 128,
    pipelining: 1,
    // What "nothing was sent" means is settled for HTTP/1.1 only.
    allowH2: false,
    connect: buildHoldingConnector(options.connectTimeoutMs ?? 10_000),
    // Zero is "never": the one clock of a call is ours, undici's five minutes would cut with another error.
    headersTimeout: 0,
    bodyTimeout: 0,
    // Below the five seconds after which common servers drop an idle connection without a word.
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 60_000,
  });
  const redactor = buildRedactor([...options.secrets, decodePart(base.password)]);
  const prefix = base.pathname.replace(/\/+$/, '');
  const authorization = readAuthorization(base);
  const underWay = new Set<Promise<unknown>>();
  let closed = false;

  async function perform<T>(call: HttpCall<T>): Promise<HttpAnswer<T>> {
    if (closed) throw new UpstreamFault({ consequence: 'retry', kind: 'aborted', message: 'the gateway is closing' });
    const request = {
      path: prefix + call.path,
      method: call.method,
      headers: {
        accept: 'application/json',
        'user-agent': 'rungate',
        ...authorization,
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...call.headers,
      },
      body: call.body === undefined ? null : JSON.stringify(call.body),
    } satisfies Dispatcher.DispatchOptions;
    return readAnswer(call, await exchange(pool, request, limits, call.signal), redactor, limits.maxAnswerBytes);
  }

  async function callVendor<T>(call: HttpCall<T>): Promise<HttpAnswer<T>> {
    const answer = perform(call);
    underWay.add(answer);
    try {
      return await answer;
    } catch (error) {
      if (error instanceof UpstreamFault) {
        const { consequence, kind, httpStatus, message, cause } = error;
        options.log?.debug(
          { operation: call.operation, consequence, kind, httpStatus, message, cause },
          'vendor call failed',
        );
      }
      throw error;
    } finally {
      underWay.delete(answer);
    }
  }

  return {
    client: { call: callVendor },
    async close() {
      closed = true;
      await Promise.allSettled(underWay);
      await pool.destroy();
    },
  };
}

function readAuthorization(base: URL): Readonly<Record<string, string>> {
  if (base.username === '' && base.password === '') return {};
  const credentials = `${decodePart(base.username)}:${decodePart(base.password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** A lone percent sign in a password is no escape, and no reason to refuse to start. */
function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
