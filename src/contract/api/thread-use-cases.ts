import type { ThreadEvent } from '../domain/event.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import type { RunKey } from '../domain/run.ts';
import type { Checkpoint, Thread, ThreadKey, ThreadQuery } from '../domain/thread.ts';

export type CreateThread = {
  readonly tenant: string;
  /** The client's own id; left out, a UUID v7. */
  readonly threadId?: string | undefined;
  /** UUID or configured name of the agent that the thread is for. */
  readonly agent?: string | undefined;
  readonly metadata: JsonObject;
  readonly ifExists: 'raise' | 'do_nothing';
};

/** What a patch changes; `values` or `messages` make a checkpoint. */
export type ThreadPatch = {
  readonly metadata?: JsonObject | undefined;
  readonly values?: Json | undefined;
  readonly messages?: readonly Json[] | undefined;
  /**
   * How `values` and `messages` meet what is there: `replace` it, or `merge` into it, members of values one by one,
   * messages in the place of those with their `id`, else at the end.
   */
  readonly mode: 'replace' | 'merge';
  /** The patch goes on from this checkpoint instead of from the newest. */
  readonly checkpointId?: string | undefined;
};

export type HistoryQuery = { readonly limit: number; readonly beforeId: string | null };

export type ThreadWatch = {
  /** Null: from the first event of the oldest run of the thread that is live, else from what comes. */
  readonly afterSeq: number | null;
  /** Only events of runs of these agents; left out, of all. */
  readonly agentIds?: readonly string[] | undefined;
};

/** The events of all runs of one thread, pulled by one reader. */
export interface ThreadFeed {
  /** The next events, in the order of `threadSeq`; waits for them. Null: the thread is gone, or the reader left. */
  next(): Promise<readonly ThreadEvent[] | null>;
  /** The reader left. Ends a waiting `next` with null. */
  close(): void;
}

/** What the core can do with threads, in no protocol's words. Every method throws `GatewayError`. */
export interface ThreadUseCases {
  createThread(command: CreateThread): Promise<Thread>;
  getThread(key: ThreadKey): Promise<Thread>;
  searchThreads(query: ThreadQuery): Promise<readonly Thread[]>;
  patchThread(key: ThreadKey, patch: ThreadPatch): Promise<Thread>;
  copyThread(key: ThreadKey): Promise<Thread>;
  /** 409 while a run of the thread is live. Removes its runs too. */
  deleteThread(key: ThreadKey): Promise<void>;
  /** The state that a run left behind. Null: the run has no thread, or left none. */
  stateAfterRun(key: RunKey): Promise<Checkpoint | null>;
  /** Newest first. */
  threadHistory(key: ThreadKey, query: HistoryQuery): Promise<readonly Checkpoint[]>;
  /** Null: the thread has no such checkpoint. */
  findCheckpoint(key: ThreadKey, checkpointId: string): Promise<Checkpoint | null>;
  watchThread(key: ThreadKey, watch: ThreadWatch): Promise<ThreadFeed>;
}
