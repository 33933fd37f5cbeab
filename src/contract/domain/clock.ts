/** The longest wait that the config and clients may ask for, about 23 days: Node's timers overflow soon after it. */
export const maxWaitSeconds = 2_000_000 as const;

/** The engine's time; tests replace it by a virtual clock. */
export interface Clock {
  /** Whole milliseconds since the Unix epoch. */
  nowMs(): number;
  /**
   * Whole milliseconds since an instant that only this process knows. It never steps, so waits are measured by it;
   * `nowMs` is for what is stored or shown.
   */
  monotonicMs(): number;
  /** Calls back once after `delayMs`; the returned function cancels. */
  schedule(delayMs: number, callback: () => void): () => void;
  /** A number in [0, 1), for jitter. */
  random(): number;
}
