import type { Cap, CapSettlement, ReachedCap } from '../domain/cap.ts';
import type { Change, RunEvent } from '../domain/event.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Run, RunKey, RunPhase, RunStatus, RunSummary } from '../domain/run.ts';
import type { Admission, ThreadEffect, ThreadStore } from '../domain/thread.ts';
import type { NewDelivery, Outbox } from '../domain/webhook.ts';
import type { CapStore } from './cap-store.ts';
import type { DurationStore } from './duration-store.ts';
import type { Fence } from './fence.ts';
import type { ItemStore } from './item-store.ts';
import type { OperationsStore } from './operations-store.ts';
import type { QuotaStore } from './quota-store.ts';
import type { Rows } from './rows.ts';
import type { ScheduleStore } from './schedule-store.ts';
import type { TicketStore } from './ticket-store.ts';
import type { UsageStore } from './usage-store.ts';
import type { WakeSignals } from './wake-signals.ts';

/** Where a run stands in a list: the instant that orders it, and its id where two have the same. */
export type RunPlace = { readonly atMs: number; readonly runId: string };

/** What runs have to be, for a search and for a count. What is left out does not matter. */
export type RunConditions = {
  readonly tenant: string;
  readonly agentId?: string | undefined;
  /** Only runs of these agents, at least one; left out, of all. */
  readonly agentIds?: readonly string[] | undefined;
  /** Null: only runs without a thread. */
  readonly threadId?: string | null | undefined;
  readonly status?: RunStatus | undefined;
  /** Runs in one of these phases. */
  readonly phases?: readonly RunPhase[] | undefined;
  /** Runs with one of these statuses. */
  readonly statuses?: readonly RunStatus[] | undefined;
  /** Of runs that failed, those with one of these errcodes. Others are left out unless `statuses` has theirs. */
  readonly errcodes?: readonly number[] | undefined;
  /** No runs that failed with one of these errcodes. */
  readonly notErrcodes?: readonly number[] | undefined;
  /** Runs whose last change came later, by `updatedAtMs`. */
  readonly updatedAfterMs?: number | undefined;
  /** Runs whose metadata has each of these keys with an equal value. */
  readonly metadata?: JsonObject | undefined;
};

export type RunQuery = RunConditions & {
  /** Newest first, by creation or by the last change; left out, by creation. */
  readonly order?: 'created' | 'updated' | undefined;
  /**
   * Only runs after this place of the same order, which is that of the last run of a page. By creation it holds the run's
   * `createdAtMs`, by the last change its `updatedAtMs` as the list gave it.
   */
  readonly after?: RunPlace | undefined;
  /** Leaves `input` and `messages` out of the requests that are found. */
  readonly omitInput?: boolean | undefined;
  /** 1 to 1000. */
  readonly limit: number;
  readonly offset: number;
};

/** A write that holds only if the run is still what the writer read. */
export type RunUpdate = {
  /** The run after the change; its version is `expectedVersion + 1`. */
  readonly run: Run;
  readonly expectedVersion: number;
  /** Given by a run loop: the write is refused when the run belongs to another replica. Use cases leave it out. */
  readonly expectedOwner?: string | undefined;
  readonly events: readonly RunEvent[];
  /** What the change makes of earlier events. */
  readonly rewrites?: readonly EventRewrite[] | undefined;
  /** What the change does to the run's thread. */
  readonly thread?: ThreadEffect | undefined;
  /** What the end of the run does to the caps that it was counted with. */
  readonly settlements?: readonly CapSettlement[] | undefined;
  /** What the receivers of the run's webhooks are owed for the change. */
  readonly deliveries?: readonly NewDelivery[] | undefined;
  /** Names what the vendor started for the run; no other run has it. */
  readonly upstreamKey?: string | undefined;
  /** No earlier version of the run has had an `upstreamKey`, so that none is given back. */
  readonly isFirstUpstream?: boolean | undefined;
};

/**
 * An earlier event that is stored another way from now on: a partial output that a later one replaces, or that is the
 * result; or an interrupt that is no longer the run's outcome, which had its payload until now.
 */
export type EventRewrite = {
  readonly seq: number;
  readonly change: 'replaced' | 'same as result' | Extract<Change, { kind: 'interrupt' }>;
};

/** Ties a client's retry to the run that its first try made (draft-ietf-httpapi-idempotency-key-header). */
export type Idempotency = {
  readonly tenant: string;
  readonly key: string;
  /** Hash of the request: the same key with another hash is a client's mistake. */
  readonly fingerprint: string;
  readonly expiresAtMs: number;
};

export type Insertion =
  | { readonly kind: 'inserted' }
  /** The key was used before with the same fingerprint, for this run. */
  | { readonly kind: 'replayed'; readonly runId: string }
  /** The key was used before with another fingerprint. */
  | { readonly kind: 'mismatch' }
  /** The run's thread does not exist, or has a live run. */
  | { readonly kind: 'thread-missing' }
  | { readonly kind: 'thread-busy' }
  /** A cap leaves no room for the run. */
  | { readonly kind: 'capped'; readonly reached: ReachedCap };

/** What decides about a new run, in its transaction: the idempotency key first. */
export type InsertTerms = {
  readonly idempotency?: Idempotency | undefined;
  /** Given for a run with a thread. */
  readonly admission?: Admission | undefined;
  /** The run is counted with each of them, and refused where one leaves no room for it. */
  readonly caps: readonly Cap[];
};

export type Claim = {
  readonly replica: string;
  /** A replica whose last heartbeat is older than this is dead. */
  readonly deadAfterMs: number;
  readonly limit: number;
};

/** What another process changed or removed. A write to a run of a thread gives two: the run and its thread. */
export type StoreChange =
  | { readonly kind: 'run' | 'thread'; readonly id: string }
  /** Any run or thread may have changed: notifications were lost. */
  | { readonly kind: 'missed' };

/**
 * Durable runs and events. A promise that resolves means committed: power may fail after it. Every method rejects
 * with `StorageFault` when the store cannot answer, and then nothing of that call was written. Where replicas
 * share the store, time is the store's own, never the caller's.
 */
export interface Store {
  /** Whether other processes may write to it: then a run that this process does not own must be read anew. */
  readonly shared: boolean;
  /** Null for a store that ends with its process, so that there can be no copy of it. */
  readonly fence: Fence | null;
  readonly durations: DurationStore;
  /** Tickets for streams that were opened. */
  readonly tickets: TicketStore;
  /** Null where no other process shares the store: then the loop of every run is in this process. */
  readonly wakes: WakeSignals | null;
  /** Null where no other process shares the store: then a backend's quota is this process's own. */
  readonly quotas: QuotaStore | null;
  /** For operators, over all tenants and replicas. */
  readonly operations: OperationsStore;
  readonly schedules: ScheduleStore;
  /** Counts for keys that have limits. */
  readonly usage: UsageStore;
  readonly caps: CapStore;
  /** What receivers of webhooks are owed. A delivery outlives its run until it was sent. */
  readonly outbox: Outbox;
  /** What clients keep under names of their choice. */
  readonly items: ItemStore;
  readonly threads: ThreadStore;
  /** `admission` is given for a run with a thread. Decided in one transaction, the idempotency key first. */
  insert(run: Run, events: readonly RunEvent[], idempotency?: Idempotency, admission?: Admission): Promise<Insertion>;
  /** The same for a run under caps. */
  insertWithin(run: Run, events: readonly RunEvent[], terms: InsertTerms): Promise<Insertion>;
  /**
   * False: the run is gone, has another version or another owner; nothing was written. Rejects with `UpstreamTaken` where
   * another run has the `upstreamKey`; nothing was written then either.
   */
  update(update: RunUpdate): Promise<boolean>;
  /** Removes a run and its events. False: it has another version, or is gone. */
  remove(key: RunKey, expectedVersion: number): Promise<boolean>;
  find(key: RunKey): Promise<Run | null>;
  /** Those of these runs that there are, in any order. Rejects where one of them cannot be read. */
  findAll(keys: readonly RunKey[]): Promise<readonly Run[]>;
  /** A run of any tenant, for what names runs without naming a tenant, such as a vendor's push. */
  findOfAnyTenant(runId: string): Promise<Run | null>;
  /** The id of the run with this `upstreamKey`; see {@link RunUpdate}. */
  findByUpstream(upstreamKey: string): Promise<string | null>;
  /**
   * Newest first. A run that changes while a list by the last change is read keeps its place in it: its `updatedAtMs` is that
   * of the place.
   */
  search(query: RunQuery): Rows<RunSummary>;
  /** How many runs there are: all are counted, in slices. */
  count(conditions: RunConditions): Promise<number>;
  /** Events after `afterSeq`, in order and without a gap, at most `limit`. */
  events(runId: string, afterSeq: number, limit: number): Promise<readonly RunEvent[]>;
  /**
   * Records a heartbeat: one write per replica, however many runs it has. It renews the fence too, and rejects when that
   * shows that the store is no longer the one that was taken.
   */
  beat(replica: string): Promise<void>;
  /** Makes `replica` the owner of live runs that no live replica owns, oldest first; their versions grow by one. */
  claim(claim: Claim): Promise<readonly Run[]>;
  /** Live runs that `replica` owns, in the order of their ids, after one of them or from the first. */
  owned(replica: string, afterRunId: string | null, limit: number): Promise<readonly Run[]>;
  /** The replica leaves by a clean stop: its runs are free to claim at once. It writes no runs after that. */
  release(replica: string): Promise<void>;
  /** Calls back with what other processes changed. The returned function ends the subscription. */
  subscribe(listener: (change: StoreChange) => void): () => void;
  /**
   * Removes up to `limit` each of runs that ended before the instant, with their events, of deliveries that ended before
   * it, and of expired idempotency keys. Gives the highest of the three counts.
   */
  expire(finishedBeforeMs: number, nowMs: number, limit: number): Promise<number>;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Another run has what the vendor says that it started for this one. */
export class UpstreamTaken extends Error {
  constructor() {
    super('another run has this upstream run');
    this.name = 'UpstreamTaken';
  }
}

/** The store cannot answer now; the message is for the log. */
export class StorageFault extends Error {
  /** One row cannot be read, as another version or a damage left it; the store itself answers. */
  readonly isOfOneRow: boolean;

  constructor(message: string, cause?: unknown, { isOfOneRow = false } = {}) {
    super(message, { cause });
    this.name = 'StorageFault';
    this.isOfOneRow = isOfOneRow;
  }
}
