import { type Dispatcher, Pool } from 'undici';
import { type HttpAnswer, type HttpCall, type HttpClient, UpstreamFault } from '../contract/adapter/http.ts';
import type { Log, Redactor } from '../contract/domain/log.ts';
import { buildHoldingConnector } from './connector.ts';
import { Deadlines } from './deadlines.ts';
import { readAnswer } from './read-answer.ts';
import { type HttpResult, sendRequest } from './send-request.ts';
import { acceptedEncodings, isPacked, unpackAnswer } from './unpack-answer.ts';

export type UpstreamOptions = {
  /** http or https, with any path; user and password in it are sent as basic authentication. */
  readonly baseUrl: string;
  /** Bounds a whole call, from the wait for a connection to the last byte. */
  readonly timeoutMs: number;
  /** Bounds TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** Calls above it wait. */
  readonly maxConnections: number;
  readonly maxAnswerBytes: number;
  /** Taken out of every answer and message, like the password in the base URL. */
  readonly secrets: readonly string[];
  readonly createRedactor: (secrets: readonly string[]) => Redactor;
  /** Called just before a request is written; where it returns false, the request is not written. */
  readonly fence?: (() => boolean) | undefined;
  readonly log?: Log | undefined;
};

export type Upstream = {
  readonly client: HttpClient;
  /** Refuses further calls, waits for those under way, then closes the connections. */
  close(): Promise<void>;
};

/** Makes the client of one backend. Opens nothing until the first call; throws `TypeError` for a base URL that is not valid. */
export function connectUpstream(options: UpstreamOptions): Upstream {
  const base = new URL(options.baseUrl);
  if (base.protocol !== 'http:' && base.protocol !== 'https:')
    throw new TypeError('the base URL must be http or https');
  const deadlines = new Deadlines(options.timeoutMs);
  const limits = {
    deadlines,
    maxAnswerBytes: options.maxAnswerBytes,
    fence: options.fence ?? (() => true),
  };
  const pool = new Pool(base.origin, {
    connections: options.maxConnections,
    pipelining: 1,
    // Only for HTTP/1.1 is it clear when nothing was sent.
    allowH2: false,
    connect: buildHoldingConnector(options.connectTimeoutMs),
    // Zero means never: `Deadlines` bounds the call. undici's own five minutes would end it with another error.
    headersTimeout: 0,
    bodyTimeout: 0,
    // Below the five seconds after which common servers silently drop an idle connection.
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 60_000,
  });
  const redactor = options.createRedactor([...options.secrets, decodePart(base.password)]);
  const prefix = base.pathname.replace(/\/+$/, '');
  const headers = {
    accept: 'application/json',
    'accept-encoding': acceptedEncodings,
    'user-agent': 'rungate',
    ...readAuthorization(base),
  };
  const bodyHeaders = { ...headers, 'content-type': 'application/json' };
  let underWay = 0;
  /** Set when closing begins; resolved when the last call is over. */
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
      const result = await perform(call);
      // An await of its own, so that an ordinary answer takes no further turn.
      const plain = isPacked(result) ? await unpackAnswer(result, limits.maxAnswerBytes) : result;
      return readAnswer(call, plain, redactor, limits.maxAnswerBytes);
    } catch (error) {
      if (error instanceof UpstreamFault) {
        const { consequence, kind, httpStatus, message, cause } = error;
        options.log?.debug(
          { purpose: call.purpose, consequence, kind, http_status: httpStatus, message, cause },
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

/** A lone percent sign in a password is not an escape, and not a reason to refuse to start. */
function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
