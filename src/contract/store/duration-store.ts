/** What earlier runs took, so that later ones are observed with few calls. Rejects with `StorageFault`. */
export interface DurationStore {
  /** The newest `max` durations of an agent's runs, in milliseconds, oldest first. */
  newest(agentId: string, max: number): Promise<readonly number[]>;
  /** Adds durations to an agent's and forgets all but the newest `max`. Gives what {@link newest} would give now. */
  add(agentId: string, durationsMs: readonly number[], max: number): Promise<readonly number[]>;
}
