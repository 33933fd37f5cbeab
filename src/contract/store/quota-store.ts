/** The share of the quota of a backend's account that a replica asks for. */
export type QuotaRequest = {
  readonly backend: string;
  /** The account at the vendor; null where all tenants of the backend share one. */
  readonly account: string | null;
  readonly replica: string;
  /** A share that is not renewed is free for the others after this time, by the store's clock. */
  readonly leaseMs: number;
  readonly requests: {
    /** What the account allows within a second; 0 for a backend without such a quota. */
    readonly total: number;
    readonly wanted: number;
    /** The replica may have used this many within the last second, so it keeps at least these. */
    readonly inUse: number;
  };
  readonly runs: {
    /** How many runs may be live at the account at once; null for a backend without such a quota. */
    readonly total: number | null;
    /** Agents of this backend alone, whose runs are counted. */
    readonly agentIds: readonly string[];
    /** Agents that have other backends too; of their runs those are counted that are kept as runs of this one. */
    readonly spreadAgentIds?: readonly string[] | undefined;
    /** The account's tenants, whose runs are counted; null: all. */
    readonly tenants: readonly string[] | null;
    /** Starts that the replica was allowed and has not yet written. */
    readonly inUse: number;
    readonly wanted: number;
  };
};

export type GrantedQuota = {
  /** Requests within a second that the replica may send; with those of the others never more than the total. */
  readonly requests: number;
  /** Starts that it may write, including those of `inUse`; with the live runs never more than the total. */
  readonly starts: number;
  /** What the other live replicas have and want, for a fair division next time. */
  readonly others: readonly { readonly requests: number; readonly wanted: number }[];
};

/** Divides the quotas of backends' accounts among the replicas on one database. Rejects with `StorageFault`. */
export interface QuotaStore {
  /** Grants or renews a share, in place of what the replica had before. */
  share(request: QuotaRequest): Promise<GrantedQuota>;
  /** The replica leaves: its shares are free once their last second is over. */
  release(replica: string): Promise<void>;
}
