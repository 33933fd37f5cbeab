import type { PushCall } from '../contract/adapter/push.ts';
import type { ClientApi } from '../contract/api/api.ts';
import type { AgentDirectory } from '../contract/domain/agent.ts';
import { assertNever } from '../contract/domain/assert-never.ts';
import type { Clock } from '../contract/domain/clock.ts';
import type { Log, Metrics } from '../contract/domain/log.ts';
import type { RunTrace, Tracer } from '../contract/domain/trace.ts';
import type { Store } from '../contract/store/store.ts';
import { AgentService } from './api/agent-service.ts';
import { RunCreator } from './api/create-run.ts';
import { ItemService } from './api/item-service.ts';
import { RunService } from './api/run-service.ts';
import { ThreadService } from './api/thread-service.ts';
import { PassedCalls, type PassingBackend } from './api/vendor-calls.ts';
import { HeldRuns } from './cluster/held-runs.ts';
import type { Lease } from './cluster/lease.ts';
import { followReplicas } from './cluster/replication.ts';
import { takeStore } from './cluster/take-store.ts';
import { EventBus } from './events/event-bus.ts';
import { type BackendOptions, Backends } from './limits/backends.ts';
import { AgentDurations } from './pacing/agent-durations.ts';
import type { PacingOptions } from './pacing/pacing.ts';
import { agentOf } from './placement.ts';
import { EvaluationTurns } from './state/evaluation-count.ts';
import { FaultRecorder } from './state/fault-recorder.ts';
import { sweepExpired } from './state/retention.ts';
import { RunCache } from './state/run-cache.ts';
import { type Commit, RunWriter } from './state/run-writer.ts';
import { ThreadEffects } from './state/thread-effects.ts';
import { createWebhookDispatcher, type WebhookOptions } from './webhooks/create-dispatcher.ts';
import { outboxEntryOf } from './webhooks/outbox-entry.ts';
import { AccountPushReceiver } from './worker/account-push-receiver.ts';
import { BackendHealth, type BackendStatus } from './worker/backend-health.ts';
import { Canceller } from './worker/canceller.ts';
import { countLive, type LiveCounts } from './worker/live-counts.ts';
import { LiveRuns } from './worker/live-runs.ts';
import { type ParseBody, PushReceiver } from './worker/push-receiver.ts';
import { UpstreamStopper } from './worker/upstream-stopper.ts';
import { WaitNotes } from './worker/wait-notes.ts';
import { Worker } from './worker/worker.ts';

export type EngineDeps = {
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly clock: Clock;
  readonly pacing: PacingOptions;
  /** Limits and pushes of every backend that an agent names. */
  readonly backends: readonly BackendOptions[];
  /** Those that pass on what makes no run; left out, none. */
  readonly passing?: readonly PassingBackend[] | undefined;
  /** This process's lease, which the connections to vendors heed too. */
  readonly lease: Lease;
  /** When a store may be an old copy, and what the operator is advised to run then. */
  readonly fence: { readonly staleAfterMs: number; readonly restoreCommand: string };
  /** How long a run is kept after its end. */
  readonly retentionMs: number;
  /** How long an idempotency key is kept. */
  readonly idempotencyMs: number;
  /** Left out, the `webhook` of a run is not called. */
  readonly webhooks?: WebhookOptions | undefined;
  readonly cache: { readonly maxRuns: number; readonly maxBytes: number };
  readonly log: Log;
  readonly metrics: Metrics;
  /** The client request in whose course something is done; left out, none is known. */
  readonly currentTrace?: (() => RunTrace | undefined) | undefined;
  /** Left out: no traces are made. */
  readonly tracer?: Tracer | undefined;
};

export type Engine = {
  readonly api: ClientApi;
  /** The live runs of this process by backend and phase, how many are parked, and how long the oldest has been queued. */
  countRuns(): LiveCounts;
  /** How many live runs this process drives, and how many of them are parked. */
  liveRuns(): { readonly total: number; readonly parked: number };
  /** How each backend is, as this process sees it. */
  backends(): readonly BackendStatus[];
  /**
   * A vendor reports a change of a run, which is then polled. `parseBody` gives what it sent, and is called only where
   * that is needed. False: no start carried the token.
   */
  acceptPush(backend: string, token: string, parseBody?: ParseBody): Promise<boolean>;
  /** A vendor reports a change in an account, naming its run. False: no account of the backend knows it as its vendor's. */
  acceptAccountPush(backend: string, call: PushCall): Promise<boolean>;
  /** Claims and recovers live runs whose replica is dead. Rejects with `StorageFault`. */
  start(): Promise<void>;
  /** Refuses new work. Vendor calls under way are finished and recorded; the rest is left to the next owner. */
  stop(): Promise<void>;
};

/** Composes the engine: use cases over run loops over one store. */
export function createEngine(deps: EngineDeps): Engine {
  const { agents, store, clock, log, metrics, lease, tracer } = deps;
  const live = new LiveRuns();
  const cache = new RunCache(store, deps.cache, (runId) => live.find(runId));
  const bus = new EventBus({
    onPublish: ({ runId, run }) => {
      if (run === null) cache.delete(runId);
      else cache.keep(run);
      live.refresh(runId, run);
    },
    onRunWatched: (runId) => live.get(runId)?.wake(),
    onThreadWatched: (threadId) => live.wakeThread(threadId),
  });
  const dispatcher =
    deps.webhooks === undefined ? null : createWebhookDispatcher({ store, clock, log, metrics, tracer }, deps.webhooks);
  const faults = new FaultRecorder(metrics, clock);
  const waitNotes = new WaitNotes({ clock, runs: () => live.values() });
  const onWait = (): void => waitNotes.expect();
  const backends = new Backends(
    { onWait, clock, log, agents, replica: lease.replica, quotas: store.quotas },
    deps.backends,
  );
  const health = new BackendHealth({ clock, log, limits: backends, countLive: (backend) => live.countAt(backend) });
  const stopper = new UpstreamStopper({ clock, faults, health, backends, log });
  const threadEffects = new ThreadEffects(store, agents, ({ tenant, threadId }, session) => {
    const agent = agentOf(agents, session);
    if (agent !== null) stopper.endSession({ id: threadId, tenant, upstream: session.upstream }, agent);
  });
  const writer = new RunWriter({
    ...{ agents, store, clock, threads: threadEffects, log, metrics, tracer },
    deliveryOf: (before, after) => {
      const owed = outboxEntryOf(before, after);
      if (owed === undefined || dispatcher !== null) return owed;
      // The config had secrets when the run was created: requests with a webhook are refused without.
      log.warn({ run_id: after.runId, status: after.status }, 'webhook not called: no secret is configured');
      return undefined;
    },
    onCommitted: (commit) => {
      announce(commit, bus);
      if (commit.kind === 'changed' && commit.owesDelivery) dispatcher?.wake();
    },
    onUnknownInsert: () => lease.expectUnknownRuns(),
  });
  const canceller = new Canceller({ store, writer, stopper });
  const durations = new AgentDurations({ store: store.durations, clock, log });
  const worker = new Worker(
    {
      ...{ replica: lease.replica, store, writer, bus, canceller, stopper, clock },
      ...{ pacing: deps.pacing, backends, onWait, durations, faults, health, log, metrics, tracer },
      evaluationTurns: new EvaluationTurns(),
    },
    agents,
    live,
  );
  const held = new HeldRuns({
    ...{ store, clock, log, restoreCommand: deps.fence.restoreCommand },
    write: (run, transition) => writer.write(run, transition),
    expire: (run) =>
      canceller.expire(run, null, 'it was waiting for the decision of the operator about a restored store'),
  });
  const accountPushes = new AccountPushReceiver({ agents, store, backends, live });
  const pushes = new PushReceiver({ agents, store, backends, live, writer, stopper, log });
  const creator = new RunCreator({
    ...{ replica: lease.replica, agents, store, writer, worker, canceller, clock },
    idempotencyMs: deps.idempotencyMs,
    currentTrace: deps.currentTrace ?? (() => undefined),
  });
  const runs = new RunService({ live, agents, store, cache, writer, bus, canceller, stopper, creator, clock });
  const threads = new ThreadService({ agents, store, cache, stopper, bus, clock });
  const api: ClientApi = {
    ...{ runs, threads, items: new ItemService(store, clock), agents: new AgentService(agents) },
    vendors: new PassedCalls({ backends, passing: deps.passing ?? [], agents, clock, log }),
  };
  const stopFollowing = followReplicas({ store, cache, bus, live, clock, log });
  const stopSweeping = sweepExpired({ store, cache, clock, log }, deps.retentionMs);
  const stopWakes = store.wakes?.subscribe((runId) => live.get(runId)?.pollNow());

  return {
    api,
    countRuns: () => countLive(live.values()),
    liveRuns: () => ({ total: live.size, parked: live.countParked() }),
    backends: () => health.states(),
    acceptPush: (backend, token, parseBody = () => undefined) => pushes.accept(backend, token, parseBody),
    acceptAccountPush: (backend, call) => accountPushes.accept(backend, call),
    start: async () => {
      await takeStore({ store, clock, log }, { ...deps.fence, deadAfterMs: lease.options.deadAfterMs });
      await durations.load(agents.all.map((agent) => agent.agentId));
      await held.start(lease.options.heartbeatMs);
      await lease.start((run) => worker.recover(run));
      dispatcher?.start();
    },
    stop: async () => {
      runs.drain();
      stopFollowing();
      stopSweeping();
      stopWakes?.();
      await held.stop();
      waitNotes.stop();
      await worker.stop();
      stopper.stop();
      await stopper.settle();
      await dispatcher?.stop();
      await durations.stop();
      await backends.stop();
      await lease.stop();
    },
  };
}

/** Publishes a durable write to this process. A new run has no watchers yet, but its thread may have. */
function announce(commit: Commit, bus: EventBus): void {
  switch (commit.kind) {
    case 'created':
      if (commit.run.threadId !== null) bus.notifyThread(commit.run.threadId);
      return;
    case 'changed':
      bus.publish({ runId: commit.run.runId, run: commit.run, events: commit.events });
      return;
    case 'removed':
      bus.publish({ runId: commit.runId, run: null, events: [] });
      return;
    default:
      assertNever(commit);
  }
}
