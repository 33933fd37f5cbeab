import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import Koa from 'koa';
import { AccessControl } from '../access/access-control.ts';
import type { Authenticator } from '../access/credentials.ts';
import { anonymous } from '../access/principals.ts';
import { UsageLimits } from '../access/usage-limits.ts';
import type { Api } from '../contract/api/api.ts';
import type { Agent } from '../contract/domain/agent.ts';
import type { Log, Metrics } from '../contract/domain/log.ts';
import type { SharedUsage } from '../contract/store/usage-store.ts';
import type { MetricsPage } from '../observability/metrics.ts';
import { type Exceptions, noExceptions } from '../upstream/ssrf-address.ts';
import { createBodyReader } from './body.ts';
import { Disconnects } from './disconnects.ts';
import { answerErrors } from './errors.ts';
import { allowOrigins } from './headers.ts';
import { answerHealth, type BackendStates, type ReadinessCheck } from './health.ts';
import { answerMetrics } from './metrics.ts';
import { type Pushed, takePushes } from './push.ts';
import { answerReference } from './reference.ts';
import { type Mount, routeMount } from './routes.ts';
import { boundReading } from './slow-reader.ts';
import { Sockets } from './sockets.ts';
import { Streams } from './sse.ts';
import { refuseUnrouted } from './unrouted.ts';

export type AppOptions = {
  readonly mounts: readonly Mount[];
  readonly api: Api;
  readonly log: Log;
  readonly limits: AppLimits;
  readonly heartbeatMs: number;
  readonly readiness: readonly ReadinessCheck[];
  /** Shown beside the readiness. */
  readonly backends?: BackendStates;
  /** Left out, whoever comes is let in, as the one tenant `default`. */
  readonly authenticate?: Authenticator;
  /** Every agent of the config; a principal that is for some agents has no other ones. Default: none. */
  readonly agents?: readonly Agent[];
  /** What all replicas count together; left out, this process counts alone. */
  readonly usage?: SharedUsage | null;
  /** Where a client's URL may lead although it is not public. */
  readonly exceptions?: Exceptions;
  /** Takes what vendors push; left out, they are not listened to. */
  readonly pushed?: Pushed;
  /** Whose pages may read answers in a browser; `*` is everybody's. Default: none. */
  readonly origins?: readonly string[];
  /** Left out, nothing is counted. */
  readonly metrics?: Metrics;
  /** What `/metrics` answers with; left out, the path is not there. */
  readonly renderMetrics?: () => Promise<MetricsPage>;
};

export type AppLimits = {
  readonly maxBodyBytes: number;
  /** Default 100. */
  readonly maxJsonDepth?: number;
  /** Default 65,536. */
  readonly maxMetadataBytes?: number;
  /** Default 10,000. */
  readonly maxStreams?: number;
  /** A reader that takes nothing of its answer for so long is cut off; default a minute. */
  readonly slowReaderMs?: number;
};

export type App = {
  readonly handle: RequestListener;
  /** Takes a request to upgrade the connection, which may come to an ordinary answer. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Streams that are being written. */
  readonly openStreams: number;
  /**
   * Ends what waits: blocking calls answer with what there is, streams are told to come back after `retryMs`, and
   * connections are closed after their answers. Requests are still taken; refusing work is the use cases' part.
   */
  drain(retryMs: number): void;
};

const uncounted: Metrics = { count: () => {} };
const defaultLimits = { maxJsonDepth: 100, maxMetadataBytes: 65_536, maxStreams: 10_000, slowReaderMs: 60_000 };

/** The gateway's HTTP side: errors and request ids around health probes around the protocols. */
export function createApp(options: AppOptions): App {
  const { log, api, mounts, authenticate = () => anonymous, exceptions = noExceptions, origins = [] } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const disconnects = new Disconnects();
  const { heartbeatMs, metrics = uncounted } = options;
  const streams = new Streams({ heartbeatMs, log, metrics, slowReaderMs: limits.slowReaderMs });
  const app = new Koa();
  app.on('error', (fault: unknown) => log.debug({ err: fault }, 'connection fault'));
  const readBody = createBodyReader(limits);
  const usageLimits = new UsageLimits(options.usage ?? null, limits.maxStreams);
  const bounds = { agents: options.agents ?? [], maxMetadataBytes: limits.maxMetadataBytes, exceptions };
  const accessControl = new AccessControl({ authenticate, usageLimits, api, bounds });
  const { maxBodyBytes, maxJsonDepth } = limits;
  const sockets = new Sockets({ heartbeatMs, maxBodyBytes, maxJsonDepth, origins, accessControl, log, metrics });
  const sites = mounts
    // `/acp/v0.1` is asked before the root, which has every path.
    .toSorted((a, b) => b.prefix.length - a.prefix.length)
    .map((mount) => ({
      ...mount,
      route: routeMount(mount, { accessControl, readBody, disconnects, streams, sockets }),
    }));
  const siteOf = (path: string) => sites.find(({ prefix }) => isUnder(path, prefix));

  app.use(answerErrors((path) => siteOf(path)?.protocol ?? null, disconnects, log));
  if (origins.length > 0) app.use(allowOrigins(origins));
  // First what most requests are for; its paths and those of the others are never the same.
  app.use((context, next) => siteOf(context.path)?.route(context, next) ?? next());
  const { readiness: checks, backends = () => [] } = options;
  app.use(answerHealth({ checks, backends, isDraining: () => disconnects.drained, log }));
  app.use(answerReference(mounts));
  if (options.renderMetrics !== undefined) app.use(answerMetrics(options.renderMetrics));
  if (options.pushed !== undefined) app.use(takePushes(options.pushed, limits.maxBodyBytes));
  app.use(refuseUnrouted());
  const handle = app.callback();
  const answer: RequestListener = (request, response) => {
    void handle(request, response).then(() => boundAnswer(response, limits.slowReaderMs));
  };
  return {
    handle: answer,
    upgrade: (request, socket, head) => answer(request, sockets.answerFor(request, socket, head)),
    get openStreams() {
      return streams.size + sockets.size;
    },
    drain(retryMs) {
      disconnects.drain();
      streams.drain(retryMs);
      sockets.drain();
    },
  };
}

/** Whoever asks for much and takes nothing must not hold it for ever. */
function boundAnswer(response: ServerResponse, slowReaderMs: number): void {
  if (!response.writableEnded || response.writableLength === 0) return;
  response.once('close', boundReading(response, slowReaderMs));
}

function isUnder(path: string, prefix: string): boolean {
  return prefix === '' || path === prefix || path.startsWith(`${prefix}/`);
}
