import type { RunPhase } from '../domain/run.ts';

/** Owner of a live run that waits for the operator's decision; no replica claims it. */
export const heldOwner = 'held' as const;

/**
 * What the operator decides about a restored store:
 *
 * - `observe`: what the vendor has is polled; a run whose start or payload may have been sent by the original is not
 *   sent again.
 * - `resume`: the original is gone, so every live run goes on.
 * - `fail`: every live run ends.
 */
export const restoreDecisions = ['observe', 'resume', 'fail'] as const;
export type RestoreDecision = (typeof restoreDecisions)[number];

/** What a comparison of the store with what is kept outside it shows. */
export type FenceFinding =
  /** The store was never used, or last by a version without a fence. `note` says what is odd about it. */
  | { readonly kind: 'new'; readonly note: string | null }
  /** The newest state. `unheardMs`: since the last heartbeat; null after a clean stop. */
  | { readonly kind: 'intact'; readonly unheardMs: number | null }
  /** Stopped cleanly, and now in another place. */
  | { readonly kind: 'moved' }
  /** The server was promoted: the newest state after a failover, an old one after a recovery to an earlier time. */
  | { readonly kind: 'promoted'; readonly unheardMs: number }
  /** An older state than another one. `reason` completes "the store is an old copy: ". */
  | { readonly kind: 'copy'; readonly reason: string; readonly beatAtMs: number | null };

export type LiveRunSummary = { readonly runId: string; readonly agentName: string; readonly phase: RunPhase };

/** Live runs: how many in each phase, and the oldest ones. */
export type LiveRunList = {
  readonly counts: Readonly<Partial<Record<RunPhase, number>>>;
  readonly oldest: readonly LiveRunSummary[];
};

/**
 * Tells the newest state of a store from an old copy of it. The store holds an epoch and a heartbeat that are also kept
 * outside it; `Store.beat` renews both. Every method rejects with `StorageFault`.
 */
export interface Fence {
  /** Why this process may not use the store any more, such as a file that was replaced; null while it may. */
  readonly fault: Error | null;
  /** Changes nothing. */
  examine(): Promise<FenceFinding>;
  /**
   * Makes the store this process's, after `examine`. Live runs in the phases to be held get the owner `heldOwner` in the
   * same transaction.
   */
  take(found: FenceFinding, hold: readonly RunPhase[]): Promise<void>;
  /** Records the operator's decision, which is carried out at the next start, or at once by a gateway that holds runs. */
  decide(decision: RestoreDecision): Promise<void>;
  /** The decision that is not carried out yet; null when there is none. */
  decision(): Promise<RestoreDecision | null>;
  /** Forgets the decision and makes the runs that are still held free to claim. */
  free(): Promise<void>;
  /** At most `max` runs in the list. `held`: only those that wait for a decision. */
  live(max: number, held: boolean): Promise<LiveRunList>;
}
