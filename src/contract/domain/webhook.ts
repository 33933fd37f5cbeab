import type { Run, RunPhase } from './run.ts';

/**
 * - `waiting`: owed to the receiver and retried until it is accepted.
 * - `delivered`: the receiver accepted it.
 * - `failed`: given up because the receiver did not accept it within the configured time.
 * - `stopped`: the receiver answered that it wants no more deliveries of this webhook.
 */
export const deliveryStates = ['waiting', 'delivered', 'failed', 'stopped'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** A notification of a change of a run, with the run as it was then. Identified by run, webhook and `seq`. */
export type NewDelivery = {
  readonly runId: string;
  /** The id of the run's webhook; left out, the one that its request names. */
  readonly webhook?: string | undefined;
  /** Grows from delivery to delivery of a webhook, with gaps. */
  readonly seq: number;
  readonly tenant: string;
  readonly url: string;
  /** Tenant, and host and port of the URL; deliveries to one receiver wait for each other. */
  readonly receiver: string;
  /** Empty where `phase` is given, and once it was delivered. */
  readonly body: string;
  /**
   * The run's phase after the change. Its body is made of the run each time it is sent, so that no payload is stored again:
   * what a body shows of a run never changes but for what {@link runAt} puts back. Left out by versions before this one.
   */
  readonly phase?: RunPhase | undefined;
  readonly createdAtMs: number;
};

export type Delivery = NewDelivery & {
  readonly state: DeliveryState;
  /** Attempts so far, answered or not. */
  readonly attempts: number;
  /** Start of the attempts: the creation, or the last redrive. */
  readonly sinceMs: number;
  /** The next attempt; for a delivery that is leased, the end of the lease. An instant in the past means now. */
  readonly dueAtMs: number;
  /** Null while it waits. */
  readonly endedAtMs: number | null;
  /** Why the last attempt failed; null where none did. */
  readonly failure: string | null;
};

/** The outcome of an attempt. */
export type Settlement =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'retry'; readonly delayMs: number; readonly failure: string }
  | { readonly kind: 'failed'; readonly failure: string }
  /** No more deliveries of the webhook are sent. */
  | { readonly kind: 'stopped'; readonly failure: string }
  /** Not attempted, or aborted: free for other processes at once. */
  | { readonly kind: 'returned' };

export type DeliveryQuery = {
  readonly runId?: string | undefined;
  /** Left out, all. */
  readonly states?: readonly DeliveryState[] | undefined;
  readonly limit: number;
};

/**
 * The deliveries of a store. New ones are written by `Store.update`, in the transaction of the change they announce.
 * `nowMs` counts where one process has the store; a shared store uses its own clock. Rejects with
 * `StorageFault`.
 */
export interface Outbox {
  /**
   * Receivers with something due, sorted by name, among the next `examine` after `after`. `next` is where to continue,
   * the empty string after the last one. `waitMs` is the time until another of them has something due; null when none
   * will.
   */
  receivers(look: {
    readonly after: string;
    readonly examine: number;
    readonly nowMs: number;
  }): Promise<{ readonly due: readonly string[]; readonly next: string; readonly waitMs: number | null }>;
  /**
   * Claims up to `each` due deliveries of each receiver for `leaseMs`: of a webhook only the first that waits, and none that
   * another process has claimed. One that is not settled within the lease is free again.
   */
  claim(request: {
    readonly receivers: readonly string[];
    readonly each: number;
    readonly leaseMs: number;
    readonly nowMs: number;
  }): Promise<readonly Delivery[]>;
  /** The run of a delivery, also where it was removed since; null where it was removed before it had this delivery. */
  runOf(delivery: Delivery): Promise<Run | null>;
  /** Settles a claimed delivery. False: its lease was over and another process claimed it; nothing was written. */
  settle(claimed: Delivery, settlement: Settlement, nowMs: number): Promise<boolean>;
  /** Removes what a webhook of a run is owed and what became of its deliveries: the webhook is gone, or has another URL. */
  forget(runId: string, webhook: string | undefined): Promise<void>;
  /** How many deliveries wait for an attempt or are being made; `max` where there are more. */
  countWaiting(max: number): Promise<number>;
  /** Newest first. */
  list(query: DeliveryQuery): Promise<readonly Delivery[]>;
  /** Makes deliveries in these states wait again, due now; resolves with their number. */
  redrive(which: {
    readonly runId?: string | undefined;
    readonly states: readonly Exclude<DeliveryState, 'delivered'>[];
    readonly nowMs: number;
  }): Promise<number>;
}

/** The deliveries of a store that other processes may have open. */
export type OpenOutbox = { readonly outbox: Outbox; close(): Promise<void> };

/** Posts to URLs that clients gave, at public addresses only. */
export interface WebhookSender {
  /** Never rejects, and settles within the sender's own timeout. Follows no redirect. */
  post(post: {
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly signal: AbortSignal;
  }): Promise<WebhookAnswer>;
}

export type WebhookAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs: number | null }
  /** The URL leads to a forbidden address now; it may lead elsewhere later. */
  | { readonly kind: 'forbidden'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** The body of a webhook about the run, in the words of a protocol; null: which one is not known. Gives a promise for a large one. */
export type RunEncoder = (run: Run, protocol: string | null) => string | Promise<string>;
