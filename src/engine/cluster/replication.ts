import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { RunKey } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';
import type { EventBus } from '../events/event-bus.ts';
import { repeat } from '../sleeper.ts';
import type { RunCache } from '../state/run-cache.ts';

/** The live runs of this process, as far as replication needs them. */
type LiveRunLookup = { keys(): readonly RunKey[]; get(runId: string): RunKey | undefined };

export type ReplicationDeps = {
  readonly store: Store;
  readonly cache: RunCache;
  readonly bus: EventBus;
  readonly live: LiveRunLookup;
  readonly clock: Clock;
  readonly log: Log;
};

/** The period at which watched runs are read again, because notifications can be lost with their connection. */
const sweepMs = 5000;

/** Brings other replicas' writes to this process's watchers and run loops. Returns a function that stops it. */
export function followReplicas(deps: ReplicationDeps): () => void {
  const { store, cache, bus, live } = deps;
  if (!store.shared) return () => {};
  let stopped = false;

  const reread = async (keys: readonly RunKey[]): Promise<void> => {
    for (const key of keys) {
      if (stopped) return;
      try {
        const run = await store.find(key);
        bus.publish({ runId: key.runId, run, events: [] });
      } catch (error) {
        deps.log.warn({ err: error }, "store unavailable; another replica's change is read by the next sweep");
        return;
      }
    }
  };
  const unsubscribe = store.subscribe((change) => {
    switch (change.kind) {
      case 'missed':
        bus.notifyThread(null);
        cache.clear();
        void reread([...bus.keys(), ...live.keys()]);
        return;
      case 'thread':
        bus.notifyThread(change.id);
        return;
      case 'run': {
        cache.delete(change.id);
        const key = bus.keyOf(change.id) ?? live.get(change.id);
        if (key !== undefined) void reread([key]);
        return;
      }
      default:
        return assertNever(change);
    }
  });
  const stopSweeping = repeat(deps.clock, sweepMs, async () => {
    bus.notifyThread(null);
    await reread(bus.keys());
    return sweepMs;
  });
  return () => {
    stopped = true;
    void stopSweeping();
    unsubscribe();
  };
}
