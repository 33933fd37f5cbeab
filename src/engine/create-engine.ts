import type { PushCall } from '../contract/adapter/push.ts';
import type { AdminFor, ConfigAdmin } from '../contract/api/admin.ts';
import type { ClientApi } from '../contract/api/api.ts';
import type { AgentDirectory } from '../contract/domain/agent.ts';
import { assertNever } from '../contract/domain/assert-never.ts';
import type { Cap, CapReport } from '../contract/domain/cap.ts';
import type { Clock } from '../contract/domain/clock.ts';
import type { Log, Metrics, Verbosity } from '../contract/domain/log.ts';
import type { Schedule } from '../contract/domain/schedule.ts';
import type { RunTrace, Tracer } from '../contract/domain/trace.ts';
import type { ReplicaReport } from '../contract/store/operations-store.ts';
import type { Store } from '../contract/store/store.ts';
import { ChangeStream } from './admin/change-stream.ts';
import { createAdmin } from './admin/create-admin.ts';
import { Presence } from './admin/presence.ts';
import { streamChanges } from './admin/stream-changes.ts';
import { AgentService } from './api/agent-service.ts';
import { RunCreator } from './api/create-run.ts';
import { ItemService } from './api/item-service.ts';
import { RunService } from './api/run-service.ts';
import { ThreadNames } from './api/thread-names.ts';
import { ThreadService } from './api/thread-service.ts';
import { PassedCalls, type PassingBackend } from './api/vendor-calls.ts';
import { HeldRuns } from './cluster/held-runs.ts';
import type { Lease } from './cluster/lease.ts';
import { followReplicas } from './cluster/replication.ts';
import { SharedWatches } from './cluster/shared-watches.ts';
import { takeStore } from './cluster/take-store.ts';
import { EventBus } from './events/event-bus.ts';
import { RemoteWatchers } from './events/remote-watchers.ts';
import { type BackendOptions, Backends } from './limits/backends.ts';
import { CapReadings } from './limits/caps.ts';
import { Stops } from './limits/stops.ts';
import { AgentDurations } from './pacing/agent-durations.ts';
import type { PacingOptions } from './pacing/pacing.ts';
import { agentOf } from './placement.ts';
import { Scheduler } from './schedules/scheduler.ts';
import { EvaluationTurns } from './state/evaluation-count.ts';
import { FaultRecorder } from './state/fault-recorder.ts';
import { sweepExpired } from './state/retention.ts';
import { RunCache } from './state/run-cache.ts';
import { type Commit, RunWriter } from './state/run-writer.ts';
import { type ReplyOf, ThreadEffects } from './state/thread-effects.ts';
import { createWebhookDispatcher, type WebhookOptions } from './webhooks/create-dispatcher.ts';
import { outboxEntriesOf } from './webhooks/outbox-entry.ts';
import { WaitingCount } from './webhooks/waiting-count.ts';
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
  readonly passing?: (() => readonly PassingBackend[]) | undefined;
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
  readonly replyOf: ReplyOf;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The client request in whose course something is done; left out, none is known. */
  readonly currentTrace?: (() => RunTrace | undefined) | undefined;
  /** What operators see of this process and its config; left out, there is no admin API. */
  readonly self?: EngineSelf | undefined;
  /** Left out: no traces are made. */
  readonly tracer?: Tracer | undefined;
  /** Those of the config in force; left out, none. */
  readonly schedules?: (() => readonly Schedule[]) | undefined;
  /** Those of the config in force; left out, none. */
  readonly caps?: (() => readonly Cap[]) | undefined;
  /** Called each time that a vendor refuses the credentials of a backend. */
  readonly onUnauthorised?: ((backend: string) => void) | undefined;
};

export type EngineSelf = {
  readonly version: string;
  readonly config: ConfigAdmin;
  /** Left out, the log keeps to its level. */
  readonly verbosity?: Verbosity | undefined;
  /** The vendor's product, by the name of a backend. */
  readonly adapterOf: (backend: string) => string;
  /** The template of the vendor's page of a run; null: the backend has none. */
  readonly consoleUrlOf: (backend: string) => string | null;
};

export type Engine = {
  readonly api: ClientApi;
  /** Null where the gateway was not told about itself. */
  readonly adminFor: AdminFor | null;
  /** Whether operators drain this replica. */
  isDraining(): boolean;
  /** The live runs of this process by backend and phase, how many are parked, and how long the oldest has been queued. */
  countRuns(): LiveCounts;
  /** How many live runs this process drives, and how many of them are parked. */
  liveRuns(): { readonly total: number; readonly parked: number };
  /** Whether the store answered the last heartbeat, and the replicas that were read with it. */
  cluster(): { readonly isStoreUp: boolean; readonly replicas: ReturnType<Presence['countReplicas']> };
  /** What the caps have used, some seconds ago. */
  caps(): readonly CapReport[];
  /** Deliveries of webhooks that wait, some seconds ago; of all replicas. */
  webhooksWaiting(): number;
  /** Requests that this process may still send to each backend with a budget. */
  budgetsLeft(): ReadonlyMap<string, number>;
  /** How each backend is, as this process sees it. */
  backends(): readonly BackendStatus[];
  /**
   * A vendor reports a change of a run, which is then polled. `parseBody` gives what it sent, and is called only where
   * that is needed. False: no start carried the token.
   */
  acceptPush(backend: string, token: string, parseBody?: ParseBody): Promise<boolean>;
  /** A vendor reports a change in an account, naming its run. False: no account of the backend knows it as its vendor's. */
  acceptAccountPush(backend: string, call: PushCall): Promise<boolean>;
  /** Goes on with another config, whose agents are in the directory already. Live runs go on. */
  reconfigure(next: Pick<EngineDeps, 'backends'>): void;
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
  const changeStream = new ChangeStream(clock);
  const stops = new Stops(log);
  const bus = new EventBus({
    onPublish: ({ runId, run }) => {
      changeStream.noteRun(runId, run);
      if (run === null) cache.delete(runId);
      else cache.keep(run);
      live.refresh(runId, run);
    },
    onRunWatched: (runId) => {
      live.get(runId)?.wake();
      sharedWatches.noteRun(runId);
    },
    onThreadWatched: (threadId) => {
      live.wakeThread(threadId);
      sharedWatches.noteThread(threadId);
    },
  });
  const remoteWatchers = new RemoteWatchers(clock);
  const dispatcher =
    deps.webhooks === undefined ? null : createWebhookDispatcher({ store, clock, log, metrics, tracer }, deps.webhooks);
  const faults = new FaultRecorder(metrics, clock);
  const waitNotes = new WaitNotes({ clock, runs: () => live.values() });
  const onWait = (): void => waitNotes.expect();
  const backends = new Backends(
    { onWait, clock, log, agents, replica: lease.replica, quotas: store.quotas },
    deps.backends,
  );
  const onState = (name: string, state: string): void =>
    changeStream.note('backend', name, () => ({ backend: { name, state } }));
  const { onUnauthorised } = deps;
  const health = new BackendHealth({
    ...{ clock, log, limits: backends, onUnauthorised, onState },
    countLive: (backend) => live.countAt(backend),
  });
  const stopper = new UpstreamStopper({ clock, faults, health, backends, log });
  const threadEffects = new ThreadEffects({
    ...{ store, agents, replyOf: deps.replyOf },
    endSession: ({ tenant, threadId }, session) => {
      const agent = agentOf(agents, session);
      if (agent !== null) stopper.endSession({ id: threadId, tenant, upstream: session.upstream }, agent);
    },
  });
  const writer = new RunWriter({
    ...{ agents, store, clock, threads: threadEffects, log, metrics, tracer },
    deliveriesOf: (before, after) => {
      const owed = outboxEntriesOf(before, after);
      if (owed.length === 0 || dispatcher !== null) return owed;
      // The config had secrets when the run was created: requests with a webhook are refused without.
      log.warn({ run_id: after.runId, status: after.status }, 'webhook not called: no secret is configured');
      return [];
    },
    onCommitted: (commit) => {
      announce(commit, bus);
      if (commit.kind === 'created') changeStream.noteRun(commit.run.runId, commit.run);
      if (commit.kind === 'changed' && commit.owesDelivery) dispatcher?.wake();
    },
    onUnknownInsert: () => lease.expectUnknownRuns(),
  });
  const canceller = new Canceller({ store, writer, stopper });
  const durations = new AgentDurations({ store: store.durations, clock, log });
  const worker = new Worker(
    {
      ...{ replica: lease.replica, store, writer, bus, remoteWatchers, canceller, stopper, clock },
      ...{ pacing: deps.pacing, backends, stops, onWait, durations, faults, health, log, metrics, tracer },
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
  const names = new ThreadNames(store.threads);
  const caps = deps.caps ?? (() => []);
  const capReadings = new CapReadings({ store: store.caps, caps, log });
  const creator = new RunCreator({
    ...{ replica: lease.replica, agents, store, writer, worker, canceller, clock, names },
    idempotencyMs: deps.idempotencyMs,
    caps,
    currentTrace: deps.currentTrace ?? (() => undefined),
  });
  const isDraining = (): boolean => presence.isDraining;
  const runs = new RunService({
    isDraining,
    live,
    agents,
    store,
    cache,
    writer,
    bus,
    canceller,
    stopper,
    creator,
    clock,
  });
  const threads = new ThreadService({ agents, store, cache, stopper, bus, clock, names, runs });
  const api: ClientApi = {
    ...{ runs, threads, items: new ItemService(store, clock), agents: new AgentService(agents) },
    vendors: new PassedCalls({ backends, passing: deps.passing ?? (() => []), agents, stops, clock, log }),
  };
  const presence = new Presence({
    ...{ store: store.operations, ping: () => store.ping(), stops, clock, log, replica: lease.replica },
    deadAfterMs: lease.options.deadAfterMs,
    describe: () => describeReplica(deps, { counts: countLive(live.values()), total: live.size, health, presence }),
    onDrain: (shouldDrain) => lease.pauseClaims(shouldDrain),
  });
  const scheduler = new Scheduler({
    ...{ store, clock, log, metrics, isDraining, schedules: deps.schedules ?? (() => []) },
    create: (command) => creator.create(command),
  });
  const adminFor =
    deps.self === undefined
      ? null
      : createAdmin({
          ...{
            agents,
            store,
            live,
            clock,
            log,
            backends,
            health,
            stops,
            presence,
            changeStream,
            runs,
            canceller,
            writer,
            scheduler,
            capReadings,
          },
          ...{ replica: lease.replica, deadAfterMs: lease.options.deadAfterMs, ...deps.self },
        });
  const stopStreaming = streamChanges({ changeStream, stops, store, live });
  const stopFollowing = followReplicas({ store, cache, bus, live, clock, log });
  const sharedWatches = new SharedWatches({ wakes: store.wakes, bus, live, remote: remoteWatchers, clock });
  const stopSweeping = sweepExpired({ store, cache, clock, log }, deps.retentionMs);
  const stopCaps = capReadings.follow(clock);
  const waitingCount = new WaitingCount({ outbox: store.outbox, clock, log });
  const stopWakes = store.wakes?.subscribe((runId) => live.get(runId)?.pollNow());

  return {
    api,
    adminFor,
    isDraining,
    countRuns: () => countLive(live.values()),
    liveRuns: () => ({ total: live.size, parked: live.countParked() }),
    cluster: () => ({ isStoreUp: presence.storeAwaySinceMs === null, replicas: presence.countReplicas() }),
    caps: () => capReadings.last,
    webhooksWaiting: () => waitingCount.last,
    budgetsLeft: () => backends.budgetsLeft(),
    backends: () => health.states(),
    acceptPush: (backend, token, parseBody = () => undefined) => pushes.accept(backend, token, parseBody),
    acceptAccountPush: (backend, call) => accountPushes.accept(backend, call),
    reconfigure: ({ backends: next }) => {
      const changed = backends.reconfigure(next);
      health.renew(changed);
      worker.renew(changed);
      scheduler.wake();
      changeStream.note('config', 'config', () => ({}));
      // What is not there is learned, and no run waits for it.
      void durations.load(agents.all.map((agent) => agent.agentId)).catch((error: unknown) => {
        log.warn({ err: error }, 'store unavailable; the durations of earlier runs were not read');
      });
    },
    start: async () => {
      await takeStore({ store, clock, log }, { ...deps.fence, deadAfterMs: lease.options.deadAfterMs });
      await presence.load();
      await durations.load(agents.all.map((agent) => agent.agentId));
      await held.start(lease.options.heartbeatMs);
      await lease.start((run) => worker.recover(run));
      presence.start(lease.options.heartbeatMs);
      dispatcher?.start();
      scheduler.wake();
    },
    stop: async () => {
      runs.drain();
      await scheduler.stop();
      await presence.stop();
      stopStreaming();
      stopFollowing();
      sharedWatches.stop();
      stopSweeping();
      await stopCaps();
      await waitingCount.stop();
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

type Described = {
  readonly counts: LiveCounts;
  readonly total: number;
  readonly health: BackendHealth;
  readonly presence: Presence;
};

/** What this replica says of itself. */
function describeReplica({ self, clock }: EngineDeps, { counts, total, health, presence }: Described): ReplicaReport {
  return {
    version: self?.version ?? '',
    configHash: self?.config.hash ?? '',
    startedAtMs: Math.round(clock.nowMs() - clock.monotonicMs()),
    liveRuns: total,
    parkedRuns: counts.parked,
    isDraining: presence.isDraining,
    backends: Object.fromEntries(health.states().map(({ name, state }) => [name, state])),
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
