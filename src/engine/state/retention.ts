import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Store } from '../../contract/store/store.ts';
import { repeat } from '../sleeper.ts';
import type { RunCache } from './run-cache.ts';

const roundMs = 60_000;
const batch = 200;
/** Between two batches of one round, so that they never add up to a long stall. */
const pauseMs = 50;

/** Removes runs whose retention is over, a small batch at a time. Returns a function that stops it. */
export function sweepExpired(
  deps: { readonly store: Store; readonly cache: RunCache; readonly clock: Clock; readonly log: Log },
  retentionMs: number,
): () => void {
  const offsetMs = deps.clock.nowMs() - deps.clock.monotonicMs();
  const turn = async (): Promise<number> => {
    try {
      // Neither step of the wall clock removes a run early: one forward counts no time, one back is waited for.
      const nowMs = Math.min(deps.clock.nowMs(), offsetMs + deps.clock.monotonicMs());
      const removed = await deps.store.expire(nowMs - retentionMs, nowMs, batch);
      if (removed === 0) return roundMs;
      deps.cache.clear();
      deps.log.info({ runs: removed }, 'removed runs whose retention is over');
      return removed < batch ? roundMs : pauseMs;
    } catch (error) {
      deps.log.warn({ err: error }, 'retention sweep failed; retrying');
      return roundMs;
    }
  };
  const stop = repeat(deps.clock, roundMs, turn);
  return () => void stop();
}
