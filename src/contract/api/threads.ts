import type { EventBatches, ThreadEvent } from '../domain/event.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import type { RunKey } from '../domain/run.ts';
import type {
  Checkpoint,
  CheckpointCounts,
  HistoryQuery,
  Thread,
  ThreadFilter,
  ThreadKey,
  ThreadQuery,
  ThreadRef,
} from '../domain/thread.ts';
import type { Rows } from '../store/rows.ts';
import type { ResumedRun, ResumeOptions, Runs } from './runs.ts';

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
  /** An empty batch says that the thread may have changed otherwise than by an event, such as by a patch. */
  readonly hasEmptyBatches?: boolean | undefined;
};

/** The answer to what a thread's run asks. */
export type ResumeThread = Omit<ResumeOptions, 'questionSeq' | 'action'> & {
  readonly key: ThreadKey;
  readonly payload: Json;
  /** The run and the event of the interrupt that the client saw; left out, the open one is meant. */
  readonly interrupt?: { readonly runId: string; readonly seq: number } | undefined;
  /** Only a run of these agents; left out, of any. */
  readonly agentIds?: readonly string[] | undefined;
};

/** The use cases of threads, in no protocol's words. Every method throws `GatewayError`. */
export interface Threads {
  /** The key of the thread with this id or name, whether there is one or not. Throws `invalid_request` for what is no name. */
  keyOf(tenant: string, ref: ThreadRef): Promise<ThreadKey>;
  create(command: CreateThread): Promise<Thread>;
  get(key: ThreadKey): Promise<Thread>;
  search(query: ThreadQuery): Rows<Thread>;
  /** How many threads a search without bounds finds. */
  count(filter: ThreadFilter): Promise<number>;
  patch(key: ThreadKey, patch: ThreadPatch): Promise<Thread>;
  /**
   * Resumes the thread's interrupted run; durable when it resolves. An answer that was taken before gives the run as it is,
   * as in {@link Runs.resume}: one without an `interrupt` only while its run has the thread. Throws `thread_not_found`;
   * `thread_not_interrupted` where no run of it asks, or not that any more; `run_not_interrupted` where another answer came
   * first; `question_answered` and `idempotency_mismatch` like {@link Runs.resume}.
   */
  resume(command: ResumeThread): Promise<ResumedRun>;
  copy(key: ThreadKey): Promise<Thread>;
  /** 409 while a run of the thread is live. Removes its runs too. */
  delete(key: ThreadKey): Promise<void>;
  /** Checkpoints, newest first. */
  history(key: ThreadKey, query: HistoryQuery): Rows<Checkpoint>;
  /** How many checkpoints are older than this one; null: how many there are. */
  countCheckpoints(key: ThreadKey, beforeId: string | null): Promise<CheckpointCounts>;
  /** Null: the thread has no such checkpoint. */
  findCheckpoint(key: ThreadKey, checkpointId: string): Promise<Checkpoint | null>;
  /** The state that a run left behind. Null: the run has no thread, or left none. */
  stateAfterRun(key: RunKey): Promise<Checkpoint | null>;
  /** Events of all runs of the thread, in the order of `threadSeq`, until the thread is removed. */
  watch(key: ThreadKey, options: WatchThread): Promise<EventBatches<ThreadEvent>>;
}
