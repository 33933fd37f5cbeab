/** How much of a window is used. */
export type RateUse = {
  /** Requests of the window, with this one. */
  readonly used: number;
  /** Until the window ends. */
  readonly resetMs: number;
};

/** Counts requests by key in windows of one second, each of which opens with the first request after the last one. */
export interface RateCounter {
  /** Counts one more. Never rejects: where the count cannot be shared, it is this process's own. */
  count(key: string): Promise<RateUse>;
}
