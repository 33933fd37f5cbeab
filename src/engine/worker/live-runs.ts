import { ReleasingMap } from '../../collections/releasing-map.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Run, RunKey, RunPhase } from '../../contract/domain/run.ts';
import type { Waiting } from '../../contract/domain/waiting.ts';
import type { WaitLook } from './wait-notes.ts';

/** A vendor's status that a mapping does not have, and the row that it resembles. */
export type UnknownStatus = {
  readonly agentName: string;
  readonly vendorStatus: string;
  readonly nearest?: string | undefined;
};

/** What a changed config means for a live run. */
export type Renewal = {
  /** The agent as the config in force has it. */
  readonly agentNow: (run: Run, agent: Agent) => Agent;
  /** The run's backend has another account or other limits. */
  readonly isElsewhere: boolean;
};

/** A run that this process drives: one with a loop, or one that is parked. */
export interface LiveRun extends RunKey {
  readonly threadId: string | null;
  readonly backend: string;
  readonly isParked: boolean;
  /** When this process wrote or saw it last. */
  readonly phase: RunPhase;
  /** The vendor has the run, as far as this process knows. */
  readonly isStarted: boolean;
  /** Its outward status when this process wrote or saw it last. */
  readonly isPending: boolean;
  /** As it was written last, where that is in memory; null: it is not, or the run is over. */
  readonly run: Run | null;
  /** What the run waits for now; null: nothing but its vendor. */
  readonly waiting: Waiting | null;
  /** The status that its vendor showed last, where the mapping of its agent does not have it. */
  readonly unknownStatus: UnknownStatus | null;
  lookAtWait(): WaitLook;
  /** Records what the run waits for. Never rejects. */
  recordWait(): Promise<void>;
  /** Takes over what was written elsewhere in this process; null: the run was removed. */
  refresh(run: Run | null): void;
  /** Makes the next poll due sooner, as for a new watcher. */
  wake(): void;
  /** Polls at once, because the vendor reported a change. */
  pollNow(): void;
  /** The config has changed. A call that is under way ends as it would have. */
  renew(renewal: Renewal): void;
  /** Drives the run no longer. Resolves when a call under way is finished and recorded; never rejects. */
  stop(): Promise<void>;
}

/** The live runs of this process, by run and by thread. */
export class LiveRuns {
  readonly #runs = new ReleasingMap<string, LiveRun>();
  /** Run ids in the order in which the runs came. */
  readonly #byThread = new Map<string, Set<string>>();

  get size(): number {
    return this.#runs.size;
  }

  /** Adds a run, or another form of one that is in it. */
  set(live: LiveRun): void {
    const { runId, threadId } = live;
    this.#runs.set(runId, live);
    if (threadId === null) return;
    const others = this.#byThread.get(threadId) ?? new Set<string>();
    this.#byThread.set(threadId, others.add(runId));
  }

  delete({ runId, threadId }: LiveRun): void {
    this.#runs.delete(runId);
    const others = threadId === null ? undefined : this.#byThread.get(threadId);
    others?.delete(runId);
    if (threadId !== null && others?.size === 0) this.#byThread.delete(threadId);
  }

  get(runId: string): LiveRun | undefined {
    return this.#runs.get(runId);
  }

  values(): Iterable<LiveRun> {
    return this.#runs.values();
  }

  /** What a run waits for that this process drives; null: nothing. Undefined: it does not drive it. */
  waitingFor(runId: string): Waiting | null | undefined {
    return this.#runs.get(runId)?.waiting;
  }

  /** Whether this process drives the run and last knew it as pending. */
  isPending({ tenant, runId }: RunKey): boolean {
    const live = this.#runs.get(runId);
    return live?.tenant === tenant && live.isPending;
  }

  /** How many runs of a backend this process drives. */
  countAt(backend: string): number {
    let count = 0;
    for (const live of this.#runs.values()) if (live.backend === backend) count += 1;
    return count;
  }

  countParked(): number {
    let count = 0;
    for (const live of this.#runs.values()) if (live.isParked) count += 1;
    return count;
  }

  keys(): readonly RunKey[] {
    return [...this.#runs.values()].map(({ tenant, runId }) => ({ tenant, runId }));
  }

  /** A run as its loop wrote it last; undefined for one that has no loop in this process. */
  find(runId: string): Run | undefined {
    return this.#runs.get(runId)?.run ?? undefined;
  }

  /** Hands a run's newer state to it; null: it was removed. Wakes the runs that wait for its thread. */
  refresh(runId: string, run: Run | null): void {
    const live = this.#runs.get(runId);
    live?.refresh(run);
    const threadId = run?.threadId ?? live?.threadId ?? null;
    if (threadId !== null && (run === null || run.phase === 'done')) this.wakeThread(threadId);
  }

  /** Whether this process drives a run of the thread. */
  hasThread(threadId: string): boolean {
    return this.#byThread.has(threadId);
  }

  /** Wakes a thread's runs in the order in which they came, so that the first of them gets the thread. */
  wakeThread(threadId: string): void {
    for (const runId of [...(this.#byThread.get(threadId) ?? [])]) this.#runs.get(runId)?.wake();
  }
}
