import { ReleasingMap } from '../../collections/releasing-map.ts';
import type { Agent, AgentDirectory } from '../../contract/domain/agent.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { Insertion } from '../../contract/store/store.ts';
import { FastStarts } from './fast-start.ts';
import { RunLoop, type RunLoopDeps, type RunOrigin } from './run-loop.ts';

/**
 * Runs that were taken over together are looked at so far apart, so that a restart is no stampede; and no further, so
 * that the last of a thousand waits for one second beside the start itself.
 */
const spacingMs = 1;

/** The live runs that this process drives. */
export class Worker {
  readonly #deps: RunLoopDeps;
  readonly #agents: AgentDirectory;
  readonly #loops = new ReleasingMap<string, RunLoop>();
  /** Take back the deadlines of runs that no agent of this config drives. */
  readonly #orphans = new Map<string, () => void>();
  readonly #fastStarts: FastStarts;
  readonly #byThread = new Map<string, Set<RunLoop>>();
  #stopped = false;

  constructor(deps: RunLoopDeps, agents: AgentDirectory) {
    this.#deps = deps;
    this.#agents = agents;
    this.#fastStarts = new FastStarts(deps);
  }

  get size(): number {
    return this.#loops.size;
  }

  /**
   * Has a new run written, and takes it on in the turn in which it is durable. `write` gets it as it is to be written:
   * queued, or where it has to wait for nothing, as starting.
   */
  async take(draft: Run, agent: Agent, write: (run: Run) => Promise<Insertion>): Promise<Insertion> {
    const fastStart = this.#fastStarts.prepare(draft, agent);
    const run = fastStart?.run ?? draft;
    let insertion: Insertion;
    try {
      insertion = await write(run);
    } catch (error) {
      if (fastStart !== null) this.#fastStarts.drop(fastStart);
      throw error;
    }
    if (insertion.kind !== 'inserted') {
      if (fastStart !== null) this.#fastStarts.drop(fastStart);
    } else if (fastStart === null) {
      this.#adopt(run, { kind: 'new' });
    } else {
      // Also while this process stops: what is written as starting is started.
      this.#drive(run, agent, { kind: 'launched', fastStart });
      this.#fastStarts.settle();
    }
    return insertion;
  }

  /** Takes on a run that another process drove, or that this one lost sight of. */
  inherit(run: Run): void {
    const lookWithinMs = Math.min(this.size * spacingMs, this.#deps.pacing.ceilingMs);
    this.#adopt(run, { kind: 'inherited', lookWithinMs });
  }

  #adopt(run: Run, origin: RunOrigin): void {
    if (this.#stopped || this.#loops.has(run.runId) || this.#orphans.has(run.runId)) return;
    const agent = this.#agents.find(run.agentId);
    if (agent === null) {
      // Another replica, or this one with its config mended, may know the agent: the run is kept, not ended.
      this.#deps.log.warn({ run_id: run.runId, agent: run.agentName }, 'a live run belongs to no agent of this config');
      this.#awaitDeadline(run);
      return;
    }
    this.#drive(run, agent, origin);
  }

  #drive(run: Run, agent: Agent, origin: RunOrigin): void {
    const loop = new RunLoop(this.#deps, agent, run, origin, this.#forget);
    this.#loops.set(run.runId, loop);
    this.#index(run.threadId, loop);
    loop.drive();
  }

  // One function for all of them.
  readonly #forget = (loop: RunLoop): void => {
    this.#loops.delete(loop.run.runId);
    this.#unindex(loop.run.threadId, loop);
  };

  keys(): readonly RunKey[] {
    return [...this.#loops.values()].map(({ run: { tenant, runId } }) => ({ tenant, runId }));
  }

  /** A live run as it was written last; undefined for one that this process does not drive. */
  liveRun(runId: string): Run | undefined {
    const loop = this.#loops.get(runId);
    return loop === undefined || loop.isOver ? undefined : loop.run;
  }

  loopOf(runId: string): RunLoop | undefined {
    return this.#loops.get(runId);
  }

  /** Tells a run's driver that the run changed; null: removed. Who waits for its thread looks again. */
  refresh(runId: string, run: Run | null): void {
    const loop = this.#loops.get(runId);
    loop?.refresh(run);
    const threadId = run?.threadId ?? loop?.run.threadId ?? null;
    if (threadId !== null && (run === null || run.phase === 'done')) this.hurryThread(threadId);
  }

  /** The drivers of a thread's runs look at once, in the order in which they came: the first of them has the thread. */
  hurryThread(threadId: string): void {
    for (const loop of this.#byThread.get(threadId) ?? []) loop.hurry();
  }

  /** All that can be done for a run without its agent. */
  #awaitDeadline(run: Run): void {
    const { clock, canceller, log } = this.#deps;
    const cancel = clock.schedule(Math.max(0, run.deadlineAtMs - clock.nowMs()), () => {
      this.#orphans.delete(run.runId);
      canceller.expire(run, null).catch((error: unknown) => log.warn({ run_id: run.runId, err: error }, 'not ended'));
    });
    this.#orphans.set(run.runId, cancel);
  }

  #index(threadId: string | null, loop: RunLoop): void {
    if (threadId === null) return;
    const others = this.#byThread.get(threadId) ?? new Set<RunLoop>();
    this.#byThread.set(threadId, others.add(loop));
  }

  #unindex(threadId: string | null, loop: RunLoop): void {
    const others = threadId === null ? undefined : this.#byThread.get(threadId);
    others?.delete(loop);
    if (threadId !== null && others?.size === 0) this.#byThread.delete(threadId);
  }

  /** Stops every driver. Resolves when the calls to vendors that were under way are finished and recorded. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#orphans.values()) cancel();
    const stopAll = () => Promise.all([...this.#loops.values()].map((loop) => loop.stop()));
    const stopped = stopAll();
    // What comes to be driven meanwhile is what was being written as starting.
    await this.#fastStarts.close();
    await stopped;
    await stopAll();
  }
}
