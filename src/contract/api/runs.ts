import type { EventBatches, RunEvent } from '../domain/event.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import type { RunAction } from '../domain/operator.ts';
import type { Run, RunKey, RunRequest, RunSummary } from '../domain/run.ts';
import type { NewRunWebhook, RunWebhook } from '../domain/run-webhook.ts';
import type { ThreadRef } from '../domain/thread.ts';
import type { Rows } from '../store/rows.ts';
import type { RunConditions, RunQuery } from '../store/store.ts';
import type { RunQuota } from '../store/usage-store.ts';

export type CreateRun = {
  readonly tenant: string;
  /** UUID or configured name; left out, the config's default agent. */
  readonly agent: string | undefined;
  readonly request: RunRequest;
  /** The client's name for this creation: a second one with the same key makes no second run. */
  readonly idempotencyKey?: string | undefined;
  /** What requests with one key must have in common to be the same; left out, all that they ask for. */
  readonly identity?: Json | undefined;
  /** The time of a schedule that makes the run: no second run is made for it. In place of `idempotencyKey`. */
  readonly fire?: ScheduledFire | undefined;
  readonly thread?: JoinThread | undefined;
  /** Receivers of its changes, in addition to the `webhook` of the request. */
  readonly webhooks?: readonly NewRunWebhook[] | undefined;
  /** Names of the agents that may be used, the default one included; left out, all. Others are `agent_forbidden`. */
  readonly agents?: ReadonlySet<string> | undefined;
  /** Refused with `too_many_runs` once the key has this many live runs. */
  readonly quota?: RunQuota | undefined;
};

/** Names one time of a schedule, which is remembered until `keptUntilMs`. */
export type ScheduledFire = { readonly schedule: string; readonly atMs: number; readonly keptUntilMs: number };

/** How a run joins a thread. */
export type JoinThread = ThreadRef & {
  readonly ifNotExists: 'reject' | 'create';
  /** Merged into the thread's metadata, in the commit that inserts the run. */
  readonly metadata?: JsonObject | undefined;
  /** What happens when a run of the thread is live: refuse, wait, cancel it and keep it, cancel it and remove it. */
  readonly whenBusy: 'reject' | 'enqueue' | 'interrupt' | 'rollback';
};

/** `replayed`: an earlier request with the same idempotency key made the run. */
export type CreatedRun = { readonly run: Run; readonly replayed: boolean };

export type ResumeOptions = {
  /** The client's name for this answer: the same answer under the same name is taken once. */
  readonly mark?: string | undefined;
  /** The event of the question that is answered; left out, the open one is meant. */
  readonly questionSeq?: number | undefined;
  /** What answers must have in common to be the same; left out, the payload. */
  readonly identity?: Json | undefined;
  /** Kept with the answer, for protocols to read. */
  readonly extra?: JsonObject | undefined;
  /** An operator does it, and it is noted. */
  readonly action?: RunAction | undefined;
};

/**
 * `replayed`: the answer was taken before. `afterSeq`: the number of the event that asked; what the client has not seen yet
 * follows it.
 */
export type ResumedRun = { readonly run: Run; readonly afterSeq: number; readonly replayed: boolean };

export type CancelOptions = {
  /** `rollback` removes the run too, so that its thread is as it was before. */
  readonly action: 'interrupt' | 'rollback';
  /** Whether to resolve after the vendor was asked to cancel; otherwise as soon as the end is durable. */
  readonly wait: boolean;
};

/** `seq`: the event that asks; `answers`: by the ids of the questions, of which unknown ones are ignored. */
export type QuestionAnswers = { readonly seq: number; readonly answers: JsonObject };

/** The use cases of runs, in no protocol's words. Every method throws `GatewayError`. */
export interface Runs {
  /** Durable when it resolves; the start at the vendor is not awaited. */
  create(command: CreateRun): Promise<CreatedRun>;
  get(key: RunKey): Promise<Run>;
  /** The run for a client that asks again and again: it counts as watched for the seconds that follow. */
  poll(key: RunKey): Promise<Run>;
  /** The run as soon as it is not pending, or as it is after `blockMs` or once `signal` fires. */
  wait(key: RunKey, blockMs: number, signal: AbortSignal): Promise<Run>;
  /** The run's events after `afterSeq`, in order and without a gap, up to the terminal one or the run's removal. */
  watch(key: RunKey, afterSeq: number): Promise<EventBatches<RunEvent>>;
  /**
   * Accepts the payload of an interrupted run; durable when it resolves. An answer that was taken before, by its mark or its
   * question, gives the run as it is. Throws `run_not_interrupted` where the run does not ask, or not this; `question_answered`
   * where the question has another answer; `idempotency_mismatch` where the mark was used for another answer.
   */
  resume(key: RunKey, payload: Json, options?: ResumeOptions): Promise<ResumedRun>;
  /**
   * Accepts answers to some of the questions that an interrupted run lists, and resumes it once it has all; durable when it
   * resolves. The first answer to a question counts.
   */
  answer(key: RunKey, answers: QuestionAnswers): Promise<Run>;
  /** Ends a live run as cancelled; a run that is done stays as it is. */
  cancel(key: RunKey, options: CancelOptions): Promise<Run>;
  /** Cancels a live run, then removes it; resolves with the run as it was at its end. */
  delete(key: RunKey): Promise<Run>;
  /** Newest first. */
  search(query: RunQuery): Rows<RunSummary>;
  /** How many runs there are; costs time in proportion to the runs that the query's agent, thread and statuses leave. */
  count(conditions: RunConditions): Promise<number>;
  /** The receivers of the run's changes, in the order in which they were added. */
  webhooks(key: RunKey): Promise<readonly RunWebhook[]>;
  /**
   * Adds a receiver of the run's changes, or takes the place of the one with its id; durable when it resolves. The receiver of
   * a run that has ended is called for nothing. Throws `invalid_request` for a URL or a header that cannot be called with.
   */
  putWebhook(key: RunKey, webhook: NewRunWebhook): Promise<RunWebhook>;
  /** What the receiver is still owed is not sent. False: the run has no such webhook. */
  removeWebhook(key: RunKey, id: string): Promise<boolean>;
}
