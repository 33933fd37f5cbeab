import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { RunKey } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';
import type { Archive } from '../state/run-cache.ts';
import type { Fleet } from '../worker/worker.ts';
import type { Watch } from '../events/event-bus.ts';

export type RemoteParts = {
  readonly store: Store;
  readonly archive: Archive;
  readonly watch: Watch;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Log;
};

/** A notification can be lost with its connection; what is watched is read anew this often all the same. */
const sweepMs = 5000;

/** Brings other replicas' writes to this process's watchers and drivers. Returns what stops it. */
export function followOtherReplicas(parts: RemoteParts): () => void {
  const { store, archive, watch, fleet } = parts;
  if (!store.shared) return () => {};
  let cancelSweep = () => {};
  let stopped = false;

  const reread = async (keys: readonly RunKey[]): Promise<void> => {
    for (const key of keys) {
      if (stopped) return;
      try {
        const run = await store.find(key);
        watch.publish({ runId: key.runId, run, events: [] });
      } catch (error) {
        parts.log.warn({ err: error }, 'a change by another replica could not be read; the sweep will');
        return;
      }
    }
  };
  const unsubscribe = store.subscribe((runId) => {
    // A thread is told of by its own id, in the same words.
    watch.tellThread(runId);
    if (runId === null) {
      archive.forgetAll();
      void reread([...watch.keys(), ...fleet.keys()]);
      return;
    }
    archive.forget(runId);
    const key = watch.keyOf(runId) ?? fleet.driverOf(runId)?.run;
    if (key !== undefined) void reread([key]);
  });
  const sweep = (): void => {
    cancelSweep = parts.clock.schedule(sweepMs, () => {
      watch.tellThread(null);
      void reread(watch.keys()).then(() => {
        if (!stopped) sweep();
      });
    });
  };
  sweep();
  return () => {
    stopped = true;
    cancelSweep();
    unsubscribe();
  };
}
