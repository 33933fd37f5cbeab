import type { IncomingMessage, RequestListener } from 'node:http';
import Koa, { type Middleware } from 'koa';
import type { Log } from '../contract/log.ts';
import type { UseCases } from '../contract/use-cases.ts';
import { createBodyReader } from './body.ts';
import { Departures } from './departures.ts';
import { answerErrors } from './errors.ts';
import { answerHealth, type ReadinessCheck } from './health.ts';
import { type Mount, routeMount } from './routes.ts';
import { Streams } from './sse.ts';
import { refuseUnrouted } from './unrouted.ts';

export type AppOptions = {
  readonly mounts: readonly Mount[];
  readonly use: UseCases;
  readonly log: Log;
  readonly limits: { readonly maxBodyBytes: number; readonly maxJsonDepth?: number };
  readonly heartbeatMs: number;
  readonly readiness: readonly ReadinessCheck[];
  /** May throw a `GatewayError`. Left out, every request belongs to the one tenant `default`. */
  readonly tenantOf?: (request: IncomingMessage) => string;
};

export type App = {
  readonly handle: RequestListener;
  /** Streams that are being written. */
  readonly openStreams: number;
  /**
   * Ends what waits: blocking calls answer with what there is, streams are told to come back after `retryMs`, and
   * connections are closed after their answers. Requests are still taken; refusing work is the use cases' part.
   */
  drain(retryMs: number): void;
};

const defaultJsonDepth = 100;

/** The gateway's HTTP side: errors and request ids around health probes around the dialects. */
export function createApp(options: AppOptions): App {
  const { log, use, mounts } = options;
  const departures = new Departures();
  const streams = new Streams(options.heartbeatMs, log);
  let draining = false;
  const app = new Koa();
  app.on('error', (fault: unknown) => log.debug({ err: fault }, 'connection fault'));
  const readBody = createBodyReader({ maxJsonDepth: defaultJsonDepth, ...options.limits });
  const tenantOf = options.tenantOf ?? (() => 'default');
  const sites = mounts
    // `/acp/v0.1` is asked before the root, which has every path.
    .toSorted((a, b) => b.prefix.length - a.prefix.length)
    .map((mount) => ({ ...mount, route: routeMount(mount, { use, readBody, departures, streams, tenantOf }) }));
  const siteOf = (path: string) => sites.find(({ prefix }) => isUnder(path, prefix));

  const closeWhenDraining: Middleware = async (context, next) => {
    await next();
    if (draining && !context.headerSent) context.res.setHeader('Connection', 'close');
  };
  app.use(closeWhenDraining);
  app.use(answerErrors((path) => siteOf(path)?.dialect ?? null, log));
  app.use(answerHealth(options.readiness, log));
  app.use((context, next) => siteOf(context.path)?.route(context, next) ?? next());
  app.use(refuseUnrouted());
  const handle = app.callback();
  return {
    handle: (request, response) => void handle(request, response),
    get openStreams() {
      return streams.size;
    },
    drain(retryMs) {
      draining = true;
      departures.drain();
      streams.drain(retryMs);
    },
  };
}

function isUnder(path: string, prefix: string): boolean {
  return prefix === '' || path === prefix || path.startsWith(`${prefix}/`);
}
