import { createServer } from 'node:http';
import { isIPv6 } from 'node:net';
import type { App } from './app.ts';

export type ListenOptions = {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
};

export type Listening = {
  readonly url: string;
  /** Takes no more connections, waits for the answers under way, and cuts those that are not done after `graceMs`. */
  close(graceMs: number): Promise<void>;
};

/** These bound how long a request may take to arrive; an answer may take as long as it likes. */
const timeouts = { headersTimeout: 15_000, requestTimeout: 120_000, timeout: 0 };

/** Longer than the idle time of the usual proxies, so that they close first and never write to a closed socket. */
const keepAliveTimeout = 75_000;

/** Serves the app; rejects when the address cannot be had. */
export async function listen(app: App, { host, port }: ListenOptions): Promise<Listening> {
  const server = createServer({ ...timeouts, keepAliveTimeout, noDelay: true, keepAlive: true }, app.handle);
  server.maxHeadersCount = 100;
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
