/** Signals between the processes that share a store. */
export interface WakeSignals {
  /** Wakes the loop of a run in the other process that has it. A signal can be lost. Rejects with `StorageFault`. */
  wakeRun(runId: string): Promise<void>;
  /** Calls back with each run that another process wakes. The returned function ends the subscription. */
  subscribe(listener: (runId: string) => void): () => void;
}
