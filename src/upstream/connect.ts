import { Agent, type Dispatcher, Pool } from 'undici';
import { type HttpCall, UpstreamFault } from '../contract/adapter/http.ts';
import type { HttpClient } from '../contract/adapter/http-client.ts';
import { type ClientOptions, createClient } from './client.ts';
import { buildHoldingConnector } from './connector.ts';
import { Deadlines } from './deadlines.ts';
import { type SendOptions, sendRequest } from './send-request.ts';
import { noExceptions } from './ssrf-address.ts';
import { buildGuardedConnector } from './ssrf-connector.ts';

export type UpstreamOptions = Omit<ClientOptions, 'exceptions'> & {
  /** Bounds a whole call, from the wait for a connection to the last byte. */
  readonly timeoutMs: number;
  /** Bounds TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** To one origin. Calls above it wait. */
  readonly maxConnections: number;
  /** Left out: an address in an answer must be public. */
  readonly exceptions?: ClientOptions['exceptions'] | undefined;
  /** Called just before a request is written; where it returns false, the request is not written. */
  readonly fence?: (() => boolean) | undefined;
};

export type Upstream = {
  readonly client: HttpClient;
  /** Refuses further calls, waits for those under way, then closes the connections. */
  close(): Promise<void>;
};

/** Connections to addresses that answers name: they are few, and each is another host. */
const maxGuardedConnections = 8;

/** Makes the client of one backend. Opens nothing until the first call; throws `TypeError` for a base URL that is not valid. */
export function connectUpstream(options: UpstreamOptions): Upstream {
  const { connectTimeoutMs, maxAnswerBytes, exceptions = noExceptions } = options;
  /** By how long the vendor may hold its answer: adapters know a few such times. */
  const limits = new Map<number, SendOptions>();
  const poolOptions = {
    pipelining: 1,
    // Only for HTTP/1.1 is it clear when nothing was sent.
    allowH2: false,
    // Zero means never: `Deadlines` bounds the call. undici's own five minutes would end it with another error.
    headersTimeout: 0,
    bodyTimeout: 0,
    // Below the five seconds after which common servers silently drop an idle connection.
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 60_000,
  } as const;
  const pools = new Map<string, Dispatcher>();
  let guarded: Agent | undefined;
  let underWay = 0;
  /** Set when closing begins; resolved when the last call is over. */
  let idle: PromiseWithResolvers<void> | undefined;

  function poolOf(origin: string): Dispatcher {
    let pool = pools.get(origin);
    if (pool === undefined) {
      const connect = buildHoldingConnector(connectTimeoutMs);
      pool = new Pool(origin, { ...poolOptions, connections: options.maxConnections, connect });
      pools.set(origin, pool);
    }
    return pool;
  }

  function limitsOf(holdMs: number): SendOptions {
    let found = limits.get(holdMs);
    if (found === undefined) {
      const deadlines = new Deadlines(options.timeoutMs + holdMs);
      found = { deadlines, maxAnswerBytes, fence: options.fence ?? (() => true) };
      limits.set(holdMs, found);
    }
    return found;
  }

  function guardedPool(): Dispatcher {
    guarded ??= new Agent({
      ...poolOptions,
      connections: maxGuardedConnections,
      connect: buildGuardedConnector({ exceptions, connectTimeoutMs }),
    });
    return guarded;
  }

  const client = createClient({ ...options, exceptions }, (request, { isTrusted, holdMs, ...own }) => {
    const pool = isTrusted ? poolOf(request.origin) : guardedPool();
    return sendRequest(pool, request as Dispatcher.DispatchOptions, limitsOf(holdMs), own);
  });

  function releaseClosing(): void {
    idle?.resolve();
  }

  async function callWhileOpen<T>(each: HttpCall<T>) {
    if (idle !== undefined)
      throw new UpstreamFault({ consequence: 'retry', kind: 'aborted', message: 'the gateway is closing' });
    underWay += 1;
    try {
      return await client.call(each);
    } finally {
      underWay -= 1;
      if (underWay === 0) releaseClosing();
    }
  }

  return {
    client: { ...client, call: callWhileOpen },
    async close() {
      idle ??= Promise.withResolvers();
      if (underWay > 0) await idle.promise;
      for (const { deadlines } of limits.values()) deadlines.close();
      await Promise.all([...pools.values(), ...(guarded === undefined ? [] : [guarded])].map((pool) => pool.destroy()));
    },
  };
}
