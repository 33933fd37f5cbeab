import type { Run } from './run.ts';

/**
 * - `waiting`: owed to the receiver, and tried until it takes it.
 * - `delivered`: the receiver took it.
 * - `failed`: the receiver did not take it for so long that it was given up.
 * - `stopped`: the receiver said that it wants no more of this run.
 */
export const deliveryStates = ['waiting', 'delivered', 'failed', 'stopped'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** A change of a run's status that its receiver is to be told of, as it was then. Named by run and `seq`. */
export type NewDelivery = {
  readonly runId: string;
  /** Grows with each one of a run, with gaps. */
  readonly seq: number;
  readonly tenant: string;
  readonly url: string;
  /** Tenant, and host and port of the URL. Deliveries to one receiver wait for each other. */
  readonly receiver: string;
  readonly body: string;
  readonly createdAtMs: number;
};

export type Delivery = NewDelivery & {
  readonly state: DeliveryState;
  /** Answers, or failures to get one, so far. */
  readonly attempts: number;
  /** When trying began: at the creation, or when it was last redriven. */
  readonly sinceMs: number;
  /** When it is tried next; of one that was taken, when it is free for others. Past instants mean at once. */
  readonly dueAtMs: number;
  /** Null while it waits. */
  readonly endedAtMs: number | null;
  /** Why the last attempt came to nothing; null where none did. */
  readonly failure: string | null;
};

/** What became of an attempt. */
export type Settlement =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'retry'; readonly delayMs: number; readonly failure: string }
  | { readonly kind: 'failed'; readonly failure: string }
  /** Nothing of the run is sent any more. */
  | { readonly kind: 'stopped'; readonly failure: string }
  /** It was not tried after all, or cut: it is free for others at once. */
  | { readonly kind: 'returned' };

export type DeliveryQuery = {
  readonly runId?: string | undefined;
  /** Left out, all. */
  readonly states?: readonly DeliveryState[] | undefined;
  readonly limit: number;
};

/**
 * The deliveries of a store. New ones come with `Store.update`, in the transaction of the change that they tell of.
 * `nowMs` counts where one process has the store; a store that is shared goes by its own clock. Rejects with
 * `StorageFault`.
 */
export interface Outbox {
  /**
   * Receivers in the order of their names, after `after`, with something due, of at most `examine` that are looked at.
   * `next` is where to go on, the empty string once all were looked at. `waitMs` is how long it takes until
   * another one of those has something due; null when none will.
   */
  receivers(look: {
    readonly after: string;
    readonly examine: number;
    readonly nowMs: number;
  }): Promise<{ readonly due: readonly string[]; readonly next: string; readonly waitMs: number | null }>;
  /**
   * Claims up to `each` due deliveries of each receiver for `leaseMs`: of a run only the first that waits, and none that
   * another process has claimed. One that is not settled within the lease is free again.
   */
  claim(request: {
    readonly receivers: readonly string[];
    readonly each: number;
    readonly leaseMs: number;
    readonly nowMs: number;
  }): Promise<readonly Delivery[]>;
  /** Settles a claimed delivery. False: its lease was over and another process claimed it; nothing was written. */
  settle(claimed: Delivery, settlement: Settlement, nowMs: number): Promise<boolean>;
  /** Newest first. */
  list(query: DeliveryQuery): Promise<readonly Delivery[]>;
  /** Makes deliveries wait anew, due at once, in place of those that were given up, stopped or wait; how many. */
  redrive(which: {
    readonly runId?: string | undefined;
    readonly states: readonly Exclude<DeliveryState, 'delivered'>[];
    readonly nowMs: number;
  }): Promise<number>;
}

/** The deliveries of a store that others may have open. */
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
  /** The URL leads to where no client may send us; it may lead elsewhere tomorrow. */
  | { readonly kind: 'forbidden'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** The body that tells of a run, in the words of the protocol that made it. */
export type RunEncoder = (run: Run) => string;
