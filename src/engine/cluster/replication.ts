import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { RunKey } from '../../contract/domain/run.ts';
import { StorageFault, type Store } from '../../contract/store/store.ts';
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
/** Read with one query. Few, because each may be large. */
const batch = 32;

/** Brings other replicas' writes to this process's watchers and run loops. Returns a function that stops it. */
export function followReplicas(deps: ReplicationDeps): () => void {
  const { store, cache, bus, live } = deps;
  if (!store.shared) return () => {};
  let stopped = false;

  const readBatch = async (keys: readonly RunKey[]): Promise<void> => {
    const found = new Map((await store.findAll(keys)).map((run) => [run.runId, run]));
    for (const { runId } of keys) bus.publish({ runId, run: found.get(runId) ?? null, events: [] });
  };
  /** A run that cannot be read holds up no other. */
  const readEach = async (keys: readonly RunKey[]): Promise<void> => {
    for (const key of keys) {
      try {
        await readBatch([key]);
      } catch (error) {
        if (!isOfOneRow(error)) throw error;
        deps.log.error(
          { err: error, run_id: key.runId },
          "a run could not be read; another replica's change is not seen",
        );
      }
    }
  };
  const reread = async (keys: readonly RunKey[]): Promise<void> => {
    for (let from = 0; from < keys.length && !stopped; from += batch) {
      const part = keys.slice(from, from + batch);
      try {
        await readBatch(part).catch((error: unknown) => {
          if (!isOfOneRow(error)) throw error;
          return readEach(part);
        });
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

function isOfOneRow(error: unknown): boolean {
  return error instanceof StorageFault && error.isOfOneRow;
}
