import type { Rows } from '../store/rows.ts';
import type { ThreadEvent } from './event.ts';
import type { Json, JsonObject } from './json.ts';
import type { UpstreamRef } from './run.ts';

export const threadStatuses = ['idle', 'busy', 'interrupted', 'error'] as const;
export type ThreadStatus = (typeof threadStatuses)[number];

/** A sequence of runs that share a state. At most one of them is active at a time, across replicas too. */
export type Thread = {
  readonly threadId: string;
  readonly tenant: string;
  /** What clients call it, where that is not its id: `threadId` follows from it. */
  readonly name: string | null;
  /** The agent that the thread was created for, or that of its first run; null before either. */
  readonly agentId: string | null;
  readonly metadata: JsonObject;
  /** `busy` while a run of it is pending, `interrupted` while one waits for a payload, `error` after one failed. */
  readonly status: ThreadStatus;
  /** What the newest checkpoint holds; null before the first. */
  readonly values: Json;
  readonly messages: readonly Json[];
  /** The run that has the thread; null when none has. */
  readonly activeRunId: string | null;
  /** The thread's session at the vendor, where the agent's target has the mode `thread`. */
  readonly session: Session | null;
  /** Grows with every write, by one or by the number of its events; then it is the `threadSeq` of the last of them. */
  readonly version: number;
  readonly createdAtMs: number;
  /** The last change of status, state, metadata or session; the steps in between leave it. */
  readonly updatedAtMs: number;
};

/** A long-lived agent at the vendor: ours that it belongs to, and the vendor's ids. */
export type Session = {
  readonly agentId: string;
  readonly upstream: UpstreamRef;
  /** Where it lives; left out where the agent has one backend only. */
  readonly backend?: string | undefined;
};

export type ThreadKey = { readonly tenant: string; readonly threadId: string };

/**
 * A client's own name of a thread: 1 to 255 visible characters, spaces between them allowed. The same name is the same thread
 * within a tenant, or within an agent of the tenant where `agentId` is given. A UUID is a thread's id.
 */
export type ThreadName = { readonly name: string; readonly agentId?: string | undefined };

/** A thread by its id or by its name. */
export type ThreadRef =
  | { readonly threadId: string; readonly name?: undefined }
  | (ThreadName & { readonly threadId?: undefined });

/** The state of a thread after a run, or after a patch. */
export type Checkpoint = {
  /** UUID v7: sorts by time. */
  readonly checkpointId: string;
  readonly threadId: string;
  readonly values: Json;
  readonly messages: readonly Json[];
  readonly metadata: JsonObject;
  /** Null for a patch. */
  readonly runId: string | null;
  readonly atMs: number;
};

/** What threads can be sorted by; `stateUpdatedAt` is the time of the newest checkpoint, or of the creation before there is one. */
export const threadSortKeys = ['createdAt', 'updatedAt', 'stateUpdatedAt', 'threadId', 'status'] as const;
export type ThreadSort = { readonly by: (typeof threadSortKeys)[number]; readonly isAscending: boolean };

/** Which threads of a tenant are meant; what is left out does not matter. */
export type ThreadFilter = {
  readonly tenant: string;
  /** Only threads with these ids: at most 1000. */
  readonly ids?: readonly string[] | undefined;
  readonly agentId?: string | undefined;
  /** Only threads of these agents (at least one) or without an agent; left out, all. */
  readonly agentIds?: readonly string[] | undefined;
  readonly status?: ThreadStatus | undefined;
  /** Threads whose metadata has each of these keys with an equal value. */
  readonly metadata?: JsonObject | undefined;
  /** Threads whose values are an object that has each of these keys with an equal value. */
  readonly values?: JsonObject | undefined;
};

export type ThreadQuery = ThreadFilter & {
  /** Left out, newest first by creation. Threads that are equal by it are ordered by their ids, in the same direction. */
  readonly sort?: ThreadSort | undefined;
  /** Reads neither values nor messages: null and none take their place. */
  readonly omitState?: boolean | undefined;
  /** 1 to 1000. */
  readonly limit: number;
  readonly offset: number;
};

/** How many checkpoints of a thread runs have left, and how many patches. */
export type CheckpointCounts = { readonly runs: number; readonly patches: number };

/** A page of a thread's checkpoints. */
export type HistoryQuery = {
  readonly limit: number;
  /** Only checkpoints that are older than this one; null: from the newest. */
  readonly beforeId: string | null;
  /** Reads neither values nor messages: null and none take their place. */
  readonly omitState?: boolean | undefined;
};

/** What a run does to its thread; written with the run's own change, or not at all. */
export type ThreadEffect = {
  /** The thread's status afterwards; `busy` instead where the run releases the thread and another run waits for it. */
  readonly status: ThreadStatus;
  /** The run ended, so the next one may acquire the thread. */
  readonly release: boolean;
  /** Also removes the thread and keeps its runs, unless another run of it is live. */
  readonly remove?: boolean | undefined;
  /** The new state, kept as the newest checkpoint; left out, the state stays. */
  readonly checkpoint?: Checkpoint | undefined;
  /** Set, or cleared with null; left out, it stays. */
  readonly session?: Session | null | undefined;
};

/** How a new run is admitted to its thread. */
export type Admission = {
  /** Inserted when there is no such thread; left out, the run is refused then. */
  readonly create?: Thread | undefined;
  /** Merged into the metadata of a thread that is there: the members that it has take the place of the thread's. */
  readonly metadata?: JsonObject | undefined;
  /** Refuse the run while another one of the thread is live. */
  readonly refuseBusy: boolean;
};

export type ThreadEventQuery = ThreadKey & {
  readonly afterSeq: number;
  /** Only events of runs of these agents; left out, of all. */
  readonly agentIds?: readonly string[] | undefined;
  readonly limit: number;
};

/** Threads of a store; the transactions that touch a run too are in `Store` itself. Rejects with `StorageFault`. */
export interface ThreadStore {
  /** 32 random bytes that ids are derived with from names, the same for every process on the store. The first that asks makes them. */
  nameKey(): Promise<Buffer>;
  /** False: the id is taken, perhaps by another tenant; nothing was written. */
  insertThread(thread: Thread): Promise<boolean>;
  /** With `omitState`, values and messages are not read: null and none take their place. */
  findThread(key: ThreadKey, options?: { readonly omitState: boolean }): Promise<Thread | null>;
  /** Writes metadata, status, values, messages and session. False: another version, or removed. */
  updateThread(thread: Thread, expectedVersion: number, checkpoint: Checkpoint | null): Promise<boolean>;
  searchThreads(query: ThreadQuery): Rows<Thread>;
  countThreads(filter: ThreadFilter): Promise<number>;
  /** Newest first. */
  checkpoints(threadId: string, query: HistoryQuery): Rows<Checkpoint>;
  /** How many checkpoints are older than this one; null: how many there are. */
  countCheckpoints(threadId: string, beforeId: string | null): Promise<CheckpointCounts>;
  /** A new thread with the source's state and checkpoints (with new ids). Null: there is no such source. */
  copyThread(source: ThreadKey, copy: { readonly threadId: string; readonly nowMs: number }): Promise<Thread | null>;
  /** The checkpoint with the id, or the one that the run left; null when the thread has no such checkpoint. */
  findCheckpoint(
    threadId: string,
    by: { readonly checkpointId: string } | { readonly runId: string },
  ): Promise<Checkpoint | null>;
  /**
   * Removes a thread with its checkpoints, and with its runs and their events unless they are kept. `busy`: a run of
   * it is live; nothing was removed.
   */
  removeThread(key: ThreadKey, keepRuns: boolean): Promise<'removed' | 'missing' | 'busy'>;
  /**
   * Gives the thread to a run, unless another live run has it or came due earlier (by creation and `afterMs`, then by
   * id). True again for the run that already has it.
   */
  acquireThread(threadId: string, runId: string): Promise<boolean>;
  /** Events of a thread's runs in the order in which they were written: at most `limit`, and fewer large ones. */
  threadEvents(query: ThreadEventQuery): Promise<readonly ThreadEvent[]>;
  /** The `threadSeq` of the first event of the oldest run of the thread that is live; null when none is. */
  firstLiveSeq(key: ThreadKey): Promise<number | null>;
}
