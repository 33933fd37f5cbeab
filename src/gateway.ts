import { createAuthenticator } from './access/credentials.ts';
import { StreamTickets } from './access/stream-tickets.ts';
import { buildAgents } from './agents/agent-directory.ts';
import { type BackendConnections, connectionsByTenant, sharedConnection } from './agents/backend-connections.ts';
import { stringifySliced } from './compute/sliced-json.ts';
import { sliceBounds } from './compute/slices.ts';
import { refuseOpenHost } from './config/auth-section.ts';
import type { Config } from './config/config.ts';
import { createConfigAdmin, type ReadConfig } from './config/config-admin.ts';
import type { Connection } from './contract/adapter/adapter.ts';
import type { Protocol } from './contract/api/protocol.ts';
import type { Log } from './contract/domain/log.ts';
import type { Run } from './contract/domain/run.ts';
import { Lease } from './engine/cluster/lease.ts';
import { createEngine } from './engine/create-engine.ts';
import { currentAdmission } from './engine/limits/call-permit.ts';
import { systemClock } from './engine/system-clock.ts';
import type { WebhookOptions } from './engine/webhooks/create-dispatcher.ts';
import { type AppOptions, createApp } from './http/app.ts';
import type { Mount } from './http/router.ts';
import { listen } from './http/server.ts';
import { measureJson } from './json/measure-json.ts';
import { createExpressionCompiler } from './mapping/expressions.ts';
import { readGauges } from './observability/gauge-readings.ts';
import { createMetrics } from './observability/metrics.ts';
import { createRedactor } from './observability/redaction.ts';
import { RequestScope } from './observability/request-scope.ts';
import type { Tracing } from './observability/tracing.ts';
import { readVersion } from './observability/version.ts';
import { createAcpV01 } from './protocols/acp-v01/protocol.ts';
import { createAcpV02 } from './protocols/acp-v02/protocol.ts';
import { createAdminProtocol } from './protocols/admin/protocol.ts';
import { createAgentProtocol } from './protocols/agent-protocol/protocol.ts';
import { createIntuned } from './protocols/intuned/protocol.ts';
import { createRestack } from './protocols/restack/protocol.ts';
import { openStore } from './store/open.ts';
import { CallRecords } from './upstream/call-record.ts';
import { connectUpstream, type Upstream } from './upstream/connect.ts';
import { parseExceptions } from './upstream/ssrf-address.ts';
import { createOutboundClient } from './upstream/ssrf-client.ts';

export type Gateway = {
  /** Where it listens, with the port that was picked. */
  readonly url: string;
  /** Where the admin API listens, where it has a listener of its own. */
  readonly adminUrl: string | null;
  /** Drains, within the config's `server.drainSeconds`, and closes everything. */
  stop(): Promise<void>;
};

const cacheBytes = 32 * 1024 * 1024;
/** Bounds TCP and TLS together towards a vendor. */
const connectTimeoutMs = 10_000;
const dayMs = 86_400_000;
const hourMs = 3_600_000;
const minuteMs = 60_000;
/** When a stream's reader should come back after a drain. */
const streamRetryMs = 1000;
/** For answers that are being flushed. */
const closeGraceMs = 500;

/** The one composition: config to store, connections, agents, engine and app. Rejects when one cannot be had. */
export async function startGateway(config: Config, log: Log, read: ReadConfig | null = null): Promise<Gateway> {
  checkOpenHost(config, log);
  const loadedAtMs = systemClock.nowMs();
  const metrics = createMetrics({ processMetrics: config.server.metrics });
  const store = await openStore(config.store.url, {
    log,
    notifyUrl: config.store.notifyUrl,
    onCommitted: (seconds) => metrics.observe('commit_duration_seconds', seconds),
  });
  const scope = new RequestScope();
  const tracing = await openTraces(config, log);
  const tracer = tracing?.tracer;
  const upstreams: Upstream[] = [];
  const connections = new Map<string, BackendConnections>();
  const lease = new Lease(
    { store, clock: systemClock, log },
    {
      heartbeatMs: config.replicas.heartbeatSeconds * 1000,
      deadAfterMs: config.replicas.deadAfterSeconds * 1000,
    },
  );
  const fence = (): boolean => lease.isHeld();
  for (const backend of config.backends) {
    const { name, adapter, settings, settingsByTenant, secrets, baseUrl, maxConnections } = backend;
    const expressions = createExpressionCompiler({ timeMs: config.limits.mappingTimeMs });
    const records = new CallRecords({ backend: name, metrics, tracer });
    const connect = (own: unknown): Connection => {
      const upstream = connectUpstream({
        ...{ baseUrl, secrets, createRedactor, maxConnections, connectTimeoutMs, fence, log },
        admission: currentAdmission,
        records,
        timeoutMs: backend.requestTimeoutMs,
        tls: adapter.connectionOptionsOf?.(own).tls,
        maxAnswerBytes: config.limits.maxAnswerBytes,
        exceptions: parseExceptions(config.webhooks.allow),
      });
      upstreams.push(upstream);
      return adapter.connect(own, upstream.client, expressions);
    };
    const byTenant = Object.entries(settingsByTenant ?? {}).map(([tenant, own]) => [tenant, connect(own)] as const);
    connections.set(
      name,
      settingsByTenant === null ? sharedConnection(connect(settings)) : connectionsByTenant(new Map(byTenant)),
    );
  }
  const mounts = mountProtocols(config);
  const webhooks = sendWebhooks(config, mounts);
  const agents = buildAgents({ ...config, maxOutputBytes: config.limits.maxOutputBytes }, connections);
  const engine = createEngine({
    agents,
    store,
    clock: systemClock,
    pacing: config.pacing,
    backends: config.backends,
    passing: config.backends.flatMap(({ name, adapter, passthrough }) => {
      const backend = connections.get(name);
      if (!passthrough || backend === undefined) return [];
      return [{ name, vendor: adapter.name, connectionFor: (tenant: string) => backend.for(tenant) }];
    }),
    webhooks: webhooks?.terms,
    lease,
    fence: {
      staleAfterMs: config.store.staleAfterMinutes * minuteMs,
      restoreCommand: `rungate restore --config ${config.file}`,
    },
    idempotencyMs: config.limits.idempotencyHours * hourMs,
    retentionMs: config.retention.days * dayMs,
    cache: { maxRuns: config.limits.cacheRuns, maxBytes: cacheBytes },
    log,
    metrics,
    tracer,
    currentTrace: () => scope.current,
    self: {
      version: readVersion(),
      config: createConfigAdmin({ current: () => ({ config, loadedAtMs }), read, reload: null }),
      adapterOf: (name) => config.backends.find((backend) => backend.name === name)?.adapter.name ?? '',
    },
  });

  const { acceptPush: pushed, acceptAccountPush: pushedForAccount, backends } = engine;
  const appOptions: AppOptions = {
    mounts,
    pushed,
    pushedForAccount,
    backends,
    api: engine.api,
    adminFor: engine.adminFor,
    isDraining: engine.isDraining,
    log,
    limits: { ...config.limits, slowReaderMs: config.limits.slowReaderSeconds * 1000 },
    authenticate: createAuthenticator(config.auth),
    tickets: new StreamTickets({ store: store.tickets, auth: config.auth }),
    isProtected: isProtected(config),
    agents: agents.all,
    defaultAgent: agents.defaultAgent,
    usage: store.usage.shared,
    exceptions: parseExceptions(config.webhooks.allow),
    callsWebhooks: callsWebhooks(config),
    hosts: servedHosts(config),
    origins: config.server.cors?.origins ?? [],
    heartbeatMs: config.server.heartbeatSeconds * 1000,
    readiness: [{ name: 'store', check: () => store.ping() }],
    metrics,
    scope,
    tracer,
    logsAccess: config.log.access,
    renderMetrics: config.server.metrics ? (form) => metrics.render(readNow(), form) : null,
  };
  const app = createApp(appOptions);
  const adminApp =
    config.admin.enabled && config.admin.port !== null ? createApp(adminOptions(config, appOptions)) : null;
  const readNow = () =>
    readGauges({
      version: readVersion(),
      nowMs: systemClock.nowMs(),
      backends: backends(),
      live: engine.countRuns(),
      openStreams: app.openStreams,
    });
  const { stop: stopEngine } = engine;
  const closeUnder = async (): Promise<void> => {
    await stopEngine();
    await Promise.all(upstreams.map((upstream) => upstream.close()));
    await webhooks?.close();
    await store.close();
    await tracing?.close();
  };
  try {
    await engine.start();
    const listenOptions = {
      maxConnections: config.limits.maxConnections,
      maxHeaderBytes: config.limits.maxHeaderBytes,
      slowRequestMs: config.limits.slowRequestSeconds * 1000,
      onFull: () => log.warn({ max: config.limits.maxConnections }, 'too many connections; further ones are closed'),
    };
    const server = await listen(app, { ...config.server, ...listenOptions });
    const { host, port } = config.admin;
    const adminServer = adminApp === null ? null : await listen(adminApp, { host, port: port ?? 0, ...listenOptions });
    if (adminServer !== null) log.info({ url: adminServer.url }, 'admin API listens');
    return {
      url: server.url,
      adminUrl: adminServer?.url ?? null,
      stop: async () => {
        const drainMs = config.server.drainSeconds * 1000 - closeGraceMs;
        const drained = drainWithin(drainMs, closeUnder, log);
        app.drain(streamRetryMs);
        adminApp?.drain(streamRetryMs);
        await drained;
        await Promise.all([server.close(closeGraceMs), adminServer?.close(closeGraceMs)]);
      },
    };
  } catch (error) {
    await closeUnder();
    throw error;
  }
}

/** The listener of operators: their API, health and metrics, and no runs. */
function adminOptions(config: Config, options: AppOptions): AppOptions {
  return {
    ...options,
    mounts: mountAdmin(),
    hosts: isProtected(config) ? null : [config.admin.host],
    origins: [],
    pushed: async () => false,
    pushedForAccount: async () => false,
  };
}

function mountAdmin(): readonly Mount[] {
  const protocol = createAdminProtocol();
  return [{ protocol, prefix: protocol.prefix }];
}

/** Without keys it is for this machine alone, which a port that is open to others cannot tell from them. */
function servesAdmin({ admin, auth }: Config): boolean {
  return admin.enabled && admin.port === null && auth !== 'none';
}

function isProtected({ auth }: Config): boolean {
  return auth !== null && auth !== 'none';
}

/** Null where requests may name any host: their keys say that no page of another site made them. */
function servedHosts(config: Config): readonly string[] | null {
  const { hosts, host } = config.server;
  return isProtected(config) && hosts.length === 0 ? null : [...hosts, host];
}

/** Null where the config asks for no traces: then nothing of OpenTelemetry is loaded. */
async function openTraces({ tracing }: Config, log: Log): Promise<Tracing | null> {
  if (tracing.otlp === null) return null;
  const { openTracing } = await import('./observability/tracing.ts');
  const { otlp: url, headers, serviceName, sampleRatio } = tracing;
  return openTracing({ url, headers, serviceName, sampleRatio, version: readVersion() }, log);
}

/** Refuses to open to strangers by accident; logs who can connect when there is no authentication. */
function checkOpenHost({ server: { host, hosts }, auth }: Config, log: Log): void {
  const refusal = refuseOpenHost(host, auth);
  if (refusal !== null) throw new Error(`the host ${host} ${refusal}`);
  if (auth === null) log.info({ host }, 'no auth configured: only this machine can connect');
  if (auth === 'none')
    log.warn({ host, hosts }, 'auth is disabled: anyone who can reach this port can run every agent');
}

/** Whether a run's `webhook` can be called. */
function callsWebhooks({ webhooks }: Config): boolean {
  return webhooks.secrets.length > 0 || webhooks.unsigned;
}

/** What the engine needs to call webhooks; null where none is called. */
function sendWebhooks(config: Config, mounts: readonly Mount[]) {
  if (!callsWebhooks(config)) return null;
  const { webhooks } = config;
  const timeoutMs = webhooks.timeoutSeconds * 1000;
  const sender = createOutboundClient({
    exceptions: parseExceptions(webhooks.allow),
    timeoutMs,
    connectTimeoutMs: timeoutMs,
  });
  const root = mounts.find(({ prefix }) => prefix === '') ?? mounts[0];
  const protocolOf = (name: string | null | undefined) => mounts.find(({ protocol }) => protocol.name === name) ?? root;
  const encodeRun = (run: Run) => {
    const encoded = protocolOf(run.request.origin?.protocol)?.protocol.encodeRun(run) ?? null;
    return measureJson(encoded, sliceBounds) === null ? stringifySliced(encoded) : JSON.stringify(encoded);
  };
  const giveUpMs = webhooks.giveUpHours * hourMs;
  const terms: WebhookOptions = { secrets: webhooks.secrets, giveUpMs, timeoutMs, sender, encodeRun };
  return { terms, close: () => sender.close() };
}

/** Every protocol under its own prefix, and the one that the config names at the root too. */
export function mountProtocols(config: Config): readonly Mount[] {
  const { unknownFields, rootProtocol } = config.server;
  const callbacks = callsWebhooks(config);
  const protocols: readonly Protocol[] = [
    createAcpV01({ maxBlockSeconds: config.limits.maxBlockSeconds, unknownFields, callbacks }),
    createAcpV02({ unknownFields, callbacks }),
    createAgentProtocol({ unknownFields, maxListBytes: config.limits.maxListBytes }),
    createIntuned(),
    createRestack({ unknownFields }),
  ];
  const mounts = protocols.map((protocol) => ({ protocol, prefix: protocol.prefix }));
  const root = protocols.find((protocol) => protocol.name === rootProtocol);
  if (root === undefined) throw new TypeError(`no protocol ${rootProtocol} is mounted`);
  return [...mounts, ...(servesAdmin(config) ? mountAdmin() : []), { protocol: root, prefix: '' }];
}

async function drainWithin(drainMs: number, close: () => Promise<void>, log: Log): Promise<void> {
  const late = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => late.resolve('late'), drainMs);
  const outcome = await Promise.race([close().then(() => 'closed' as const), late.promise]);
  clearTimeout(timer);
  if (outcome === 'late')
    log.warn({ drain_ms: drainMs }, 'drain timed out; remaining runs will be recovered on the next start');
}
