import { ReleasingMap } from '../../collections/releasing-map.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { Waiting } from '../../contract/domain/waiting.ts';
import type { RunLoop } from './run-loop.ts';

/** The run loops of this process, by run and by thread. */
export class LiveRuns {
  readonly #loops = new ReleasingMap<string, RunLoop>();
  readonly #byThread = new Map<string, Set<RunLoop>>();

  get size(): number {
    return this.#loops.size;
  }

  add(loop: RunLoop): void {
    const { runId, threadId } = loop.run;
    this.#loops.set(runId, loop);
    if (threadId === null) return;
    const others = this.#byThread.get(threadId) ?? new Set<RunLoop>();
    this.#byThread.set(threadId, others.add(loop));
  }

  delete(loop: RunLoop): void {
    const { runId, threadId } = loop.run;
    this.#loops.delete(runId);
    const others = threadId === null ? undefined : this.#byThread.get(threadId);
    others?.delete(loop);
    if (threadId !== null && others?.size === 0) this.#byThread.delete(threadId);
  }

  get(runId: string): RunLoop | undefined {
    return this.#loops.get(runId);
  }

  values(): Iterable<RunLoop> {
    return this.#loops.values();
  }

  /** What a run waits for that this process drives; null: nothing. Undefined: it does not drive it. */
  waitingFor(runId: string): Waiting | null | undefined {
    return this.#loops.get(runId)?.waitingFor;
  }

  loops(): readonly RunLoop[] {
    return [...this.#loops.values()];
  }

  /** How many runs of a backend this process drives. */
  countAt(backend: string): number {
    let count = 0;
    for (const loop of this.#loops.values()) if (loop.backend === backend) count += 1;
    return count;
  }

  keys(): readonly RunKey[] {
    return this.loops().map(({ run: { tenant, runId } }) => ({ tenant, runId }));
  }

  /** A live run as it was written last; undefined for one that this process does not drive. */
  find(runId: string): Run | undefined {
    const loop = this.#loops.get(runId);
    return loop === undefined || loop.isOver ? undefined : loop.run;
  }

  /** Hands a run's newer state to its loop; null: it was removed. Wakes the runs that wait for its thread. */
  refresh(runId: string, run: Run | null): void {
    const loop = this.#loops.get(runId);
    loop?.refresh(run);
    const threadId = run?.threadId ?? loop?.run.threadId ?? null;
    if (threadId !== null && (run === null || run.phase === 'done')) this.wakeThread(threadId);
  }

  /** Wakes the loops of a thread's runs in the order in which they came, so that the first of them gets the thread. */
  wakeThread(threadId: string): void {
    for (const loop of this.#byThread.get(threadId) ?? []) loop.wake();
  }
}
