import { Agent, type Dispatcher, Pool } from 'undici';
import { UpstreamFault } from '../contract/adapter/http.ts';
import type { HttpClient, TlsOptions } from '../contract/adapter/http-client.ts';
import { type ClientOptions, createClient } from './client.ts';
import { buildHoldingConnector } from './connector.ts';
import { Deadlines } from './deadlines.ts';
import { RpcPool } from './rpc-pool.ts';
import { type SendOptions, sendRequest } from './send-request.ts';
import { noExceptions } from './ssrf-address.ts';
import { buildGuardedConnector } from './ssrf-connector.ts';

export type UpstreamOptions = Omit<ClientOptions, 'exceptions'> & {
  /** Bounds a whole call, from the wait for a connection to the last byte. */
  readonly timeoutMs: number;
  /** Bounds TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** To one origin, of each version of HTTP. Calls above it wait. */
  readonly maxConnections: number;
  /** To the origin of the base URL and to other hosts that the operator named. */
  readonly tls?: TlsOptions | undefined;
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

/**
 * Makes the client of one backend. Opens nothing until the first call; throws `TypeError` for a base URL that is not valid,
 * and an error of OpenSSL for a certificate or key that is none.
 */
export function connectUpstream(options: UpstreamOptions): Upstream {
  const { connectTimeoutMs, maxAnswerBytes, exceptions = noExceptions } = options;
  /** By how long the vendor may hold its answer: adapters know a few such times. */
  const limits = new Map<number, SendOptions>();
  const poolOptions = {
    pipelining: 1,
    // A proxy that speaks both would change what is known of a request that was not answered.
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
      const connect = buildHoldingConnector({ connectTimeoutMs, tls: tlsFor(origin) });
      pool = new Pool(origin, { ...poolOptions, connections: options.maxConnections, connect });
      pools.set(origin, pool);
    }
    return pool;
  }

  function limitsOf(holdMs: number): SendOptions {
    let found = limits.get(holdMs);
    if (found === undefined) {
      const deadlines = new Deadlines(options.timeoutMs + holdMs);
      found = { deadlines, maxAnswerBytes, fence };
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

  const { origin: ownOrigin } = new URL(options.baseUrl);
  const fence = options.fence ?? (() => true);
  const rpcPool = new RpcPool({ ...options, origin: ownOrigin, fence });

  /** The name of the vendor's certificate is that of its own host alone. */
  function tlsFor(origin: string): TlsOptions | undefined {
    return origin === ownOrigin ? options.tls : options.tls && { ...options.tls, serverName: undefined };
  }

  const maxHeldRpcs = (): number => rpcPool.maxHeld();
  const doors = {
    enter(): void {
      if (idle !== undefined)
        throw new UpstreamFault({ consequence: 'retry', kind: 'aborted', message: 'the gateway is closing' });
      underWay += 1;
    },
    leave(): void {
      underWay -= 1;
      if (underWay === 0) idle?.resolve();
    },
  };
  const client = createClient({ ...options, exceptions, maxHeldRpcs, doors }, (request, own) => {
    if (request.framed !== undefined) return rpcPool.send(request, own.signal, own.holdMs);
    const pool = own.isTrusted ? poolOf(request.origin) : guardedPool();
    return sendRequest(pool, request as Dispatcher.DispatchOptions, limitsOf(own.holdMs), own);
  });

  return {
    client,
    async close() {
      idle ??= Promise.withResolvers();
      if (underWay > 0) await idle.promise;
      for (const { deadlines } of limits.values()) deadlines.close();
      const opened = [...pools.values(), ...(guarded === undefined ? [] : [guarded])];
      await Promise.all([rpcPool.close(), ...opened.map((pool) => pool.destroy())]);
    },
  };
}
