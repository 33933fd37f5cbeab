import type { RunPhase } from '../../contract/domain/run.ts';
import type { LiveRun } from './live-runs.ts';

/** The live runs of a process. */
export type LiveCounts = {
  readonly byPhase: readonly { readonly backend: string; readonly phase: RunPhase; readonly count: number }[];
  readonly parked: number;
  /** Creation of the oldest run that waits for its start, by backend. */
  readonly oldestQueuedAtMs: ReadonlyMap<string, number>;
};

/** Counts in one walk, which is as long as the list is. */
export function countLive(runs: Iterable<LiveRun>): LiveCounts {
  const counts = new Map<string, Map<RunPhase, number>>();
  const oldestQueuedAtMs = new Map<string, number>();
  let parked = 0;
  for (const { backend, phase, isParked, run } of runs) {
    if (isParked) parked += 1;
    const ofBackend = counts.get(backend) ?? new Map<RunPhase, number>();
    counts.set(backend, ofBackend.set(phase, (ofBackend.get(phase) ?? 0) + 1));
    if (run?.phase === 'queued' && run.createdAtMs < (oldestQueuedAtMs.get(backend) ?? Number.POSITIVE_INFINITY))
      oldestQueuedAtMs.set(backend, run.createdAtMs);
  }
  const byPhase = [...counts].flatMap(([backend, phases]) =>
    [...phases].map(([phase, count]) => ({ backend, phase, count })),
  );
  return { byPhase, parked, oldestQueuedAtMs };
}
