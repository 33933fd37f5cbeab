import { type Dispatcher, Pool } from 'undici';
import { type HttpAnswer, type HttpCall, type HttpClient, UpstreamFault } from '../contract/adapter/http.ts';
import type { Log } from '../contract/domain/log.ts';
import { buildHoldingConnector } from './connector.ts';
import { Deadlines } from './deadlines.ts';
import { readAnswer } from './read-answer.ts';
import { buildRedactor } from './redact.ts';
import { type HttpResult, sendRequest } from './send-request.ts';

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
  const deadlines = new Deadlines(options.timeoutMs ?? 30_000);
  const limits = {
    deadlines,
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
  const headers = { accept: 'application/json', 'user-agent': 'rungate', ...readAuthorization(base) };
  const bodyHeaders = { ...headers, 'content-type': 'application/json' };
  let underWay = 0;
  /** Made when the pool closes; kept when the last call is over. */
  let idle: PromiseWithResolvers<void> | undefined;

  function perform<T>(call: HttpCall<T>): Promise<HttpResult> {
    if (idle !== undefined)
      throw new UpstreamFault({ consequence: 'retry', kind: 'aborted', message: 'the gateway is closing' });
    const request = {
      path: prefix + call.path,
      method: call.method,
      headers: { ...(call.body === undefined ? headers : bodyHeaders), ...call.headers },
      body: call.body === undefined ? null : JSON.stringify(call.body),
    } satisfies Dispatcher.DispatchOptions;
    return sendRequest(pool, request, limits, call.signal);
  }

  async function callVendor<T>(call: HttpCall<T>): Promise<HttpAnswer<T>> {
    underWay += 1;
    try {
      return readAnswer(call, await perform(call), redactor, limits.maxAnswerBytes);
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
      underWay -= 1;
      if (underWay === 0) idle?.resolve();
    }
  }

  return {
    client: { call: callVendor },
    async close() {
      idle ??= Promise.withResolvers();
      if (underWay > 0) await idle.promise;
      deadlines.close();
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
