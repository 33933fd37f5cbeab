/** What a client waits for at one process, and what another one may drive. */
export type Watched = { readonly kind: 'run' | 'thread'; readonly id: string };

/** Signals between the processes that share a store. */
export interface WakeSignals {
  /** Wakes the loop of a run in the other process that has it. A signal can be lost. Rejects with `StorageFault`. */
  wakeRun(runId: string): Promise<void>;
  /** Calls back with each run that another process wakes. The returned function ends the subscription. */
  subscribe(listener: (runId: string) => void): () => void;
  /** Tells the other processes what a client watches here. Many go out together, and they can be lost. */
  announceWatched(watched: Watched): void;
  /** Calls back with what clients watch at other processes. The returned function ends the subscription. */
  onWatched(listener: (watched: Watched) => void): () => void;
}
