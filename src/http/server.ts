import { createServer, type IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import type { App } from './app.ts';

export type ListenOptions = {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Further connections are closed as they come. */
  readonly maxConnections: number;
  /** Of the head of a request, with its path. */
  readonly maxHeaderBytes: number;
  /** A request that has not arrived whole after this long is cut off. */
  readonly slowRequestMs: number;
  /** Called when connections are closed because there are too many, at most once a minute. */
  readonly onFull: () => void;
};

export type Listening = {
  readonly url: string;
  /** Takes no more connections, waits for the answers under way, and cuts those that are not done after `graceMs`. */
  close(graceMs: number): Promise<void>;
};

/** A head is small: a client that needs longer for it is not slow but holds the connection on purpose. */
const maxHeadMs = 15_000;
/** The longest interval at which Node looks for requests that are late. */
const maxCheckIntervalMs = 5000;
const fullNoticeMs = 60_000;

/** Longer than the idle time of the usual proxies, so that they close first and never write to a closed socket. */
const keepAliveTimeout = 75_000;

/** Serves the app; rejects when the address is taken or not this machine's. */
export async function listen(app: App, options: ListenOptions): Promise<Listening> {
  const { host, port, maxConnections, maxHeaderBytes, onFull, slowRequestMs } = options;
  // These bound how long a request may take to arrive; an answer may take as long as it likes.
  const timeouts = {
    headersTimeout: Math.min(maxHeadMs, slowRequestMs),
    requestTimeout: slowRequestMs,
    connectionsCheckingInterval: Math.min(maxCheckIntervalMs, slowRequestMs),
    timeout: 0,
  };
  const connection = { keepAliveTimeout, noDelay: true, keepAlive: true, maxHeaderSize: maxHeaderBytes };
  // An upgrade to anything else is ignored, as HTTP has it, and the request is answered without it.
  const shouldUpgradeCallback = ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === 'websocket';
  const server = createServer({ ...timeouts, ...connection, shouldUpgradeCallback }, app.handle);
  server.on('upgrade', (request, socket, head) => app.upgrade(request, socket, head));
  server.maxHeadersCount = 100;
  server.maxConnections = maxConnections;
  server.on('drop', atMostEvery(fullNoticeMs, onFull));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  const takenPort = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${takenPort}`,
    close: async (graceMs) => {
      const closed = Promise.withResolvers<void>();
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      // Also closes the connections that are idle now.
      server.close(() => closed.resolve());
      await closed.promise;
      clearTimeout(timer);
    },
  };
}

function atMostEvery(periodMs: number, callback: () => void): () => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = performance.now();
    if (nowMs - lastMs < periodMs) return;
    lastMs = nowMs;
    callback();
  };
}
