/** Limits of one key; null for no limit. */
export type KeyLimits = {
  readonly requestsPerSecond: number | null;
  /** Runs of the key that are not done. */
  readonly liveRuns: number | null;
  /** Event streams that are open at the same time. */
  readonly streams: number | null;
};

/** The authenticated caller of a request. */
export type Principal = {
  readonly tenant: string;
  /** The key's name, or the token's subject; null without authentication. Limits are counted by tenant and name. */
  readonly name: string | null;
  /** Names of the agents that it may use; null: all. */
  readonly agents: ReadonlySet<string> | null;
  readonly limits: KeyLimits;
};
