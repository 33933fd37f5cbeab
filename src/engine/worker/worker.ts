import type { Agent, AgentDirectory } from '../../contract/domain/agent.ts';
import { Register } from '../../collections/releasing-map.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { Insertion } from '../../contract/store/store.ts';
import { Driver, type DriverParts, type Origin } from './run-loop.ts';
import { Launches } from './fast-start.ts';

/**
 * Runs that were taken over together are looked at so far apart, so that a restart is no stampede; and no further, so
 * that the last of a thousand waits for one second beside the start itself.
 */
const spacingMs = 1;

/** The live runs that this process drives. */
export class Fleet {
  readonly #parts: DriverParts;
  readonly #agents: AgentDirectory;
  readonly #drivers = new Register<string, Driver>();
  /** Take back the deadlines of runs that no agent of this config drives. */
  readonly #orphans = new Map<string, () => void>();
  readonly #launches: Launches;
  readonly #byThread = new Map<string, Set<Driver>>();
  #stopped = false;

  constructor(parts: DriverParts, agents: AgentDirectory) {
    this.#parts = parts;
    this.#agents = agents;
    this.#launches = new Launches(parts);
  }

  get size(): number {
    return this.#drivers.size;
  }

  /**
   * Has a new run written, and takes it on in the turn in which it is durable. `write` gets it as it is to be written:
   * queued, or where it has to wait for nothing, as starting.
   */
  async take(draft: Run, agent: Agent, write: (run: Run) => Promise<Insertion>): Promise<Insertion> {
    const launch = this.#launches.prepare(draft, agent);
    const run = launch?.run ?? draft;
    let insertion: Insertion;
    try {
      insertion = await write(run);
    } catch (error) {
      if (launch !== null) this.#launches.drop(launch);
      throw error;
    }
    if (insertion.kind !== 'inserted') {
      if (launch !== null) this.#launches.drop(launch);
    } else if (launch === null) {
      this.#adopt(run, { kind: 'new' });
    } else {
      // Also while this process stops: what is written as starting is started.
      this.#drive(run, agent, { kind: 'launched', launch });
      this.#launches.settle();
    }
    return insertion;
  }

  /** Takes on a run that another process drove, or that this one lost sight of. */
  inherit(run: Run): void {
    const lookWithinMs = Math.min(this.size * spacingMs, this.#parts.pacing.ceilingMs);
    this.#adopt(run, { kind: 'inherited', lookWithinMs });
  }

  #adopt(run: Run, origin: Origin): void {
    if (this.#stopped || this.#drivers.has(run.runId) || this.#orphans.has(run.runId)) return;
    const agent = this.#agents.find(run.agentId);
    if (agent === null) {
      // Another replica, or this one with its config mended, may know the agent: the run is kept, not ended.
      this.#parts.log.warn(
        { run_id: run.runId, agent: run.agentName },
        'a live run belongs to no agent of this config',
      );
      this.#awaitDeadline(run);
      return;
    }
    this.#drive(run, agent, origin);
  }

  #drive(run: Run, agent: Agent, origin: Origin): void {
    const driver = new Driver(this.#parts, agent, run, origin, this.#forget);
    this.#drivers.set(run.runId, driver);
    this.#index(run.threadId, driver);
    driver.drive();
  }

  // One function for all of them.
  readonly #forget = (driver: Driver): void => {
    this.#drivers.delete(driver.run.runId);
    this.#unindex(driver.run.threadId, driver);
  };

  keys(): readonly RunKey[] {
    return [...this.#drivers.values()].map(({ run: { tenant, runId } }) => ({ tenant, runId }));
  }

  /** A live run as it was written last; undefined for one that this process does not drive. */
  liveRun(runId: string): Run | undefined {
    const driver = this.#drivers.get(runId);
    return driver === undefined || driver.isOver ? undefined : driver.run;
  }

  driverOf(runId: string): Driver | undefined {
    return this.#drivers.get(runId);
  }

  /** Tells a run's driver that the run changed; null: removed. Who waits for its thread looks again. */
  refresh(runId: string, run: Run | null): void {
    const driver = this.#drivers.get(runId);
    driver?.refresh(run);
    const threadId = run?.threadId ?? driver?.run.threadId ?? null;
    if (threadId !== null && (run === null || run.phase === 'done')) this.hurryThread(threadId);
  }

  /** The drivers of a thread's runs look at once, in the order in which they came: the first of them has the thread. */
  hurryThread(threadId: string): void {
    for (const driver of this.#byThread.get(threadId) ?? []) driver.hurry();
  }

  /** All that can be done for a run without its agent. */
  #awaitDeadline(run: Run): void {
    const { clock, terminator, log } = this.#parts;
    const cancel = clock.schedule(Math.max(0, run.deadlineAtMs - clock.nowMs()), () => {
      this.#orphans.delete(run.runId);
      terminator.expire(run, null).catch((error: unknown) => log.warn({ run_id: run.runId, err: error }, 'not ended'));
    });
    this.#orphans.set(run.runId, cancel);
  }

  #index(threadId: string | null, driver: Driver): void {
    if (threadId === null) return;
    const others = this.#byThread.get(threadId) ?? new Set<Driver>();
    this.#byThread.set(threadId, others.add(driver));
  }

  #unindex(threadId: string | null, driver: Driver): void {
    const others = threadId === null ? undefined : this.#byThread.get(threadId);
    others?.delete(driver);
    if (threadId !== null && others?.size === 0) this.#byThread.delete(threadId);
  }

  /** Stops every driver. Resolves when the calls to vendors that were under way are finished and recorded. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#orphans.values()) cancel();
    const stopAll = () => Promise.all([...this.#drivers.values()].map((driver) => driver.stop()));
    const stopped = stopAll();
    // What comes to be driven meanwhile is what was being written as starting.
    await this.#launches.close();
    await stopped;
    await stopAll();
  }
}
