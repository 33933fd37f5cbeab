import { ConsoleSessions } from './access/console-sessions.ts';
import { createAuthenticator } from './access/credentials.ts';
import { SharedSigner } from './access/shared-signer.ts';
import { StreamTickets } from './access/stream-tickets.ts';
import { buildAgents } from './agents/agent-directory.ts';
import { toReply } from './agents/chat.ts';
import { BackendPool } from './agents/connect-backends.ts';
import { CurrentAgents } from './agents/current-agents.ts';
import { stringifySliced } from './compute/sliced-json.ts';
import { sliceBounds } from './compute/slices.ts';
import { refuseOpenHost } from './config/auth-section.ts';
import type { BackendConfig, Config } from './config/config.ts';
import { createConfigAdmin, type ReadConfig } from './config/config-admin.ts';
import { Reloader, type ReloadResult } from './config/reloader.ts';
import type { AgentDirectory } from './contract/domain/agent.ts';
import type { Log, Verbosity } from './contract/domain/log.ts';
import type { Run } from './contract/domain/run.ts';
import type { PassingBackend } from './engine/api/vendor-calls.ts';
import { Lease } from './engine/cluster/lease.ts';
import { createEngine } from './engine/create-engine.ts';
import { currentAdmission } from './engine/limits/call-permit.ts';
import { limitsOf } from './engine/limits/caps.ts';
import { followPacing } from './engine/pacing/pacing.ts';
import { systemClock } from './engine/system-clock.ts';
import { followWebhooks, type WebhookOptions } from './engine/webhooks/create-dispatcher.ts';
import { type AppOptions, createApp } from './http/app.ts';
import { callsWebhooks, Mounts, mountAdmin } from './http/mounts.ts';
import type { Mount } from './http/router.ts';
import { ServedApps } from './http/served-apps.ts';
import { listen } from './http/server.ts';
import { measureJson } from './json/measure-json.ts';
import { createExpressionCompiler } from './mapping/expressions.ts';
import { readGauges } from './observability/gauge-readings.ts';
import { createMetrics } from './observability/metrics.ts';
import { createRedactor } from './observability/redaction.ts';
import { RequestScope } from './observability/request-scope.ts';
import type { Tracing } from './observability/tracing.ts';
import { readVersion } from './observability/version.ts';
import { openStore } from './store/open.ts';
import { CallRecords } from './upstream/call-record.ts';
import { connectUpstream } from './upstream/connect.ts';
import { parseExceptions } from './upstream/ssrf-address.ts';
import { createOutboundClient } from './upstream/ssrf-client.ts';

export type Gateway = {
  /** Where it listens, with the port that was picked. */
  readonly url: string;
  /** Where the admin API listens, where it has a listener of its own. */
  readonly adminUrl: string | null;
  /** Puts the config into force as its files say it now; `cause` is for the log. Never rejects. */
  reload(cause: string): Promise<ReloadResult>;
  /** Drains, within the config's `server.drainSeconds`, and closes everything. */
  stop(): Promise<void>;
};

export type GatewayOptions = {
  /** Reads the config anew; left out, it cannot be reloaded. */
  readonly read?: ReadConfig | undefined;
  /** Called when another config is in force. */
  readonly onReload?: ((config: Config) => void) | undefined;
  /** Of the log; left out, it keeps to its level. */
  readonly verbosity?: Verbosity | undefined;
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

/** What a reload makes anew; the rest of the gateway lives as long as the process. */
type Generation = {
  readonly agents: AgentDirectory;
  readonly mounts: readonly Mount[];
  readonly passing: readonly PassingBackend[];
  readonly webhooks: ReturnType<typeof sendWebhooks>;
};

/** The one composition: config to store, connections, agents, engine and app. Rejects when one cannot be had. */
export async function startGateway(config: Config, log: Log, options: GatewayOptions = {}): Promise<Gateway> {
  checkOpenHost(config, log);
  const metrics = createMetrics({ processMetrics: config.server.metrics });
  const store = await openStore(config.store.url, {
    log,
    notifyUrl: config.store.notifyUrl,
    onCommitted: (seconds) => metrics.observe('commit_duration_seconds', seconds),
  });
  const scope = new RequestScope();
  const tracing = await openTraces(config, log);
  const tracer = tracing?.tracer;
  const lease = new Lease(
    { store, clock: systemClock, log },
    {
      heartbeatMs: config.replicas.heartbeatSeconds * 1000,
      deadAfterMs: config.replicas.deadAfterSeconds * 1000,
    },
  );
  const fence = (): boolean => lease.isHeld();
  const pool = new BackendPool<BackendConfig, ConnectionTerms>({
    compiler: ({ mappingTimeMs }) => createExpressionCompiler({ timeMs: mappingTimeMs }),
    connect: ({ name, adapter, baseUrl, secrets, maxConnections, requestTimeoutMs }, own, { maxAnswerBytes, allow }) =>
      connectUpstream({
        ...{ baseUrl, secrets, createRedactor, maxConnections, connectTimeoutMs, fence, log, maxAnswerBytes },
        tls: adapter.connectionOptionsOf?.(own).tls,
        admission: currentAdmission,
        records: new CallRecords({ backend: name, metrics, tracer }),
        timeoutMs: requestTimeoutMs,
        exceptions: parseExceptions(allow),
      }),
  });

  const allMounts = new Mounts((purpose) => new SharedSigner(store.tickets, purpose));

  function build(next: Config): Generation {
    const connections = pool.connect(next.backends, termsOf(next));
    const mounts = allMounts.of(next);
    return {
      mounts,
      agents: buildAgents({ ...next, maxOutputBytes: next.limits.maxOutputBytes }, connections),
      webhooks: sendWebhooks(next, mounts),
      passing: next.backends.flatMap(({ name, adapter, passthrough }) => {
        const backend = connections.get(name);
        if (!passthrough || backend === undefined) return [];
        return [{ name, vendor: adapter.name, connectionFor: (tenant: string) => backend.for(tenant) }];
      }),
    };
  }

  let now = build(config);
  const { read = null } = options;
  const load = async () => (read === null ? config : await read(null));
  const reloader = new Reloader({ load, apply: applyConfig, log }, config);
  const agents = new CurrentAgents(now.agents);
  const engine = createEngine({
    agents,
    store,
    clock: systemClock,
    pacing: followPacing(() => reloader.config.pacing),
    backends: config.backends,
    passing: () => now.passing,
    webhooks: now.webhooks === null ? undefined : followWebhooks(() => now.webhooks?.terms, now.webhooks.terms),
    lease,
    fence: {
      staleAfterMs: config.store.staleAfterMinutes * minuteMs,
      restoreCommand: `rungate restore --config ${config.file}`,
    },
    idempotencyMs: config.limits.idempotencyHours * hourMs,
    retentionMs: config.retention.days * dayMs,
    replyOf: toReply,
    cache: { maxRuns: config.limits.cacheRuns, maxBytes: cacheBytes },
    log,
    metrics,
    tracer,
    currentTrace: () => scope.current,
    schedules: () => reloader.config.schedules,
    caps: () => reloader.config.caps,
    onUnauthorised: (backend) => void rereadKeys(backend),
    self: {
      version: readVersion(),
      config: createConfigAdmin({ reloader, read }),
      verbosity: options.verbosity,
      adapterOf: (name) => backendOf(reloader.config, name)?.adapter.name ?? '',
      consoleUrlOf: (name) => backendOf(reloader.config, name)?.consoleUrl ?? null,
    },
  });
  const first = describeApp(config);
  const apps = new ServedApps(createApp(first));
  const adminApps = hasAdminListener(config) ? new ServedApps(createApp(adminOptions(config, first))) : null;

  function describeApp(next: Config): AppOptions {
    const { acceptPush: pushed, acceptAccountPush: pushedForAccount, backends } = engine;
    const sessions = new ConsoleSessions({ store: store.tickets, auth: next.auth });
    return {
      mounts: now.mounts,
      pushed,
      pushedForAccount,
      backends,
      api: engine.api,
      adminFor: engine.adminFor,
      isDraining: engine.isDraining,
      log,
      limits: { ...next.limits, slowReaderMs: next.limits.slowReaderSeconds * 1000 },
      authenticate: sessions.admit(createAuthenticator(next.auth)),
      sessions,
      tickets: new StreamTickets({ store: store.tickets, auth: next.auth }),
      isProtected: isProtected(next),
      agents: agents.all,
      defaultAgent: agents.defaultAgent,
      usage: store.usage.shared,
      exceptions: parseExceptions(next.webhooks.allow),
      callsWebhooks: callsWebhooks(next),
      hosts: servedHosts(next),
      publicUrl: next.server.publicUrl ?? null,
      issuer: next.auth === null || next.auth === 'none' ? null : (next.auth.jwt?.issuer ?? null),
      origins: next.server.cors?.origins ?? [],
      heartbeatMs: next.server.heartbeatSeconds * 1000,
      readiness: [{ name: 'store', check: () => store.ping() }],
      metrics,
      scope,
      tracer,
      logsAccess: next.log.access,
      renderMetrics: next.server.metrics ? (form) => metrics.render(readNow(), form) : null,
    };
  }

  /** In one turn of the event loop, so that no request sees a part of it. */
  function applyConfig(next: Config): void {
    checkOpenHost(next, log);
    const former = now.webhooks;
    now = build(next);
    agents.replace(now.agents);
    engine.reconfigure(next);
    const app = describeApp(next);
    apps.replace(createApp(app));
    adminApps?.replace(createApp(adminOptions(next, app)));
    options.onReload?.(next);
    // Attempts under way end by themselves.
    if (former !== null) setTimeout(() => void former.close(), next.webhooks.timeoutSeconds * 2000).unref();
  }

  const rereadKeys = atMostEvery(keyRereadMs, async (backend: string) => {
    const { kind } = await reloader.reload(`${backend} refuses our credentials`);
    if (kind === 'applied') log.info({ backend }, 'credentials read again');
  });

  const readNow = () =>
    readGauges({
      version: readVersion(),
      configHash: reloader.config.hash,
      lastReload: reloader.last,
      nowMs: systemClock.nowMs(),
      backends: engine.backends(),
      live: engine.countRuns(),
      openStreams: apps.openStreams,
      webhooksWaiting: engine.webhooksWaiting(),
      budgetsLeft: engine.budgetsLeft(),
      cluster: engine.cluster(),
      caps: engine.caps().flatMap(limitsOf),
    });
  const closeUnder = async (): Promise<void> => {
    await engine.stop();
    await pool.close();
    await now.webhooks?.close();
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
    const server = await listen(apps, { ...config.server, ...listenOptions });
    const { host, port } = config.admin;
    const adminServer =
      adminApps === null ? null : await listen(adminApps, { host, port: port ?? 0, ...listenOptions });
    if (adminServer !== null) log.info({ url: adminServer.url }, 'admin API listens');
    return {
      url: server.url,
      adminUrl: adminServer?.url ?? null,
      reload: (cause) => reloader.reload(cause),
      stop: async () => {
        const drainMs = config.server.drainSeconds * 1000 - closeGraceMs;
        const drained = drainWithin(drainMs, closeUnder, log);
        apps.drain(streamRetryMs);
        adminApps?.drain(streamRetryMs);
        await drained;
        await Promise.all([server.close(closeGraceMs), adminServer?.close(closeGraceMs)]);
      },
    };
  } catch (error) {
    await closeUnder();
    throw error;
  }
}

function backendOf({ backends }: Config, name: string): BackendConfig | undefined {
  return backends.find((backend) => backend.name === name);
}

function hasAdminListener({ admin }: Config): boolean {
  return admin.enabled && admin.port !== null;
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

/** Of all backends; a connection is kept while these and its own backend stay the same. */
type ConnectionTerms = {
  readonly maxAnswerBytes: number;
  readonly mappingTimeMs: number;
  readonly allow: readonly string[];
};

function termsOf({ limits: { maxAnswerBytes, mappingTimeMs }, webhooks: { allow } }: Config): ConnectionTerms {
  return { maxAnswerBytes, mappingTimeMs, allow };
}

/** Files with keys are read again no more often where the vendor keeps refusing them. */
const keyRereadMs = 10_000;

function atMostEvery<T>(periodMs: number, work: (value: T) => Promise<void>): (value: T) => Promise<void> {
  let lastMs = Number.NEGATIVE_INFINITY;
  return async (value) => {
    const nowMs = systemClock.monotonicMs();
    if (nowMs - lastMs < periodMs) return;
    lastMs = nowMs;
    await work(value);
  };
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
  const protocolOf = (name: string | null) => mounts.find(({ protocol }) => protocol.name === name) ?? root;
  const encodeRun = (run: Run, protocol: string | null) => {
    const encoded = protocolOf(protocol)?.protocol.encodeRun(run) ?? null;
    return measureJson(encoded, sliceBounds) === null ? stringifySliced(encoded) : JSON.stringify(encoded);
  };
  const giveUpMs = webhooks.giveUpHours * hourMs;
  const terms: WebhookOptions = { secrets: webhooks.secrets, giveUpMs, timeoutMs, sender, encodeRun };
  return { terms, close: () => sender.close() };
}

async function drainWithin(drainMs: number, close: () => Promise<void>, log: Log): Promise<void> {
  const late = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => late.resolve('late'), drainMs);
  const outcome = await Promise.race([close().then(() => 'closed' as const), late.promise]);
  clearTimeout(timer);
  if (outcome === 'late')
    log.warn({ drain_ms: drainMs }, 'drain timed out; remaining runs will be recovered on the next start');
}
