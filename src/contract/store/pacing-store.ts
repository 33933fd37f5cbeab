/** What a store keeps beside the runs, so that they are observed with few calls. Rejects with `StorageFault`. */
export interface PacingStore {
  /** What runs of an agent took, in milliseconds: the newest `most`, oldest first. */
  durations(agentId: string, max: number): Promise<readonly number[]>;
  /** Adds durations to an agent's, and forgets all but the newest `most`. Gives what {@link durations} would give now. */
  keepDurations(agentId: string, durationsMs: readonly number[], max: number): Promise<readonly number[]>;
  /** Wakes the driver of a run in whichever other process has it. A nudge can be lost. */
  wakeRun(runId: string): Promise<void>;
  /** Calls back with the run that another process nudged. */
  onWakeRun(listener: (runId: string) => void): () => void;
  /** Null where no other process shares the store: then a backend's budget is this process's own. */
  readonly quotaLeases: QuotaLeases | null;
}

/** What a replica has of a backend's budget, and what it would like. */
export type QuotaRequest = {
  readonly backend: string;
  readonly replica: string;
  /** A share that is not asked for again is free for the others after this. Time is the store's. */
  readonly leaseMs: number;
  readonly requests: {
    /** Of the backend, within a second; 0 for a backend without such a budget. */
    readonly total: number;
    readonly wanted: number;
    /** The least that the replica must keep: it may have used so many within the last second. */
    readonly inUse: number;
  };
  readonly runs: {
    /** That may be live at the backend at once; null for a backend without such a budget. */
    readonly total: number | null;
    /** The backend's agents: whose runs are counted. */
    readonly agentIds: readonly string[];
    /** Starts that the replica was allowed and has not yet written. */
    readonly inUse: number;
    readonly wanted: number;
  };
};

export type GrantedQuota = {
  /** Requests within a second that the replica may send; with those of the others never more than the total. */
  readonly requests: number;
  /** Starts that it may write, with those of `inUse`; with the live runs never more than the total. */
  readonly starts: number;
  /** What the living others have and want, for a fair division next time. */
  readonly others: readonly { readonly requests: number; readonly wanted: number }[];
};

/** A backend's budget among the replicas on one database. */
export interface QuotaLeases {
  /** Takes or renews a share, in place of what the replica had before. */
  share(request: QuotaRequest): Promise<GrantedQuota>;
  /** The replica leaves: its shares are free once their second is over. */
  release(replica: string): Promise<void>;
}
