/** How many live runs may be counted under one name. */
export type RunQuota = { readonly name: string; readonly maxLive: number };

/** Names what one client's retry is tied to; see `Idempotency`. */
export type IdempotencyName = { readonly tenant: string; readonly key: string };

/** How much of a window is used. */
export type RateUse = {
  /** Requests of the window, with this one. */
  readonly used: number;
  /** Until the window ends. */
  readonly resetMs: number;
};

/** Counts requests by name in windows of one second, each of which opens with the first request after the last one. */
export interface RateCounter {
  /** Counts one more. Never rejects: where the count cannot be shared, it is this process's own. */
  count(name: string): Promise<RateUse>;
}

/** What all processes on one database use together. */
export interface SharedUsage extends RateCounter {
  /** Counts one more open stream, unless `most` of the name are open. Rejects with `StorageFault`. */
  takeStream(name: string, max: number): Promise<boolean>;
  /** The stream was closed. Never rejects: the count of a process that is away is forgotten after a minute. */
  leaveStream(name: string): Promise<void>;
}

/** What a store counts for keys that have limits. Rejects with `StorageFault`. */
export interface UsageStore {
  /**
   * Counts a run that is about to be inserted, unless the quota is used up. What an earlier request with the same
   * idempotency key made is not counted again.
   */
  admitRun(quota: RunQuota, runId: string, used: IdempotencyName | undefined): Promise<boolean>;
  /** The run was not inserted. */
  dismissRun(runId: string): Promise<void>;
  /** Null where no other process shares the store: then what is counted is this process's own. */
  readonly shared: SharedUsage | null;
}
