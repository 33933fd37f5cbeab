import { v7 as uuidV7 } from 'uuid';
import type { Api } from '../contract/api/api.ts';
import type { AgentDirectory } from '../contract/domain/agent.ts';
import type { Clock } from '../contract/domain/clock.ts';
import type { Log, Metrics } from '../contract/domain/log.ts';
import type { Store } from '../contract/store/store.ts';
import { AgentService } from './api/agent-service.ts';
import { RunCreator } from './api/create-run.ts';
import { ItemService } from './api/item-service.ts';
import { RunService } from './api/run-service.ts';
import { ThreadService } from './api/thread-service.ts';
import { Lease, type LeaseOptions } from './cluster/lease.ts';
import { followReplicas } from './cluster/replication.ts';
import { EventBus } from './events/event-bus.ts';
import { type BackendLimits, Backends } from './limits/backends.ts';
import type { BackendState } from './limits/call-queue.ts';
import { AgentDurations } from './pacing/agent-durations.ts';
import type { PacingLimits } from './pacing/pacing.ts';
import { FaultRecorder } from './state/outcomes.ts';
import { sweepExpired } from './state/retention.ts';
import { RunCache } from './state/run-cache.ts';
import { RunWriter } from './state/run-writer.ts';
import { ThreadEffects } from './state/thread-effects.ts';
import { createWebhookDispatcher, type WebhookOptions } from './webhooks/create-dispatcher.ts';
import { Canceller } from './worker/canceller.ts';
import { Worker } from './worker/worker.ts';

export type EngineDeps = {
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly clock: Clock;
  readonly pacing: PacingLimits;
  /** Budgets and pushes; a backend that is left out has no bounds. */
  readonly backends?: readonly BackendLimits[];
  readonly replica: LeaseOptions;
  /** How long a run is kept after its end. */
  readonly retentionMs: number;
  /** How long an idempotency key is kept. */
  readonly idempotencyMs: number;
  /** Left out, the `webhook` of a run is not called. */
  readonly webhooks?: WebhookOptions | undefined;
  readonly cache: { readonly maxRuns: number; readonly maxBytes: number };
  readonly log: Log;
  readonly metrics: Metrics;
  /** True the first time a key is seen. */
};

export type Engine = {
  readonly api: Api;
  /** Whether this process may ask vendors for anything that must not happen twice. */
  holdsLease(): boolean;
  /** How many live runs this process drives. */
  liveRuns(): number;
  backends(): readonly { readonly name: string; readonly state: BackendState }[];
  /** A vendor says that a run changed, which is looked at then. False: the token is none that a start carried. */
  pushed(backend: string, token: string): Promise<boolean>;
  /** Takes on the live runs that nobody drives; rejects with `StorageFault`. */
  start(): Promise<void>;
  /** Refuses new work; what is under way at vendors is finished, recorded, and the rest left for the next owner. */
  stop(): Promise<void>;
};

/** Puts the room together: use cases over drivers over one store. */
export function createEngine(deps: EngineDeps): Engine {
  const { store, clock, log, metrics } = deps;
  const id = uuidV7();
  const bus = new EventBus();
  const cache = new RunCache(store, deps.cache);
  const faults = new FaultRecorder(metrics);
  const threadEffects = new ThreadEffects(store, deps.agents, (threadId, session) => {
    const agent = deps.agents.find(session.agentId);
    if (agent !== null) canceller.endSession(threadId, session.upstream, agent);
  });
  const dispatcher =
    deps.webhooks === undefined ? null : createWebhookDispatcher({ store, clock, log, metrics }, deps.webhooks);
  const webhooks =
    deps.webhooks === undefined ? undefined : { encodeRun: deps.webhooks.encodeRun, onOwed: () => dispatcher?.wake() };
  const writer = new RunWriter({
    agents: deps.agents,
    store,
    clock,
    bus,
    threads: threadEffects,
    log,
    metrics,
    webhooks,
    onDoubt: () => lease.doubt(),
  });
  const backendParts = { clock, log, agents: deps.agents, replica: id, quotas: store.quotas };
  const backends = new Backends(backendParts, deps.backends ?? []);
  const durations = new AgentDurations({ store: store.durations, clock, log });
  const canceller = new Canceller({ store, writer, clock, faults, backends, log });
  const loopDeps = {
    replica: id,
    store,
    writer,
    bus,
    canceller,
    clock,
    pacing: deps.pacing,
    backends,
    durations,
    faults,
    log,
    metrics,
  };
  const worker = new Worker(loopDeps, deps.agents);
  const lease = new Lease(id, { store, clock, log }, deps.replica, (run) => worker.inherit(run));
  const creator = new RunCreator({
    replica: id,
    agents: deps.agents,
    store,
    writer,
    worker,
    canceller,
    clock,
    idempotencyMs: deps.idempotencyMs,
  });
  const runs = new RunService({ agents: deps.agents, store, cache, writer, bus, canceller, creator, clock });
  const threads = new ThreadService({ agents: deps.agents, store, cache, canceller, bus, clock });
  const api: Api = { runs, threads, items: new ItemService(store, clock), agents: new AgentService(deps.agents) };

  cache.onFindLive((runId) => worker.liveRun(runId));
  bus.onNotification((notification) => {
    if (notification.run === null) cache.forget(notification.runId);
    else cache.keep(notification.run);
    worker.refresh(notification.runId, notification.run);
  });
  const stopFollowing = followReplicas({ store, cache, bus, worker, clock, log });
  const stopSweeping = sweepExpired({ store, cache, clock, log }, deps.retentionMs);
  bus.onFirstWatcher((runId) => worker.loopOf(runId)?.hurry());
  bus.onThreadWatcher((threadId) => worker.hurryThread(threadId));
  const stopWakes = store.wakes?.subscribe((runId) => worker.loopOf(runId)?.poke());

  return {
    api,
    holdsLease: () => lease.holdsLease(),
    liveRuns: () => worker.size,
    backends: () => backends.states(),
    pushed: async (backend, token) => {
      const runId = backends.find(backend)?.push?.read(token) ?? null;
      if (runId === null) return false;
      const loop = worker.loopOf(runId);
      if (loop !== undefined) loop.poke();
      else await store.wakes?.wakeRun(runId);
      return true;
    },
    start: async () => {
      await durations.load(deps.agents.all.map((agent) => agent.agentId));
      await lease.start();
      dispatcher?.start();
    },
    stop: async () => {
      runs.drain();
      stopFollowing();
      stopSweeping();
      stopWakes?.();
      await worker.stop();
      canceller.stop();
      await canceller.settle();
      await dispatcher?.stop();
      await durations.stop();
      await backends.stop();
      await lease.stop();
    },
  };
}
