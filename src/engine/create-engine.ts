import { v7 as uuidV7 } from 'uuid';
import type { AgentDirectory } from '../contract/domain/agent.ts';
import type { Clock } from '../contract/domain/clock.ts';
import type { Log, Metrics } from '../contract/domain/log.ts';
import type { Store } from '../contract/store/store.ts';
import { Archive } from './state/run-cache.ts';
import { Backends, type BackendTerms } from './limits/backends.ts';
import type { BackendState } from './limits/call-queue.ts';
import { Creator } from './api/create-run.ts';
import { Fleet } from './worker/worker.ts';
import { Items } from './api/item-service.ts';
import { Journal } from './state/run-writer.ts';
import { History } from './pacing/agent-durations.ts';
import type { PacingLimits } from './pacing/pacing.ts';
import { followOtherReplicas } from './cluster/replication.ts';
import { Replica, type ReplicaSettings } from './cluster/lease.ts';
import { sweepExpired } from './state/retention.ts';
import { Service } from './api/run-service.ts';
import { Terminator } from './worker/canceller.ts';
import { ThreadKeeper } from './state/thread-effects.ts';
import { Threads } from './api/thread-service.ts';
import { FaultLedger } from './state/outcomes.ts';
import { Watch } from './events/event-bus.ts';
import { createCourier, type WebhookTerms } from './webhooks/create-dispatcher.ts';

export type EngineParts = {
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly clock: Clock;
  readonly pacing: PacingLimits;
  /** Budgets and pushes; a backend that is left out has no bounds. */
  readonly backends?: readonly BackendTerms[];
  readonly replica: ReplicaSettings;
  /** How long a run is kept after its end. */
  readonly retentionMs: number;
  /** How long an idempotency key is kept. */
  readonly idempotencyMs: number;
  /** Left out, the `webhook` of a run is not called. */
  readonly webhooks?: WebhookTerms | undefined;
  readonly cache: { readonly mostRuns: number; readonly mostBytes: number };
  readonly log: Log;
  readonly metrics: Metrics;
  /** True the first time a key is seen. */
  readonly firstTime: (key: string) => boolean;
};

export type Engine = {
  readonly service: Service;
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
export function createEngine(parts: EngineParts): Engine {
  const { store, clock, log, metrics } = parts;
  const id = uuidV7();
  const watch = new Watch();
  const archive = new Archive(store, parts.cache);
  const ledger = new FaultLedger(metrics, parts.firstTime);
  const keeper = new ThreadKeeper(store, parts.agents, (threadId, living) => {
    const agent = parts.agents.find(living.agentId);
    if (agent !== null) terminator.endLiving(threadId, living.upstream, agent);
  });
  const courier = parts.webhooks === undefined ? null : createCourier({ store, clock, log, metrics }, parts.webhooks);
  const webhooks =
    parts.webhooks === undefined ? undefined : { encodeRun: parts.webhooks.encodeRun, onOwed: () => courier?.wake() };
  const journal = new Journal({
    agents: parts.agents,
    store,
    clock,
    watch,
    threads: keeper,
    log,
    metrics,
    webhooks,
    onDoubt: () => replica.doubt(),
  });
  const { pace } = store;
  const backendParts = { clock, log, agents: parts.agents, replica: id, shares: pace.shares };
  const backends = new Backends(backendParts, parts.backends ?? []);
  const history = new History({ store: pace, clock, log });
  const terminator = new Terminator({ store, journal, clock, ledger, backends, log });
  const driverParts = {
    replica: id,
    store,
    journal,
    watch,
    terminator,
    clock,
    pacing: parts.pacing,
    backends,
    history,
    ledger,
    log,
    metrics,
  };
  const fleet = new Fleet(driverParts, parts.agents);
  const replica = new Replica(id, { store, clock, log }, parts.replica, (run) => fleet.inherit(run));
  const creator = new Creator({
    replica: id,
    agents: parts.agents,
    store,
    journal,
    fleet,
    terminator,
    clock,
    idempotencyMs: parts.idempotencyMs,
  });
  const threads = new Threads({ agents: parts.agents, store, archive, terminator, watch, clock });
  const items = new Items(store, clock);
  const serviceParts = { agents: parts.agents, store, archive, journal, watch, terminator, creator, threads, clock };
  const service = new Service({ ...serviceParts, items });

  archive.onFindLive((runId) => fleet.liveRun(runId));
  watch.onNews((news) => {
    if (news.run === null) archive.forget(news.runId);
    else archive.keep(news.run);
    fleet.refresh(news.runId, news.run);
  });
  const stopFollowing = followOtherReplicas({ store, archive, watch, fleet, clock, log });
  const stopSweeping = sweepExpired({ store, archive, clock, log }, parts.retentionMs);
  watch.onFirstWatcher((runId) => fleet.driverOf(runId)?.hurry());
  watch.onThreadWatcher((threadId) => fleet.hurryThread(threadId));
  const stopNudges = pace.onNudge((runId) => fleet.driverOf(runId)?.poke());

  return {
    service,
    holdsLease: () => replica.holdsLease(),
    liveRuns: () => fleet.size,
    backends: () => backends.states(),
    pushed: async (backend, token) => {
      const runId = backends.find(backend)?.push?.read(token) ?? null;
      if (runId === null) return false;
      const driver = fleet.driverOf(runId);
      if (driver !== undefined) driver.poke();
      else if (store.shared) await pace.nudge(runId);
      return true;
    },
    start: async () => {
      await history.load(parts.agents.all.map((agent) => agent.agentId));
      await replica.start();
      courier?.start();
    },
    stop: async () => {
      service.drain();
      stopFollowing();
      stopSweeping();
      stopNudges();
      await fleet.stop();
      terminator.stop();
      await terminator.settle();
      await courier?.stop();
      await history.stop();
      await backends.stop();
      await replica.stop();
    },
  };
}
