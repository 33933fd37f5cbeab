import type { IncomingMessage, RequestListener } from 'node:http';
import type { Duplex } from 'node:stream';
import Koa from 'koa';
import { AccessControl } from '../access/access-control.ts';
import type { ConsoleSessions } from '../access/console-sessions.ts';
import type { Authenticator } from '../access/credentials.ts';
import type { StreamTickets } from '../access/stream-tickets.ts';
import { UsageLimits } from '../access/usage-limits.ts';
import type { AdminFor } from '../contract/api/admin.ts';
import type { ClientApi } from '../contract/api/api.ts';
import type { Agent } from '../contract/domain/agent.ts';
import type { Log, Metrics } from '../contract/domain/log.ts';
import type { Tracer } from '../contract/domain/trace.ts';
import type { SharedUsage } from '../contract/store/usage-store.ts';
import type { MetricsPage } from '../observability/metrics.ts';
import type { RequestScope } from '../observability/request-scope.ts';
import type { Exceptions } from '../upstream/ssrf-address.ts';
import { admitRequests } from './admission.ts';
import { Answers } from './answers.ts';
import { ArrivingBytes, type ArrivingLimits } from './arriving-bytes.ts';
import { type BodyLimits, createBodyReader, createPushReader } from './body.ts';
import { consolePath, routeConsole } from './console.ts';
import { Disconnects } from './disconnects.ts';
import { Elsewhere } from './elsewhere.ts';
import { answerErrors } from './errors.ts';
import { allowOrigins, secureAnswers } from './headers.ts';
import type { BackendStates, ReadinessCheck } from './health.ts';
import { LargeAnswers } from './large-answers.ts';
import { type Pushed, type PushedForAccount, routeOwn } from './own-routes.ts';
import { ProtectedResources } from './protected-resource.ts';
import { docsPath } from './reference.ts';
import { recordRequests } from './request-record.ts';
import type { Mount } from './router.ts';
import { isUnder, mountRouters } from './router.ts';
import { routeMount } from './routes.ts';
import { boundAnswer } from './slow-reader.ts';
import { Sockets } from './sockets.ts';
import { Streams } from './sse.ts';
import { routeTickets } from './ticket-route.ts';
import { UnsentBytes, type UnsentLimits } from './unsent-bytes.ts';

export type AppOptions = {
  readonly mounts: readonly Mount[];
  readonly api: ClientApi;
  /** Null: the admin API is not served here. */
  readonly adminFor: AdminFor | null;
  /** Whether operators drain this replica. */
  readonly isDraining: () => boolean;
  readonly log: Log;
  readonly limits: AppLimits;
  readonly heartbeatMs: number;
  readonly readiness: readonly ReadinessCheck[];
  readonly backends: BackendStates;
  readonly authenticate: Authenticator;
  /** Of browsers that show the console; left out, there is no console. */
  readonly sessions?: ConsoleSessions | undefined;
  readonly tickets: StreamTickets;
  /** Whether `authenticate` refuses requests without credentials. */
  readonly isProtected: boolean;
  /** Every agent of the config; a principal that is limited to some agents sees no others. */
  readonly agents: readonly Agent[];
  readonly defaultAgent: Agent | null;
  /** Counts shared by all replicas; null: this process counts alone. */
  readonly usage: SharedUsage | null;
  /** Where a client's URL may lead although it is not public. */
  readonly exceptions: Exceptions;
  /** Whether the `webhook` of a run can be called. */
  readonly callsWebhooks: boolean;
  readonly pushed: Pushed;
  readonly pushedForAccount: PushedForAccount;
  /** Host names that are served in addition to those of the loopback; `*`: all. Null: all too. */
  readonly hosts: readonly string[] | null;
  /** The public address of the gateway; null: the one that each request names. */
  readonly publicUrl: string | null;
  /** The issuer whose tokens are accepted; null: none are. */
  readonly issuer: string | null;
  /** Origins whose pages may read answers in a browser; `*`: all. */
  readonly origins: readonly string[];
  readonly metrics: Metrics;
  readonly scope: RequestScope;
  /** Left out: no traces are made. */
  readonly tracer?: Tracer | undefined;
  /** Whether each request has a line in the log. */
  readonly logsAccess?: boolean | undefined;
  /** Null: the gateway has no `/metrics`. */
  readonly renderMetrics: ((form: 'prometheus' | 'openmetrics') => Promise<MetricsPage>) | null;
};

export type AppLimits = BodyLimits &
  UnsentLimits &
  ArrivingLimits & {
    /** Bounds what a vendor calls with, too. */
    readonly maxAnswerBytes: number;
    readonly maxMetadataBytes: number;
    /** The most that a list answers, unless it is one row. */
    readonly maxListBytes: number;
    readonly maxStreams: number;
    /** A reader that takes nothing of its answer for this long is cut off. */
    readonly slowReaderMs: number;
  };

export type App = {
  readonly handle: RequestListener;
  /** Takes a request to upgrade the connection, which may come to an ordinary answer. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Streams that are being written. */
  readonly openStreams: number;
  /**
   * Ends what waits: blocking calls answer with the run as it is, readers of streams are asked to reconnect after
   * `retryMs`, and connections are closed after their answers. Requests are still accepted: the use cases refuse work.
   */
  drain(retryMs: number): void;
};

/** The gateway's HTTP side: errors and headers around the protocols and the gateway's own routes. */
export function createApp(options: AppOptions): App {
  const { log, api, adminFor, mounts, limits, heartbeatMs, metrics, origins, agents } = options;
  const { maxBodyBytes, maxJsonDepth, maxMetadataBytes, maxStreams, slowReaderMs } = limits;
  const disconnects = new Disconnects();
  const unsent = new UnsentBytes(limits);
  const arriving = new ArrivingBytes(limits);
  const streams = new Streams({ heartbeatMs, log, metrics, slowReaderMs, unsent });
  const accessControl = new AccessControl({
    authenticate: options.authenticate,
    tickets: options.tickets,
    usageLimits: new UsageLimits(options.usage, maxStreams),
    ...{ api, adminFor },
    bounds: { agents, maxMetadataBytes, exceptions: options.exceptions, callsWebhooks: options.callsWebhooks },
  });
  const sockets = new Sockets({
    heartbeatMs,
    maxBodyBytes,
    maxJsonDepth,
    origins,
    accessControl,
    log,
    metrics,
    unsent,
    scope: options.scope,
  });
  const elsewhere = new Elsewhere(mounts.filter(({ protocol }) => protocol.isForOperators !== true));
  const routeDeps = {
    ...{ accessControl, disconnects, sockets, elsewhere },
    publicUrl: options.publicUrl,
    readBody: createBodyReader(limits, arriving),
    answers: new Answers({
      ...{ streams, unsent, maxListBytes: limits.maxListBytes },
      large: new LargeAnswers(unsent, slowReaderMs),
    }),
  };
  // `/acp/v0.1` is asked before the root, which has every path.
  const sites = [...mounts, ...mountsOfHost(mounts)].toSorted((a, b) => b.prefix.length - a.prefix.length);
  const protocolOf = (path: string) => sites.find(({ prefix }) => isUnder(path, prefix))?.protocol ?? null;
  const pages = new Set(['/', docsPath, consolePath, ...mounts.map(({ prefix }) => `${prefix}/openapi.json`)]);
  const ownDeps = {
    ...{
      checks: options.readiness,
      backends: options.backends,
      isDraining: () => disconnects.drained || options.isDraining(),
      log,
    },
    ...{
      pushed: options.pushed,
      pushedForAccount: options.pushedForAccount,
      readPush: createPushReader(limits, arriving),
      renderMetrics: options.renderMetrics,
    },
  };

  const app = new Koa();
  app.on('error', (fault: unknown) => log.debug({ err: fault }, 'connection fault'));
  const { scope, tracer, logsAccess = false } = options;
  app.use(recordRequests({ scope, tracer, logsAccess, metrics, log }));
  const resources = new ProtectedResources(options);
  app.use(answerErrors({ protocolOf, elsewhere, disconnects, resources, log }));
  app.use(secureAnswers());
  app.use(admitRequests({ ...options, pages }));
  if (origins.length > 0) for (const step of allowOrigins(origins)) app.use(step);
  if (options.issuer !== null) app.use(resources.route());
  const { sessions, isProtected } = options;
  const hasConsole = sessions !== undefined && mounts.some(({ protocol }) => protocol.isForOperators === true);
  app.use(
    mountRouters([
      ...sites.map((site) => routeMount(site, routeDeps)),
      ...(hasConsole ? [routeConsole({ accessControl, sessions, isProtected })] : []),
      routeTickets(mounts, routeDeps),
      routeOwn(ownDeps, { ...options, hasConsole }),
    ]),
  );
  const handle = app.callback();
  const answer: RequestListener = (request, response) => {
    void handle(request, response).then(() => boundAnswer(response, slowReaderMs, unsent));
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

/** What protocols serve under the well-known address of the host, wherever they are mounted. */
function mountsOfHost(mounts: readonly Mount[]): readonly Mount[] {
  return mounts.flatMap(({ protocol, prefix }) => {
    const { hostOperations: operations } = protocol;
    return operations === undefined || prefix === ''
      ? []
      : [{ protocol: { ...protocol, operations }, prefix: '/.well-known' }];
  });
}
