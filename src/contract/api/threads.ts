import type { EventBatches, ThreadEvent } from '../domain/event.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import type { RunKey } from '../domain/run.ts';
import type { Checkpoint, HistoryQuery, Thread, ThreadKey, ThreadQuery } from '../domain/thread.ts';
import type { Rows } from '../store/rows.ts';

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
   * How `values` and `messages` meet the state that is there: `replace` it, or `merge` into it, members of values one
   * by one, messages in the place of those with their `id`, else at the end.
   */
  readonly mode: 'replace' | 'merge';
  /** The patch starts from this checkpoint instead of the newest one. */
  readonly checkpointId?: string | undefined;
};

export type WatchThread = {
  /** Null: from the first event of the thread's oldest live run; where there is none, only events to come. */
  readonly afterSeq: number | null;
  /** Only events of runs of these agents; left out, of all. */
  readonly agentIds?: readonly string[] | undefined;
};

/** The use cases of threads, in no protocol's words. Every method throws `GatewayError`. */
export interface Threads {
  create(command: CreateThread): Promise<Thread>;
  get(key: ThreadKey): Promise<Thread>;
  search(query: ThreadQuery): Rows<Thread>;
  patch(key: ThreadKey, patch: ThreadPatch): Promise<Thread>;
  copy(key: ThreadKey): Promise<Thread>;
  /** 409 while a run of the thread is live. Removes its runs too. */
  delete(key: ThreadKey): Promise<void>;
  /** Checkpoints, newest first. */
  history(key: ThreadKey, query: HistoryQuery): Rows<Checkpoint>;
  /** Null: the thread has no such checkpoint. */
  findCheckpoint(key: ThreadKey, checkpointId: string): Promise<Checkpoint | null>;
  /** The state that a run left behind. Null: the run has no thread, or left none. */
  stateAfterRun(key: RunKey): Promise<Checkpoint | null>;
  /** Events of all runs of the thread, in the order of `threadSeq`, until the thread is removed. */
  watch(key: ThreadKey, options: WatchThread): Promise<EventBatches<ThreadEvent>>;
}
