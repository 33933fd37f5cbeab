/** How many live runs may be counted under one name. */
export type RunQuota = { readonly name: string; readonly maxLive: number };

/** Names the earlier request that a client's retry repeats; see `Idempotency`. */
export type IdempotencyName = { readonly tenant: string; readonly key: string };

/** How much of a window is used. */
export type RateUse = {
  /** Requests of the window, including this one. */
  readonly used: number;
  /** Until the window ends. */
  readonly resetMs: number;
};

/** Counts requests by name in windows of one second, each of which opens with the first request after the last one. */
export interface RateCounter {
  /** Counts one more request. Never rejects: where the count cannot be shared, it is this process's own. */
  countRequest(name: string): Promise<RateUse>;
}

/** What all processes on one database use together. */
export interface SharedUsage extends RateCounter {
  /** Counts one more open stream, unless `max` of the name are open. Rejects with `StorageFault`. */
  reserveStream(name: string, max: number): Promise<boolean>;
  /** The stream was closed. Never rejects: the count of a process that is gone is forgotten after a minute. */
  releaseStream(name: string): Promise<void>;
}

/** What a store counts for keys that have limits. Rejects with `StorageFault`. */
export interface UsageStore {
  /**
   * Counts a run that is about to be inserted, unless the quota is used up. What an earlier request with the same
   * idempotency key made is not counted again.
   */
  reserveRun(quota: RunQuota, runId: string, used: IdempotencyName | undefined): Promise<boolean>;
  /** The run was not inserted. */
  releaseRun(runId: string): Promise<void>;
  /** Null where no other process shares the store: then what is counted is this process's own. */
  readonly shared: SharedUsage | null;
}
