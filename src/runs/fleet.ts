import type { AgentDirectory } from '../contract/agent.ts';
import type { Run, RunKey } from '../contract/run.ts';
import { Driver, type DriverParts } from './driver.ts';

/** The live runs that this process drives. */
export class Fleet {
  readonly #parts: DriverParts;
  readonly #agents: AgentDirectory;
  readonly #drivers = new Map<string, Driver>();
  readonly #driving = new Set<Promise<void>>();
  #stopped = false;

  constructor(parts: DriverParts, agents: AgentDirectory) {
    this.#parts = parts;
    this.#agents = agents;
  }

  get size(): number {
    return this.#drivers.size;
  }

  /** Takes a run on. `inherited`: it was claimed, not created here. */
  adopt(run: Run, inherited: boolean): void {
    if (this.#stopped || this.#drivers.has(run.runId)) return;
    const agent = this.#agents.find(run.agentId);
    if (agent === null) {
      // Another replica, or this one with its config mended, may know the agent: the run is kept, not ended.
      this.#parts.log.warn(
        { run_id: run.runId, agent: run.agentName },
        'a live run belongs to no agent of this config',
      );
      return;
    }
    const driver = new Driver(this.#parts, agent, run, inherited);
    this.#drivers.set(run.runId, driver);
    const task = driver.drive(inherited).finally(() => {
      if (this.#drivers.get(run.runId) === driver) this.#drivers.delete(run.runId);
      this.#driving.delete(task);
    });
    this.#driving.add(task);
  }

  keys(): readonly RunKey[] {
    return [...this.#drivers.values()].map((driver) => driver.key);
  }

  driverOf(runId: string): Driver | undefined {
    return this.#drivers.get(runId);
  }

  /** Tells a run's driver that the run changed; null: removed. */
  refresh(runId: string, run: Run | null): void {
    this.#drivers.get(runId)?.refresh(run);
  }

  /** Stops every driver. Resolves when the calls to vendors that were under way are finished and recorded. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const driver of this.#drivers.values()) driver.stop();
    await Promise.all(this.#driving);
  }
}
