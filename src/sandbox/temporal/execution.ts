import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { failureOf, isAlive, type Plan, payloadsOf } from './plan.ts';

/** The outcome of an update, kept so that one with the same id is answered alike. */
export type UpdateOutcome = { readonly success: JsonObject } | { readonly failure: JsonObject };

/** How a run ended: its last event. */
type Close = { readonly word: string; readonly event: JsonObject };

/** One run of a workflow. Its state follows from the plan and the time, so that no run needs a timer. */
export class Execution {
  readonly runId: string;
  readonly startedAtMs: number;
  readonly #plan: Plan;
  readonly #makeRunId: () => string;
  readonly #isLast: boolean;
  readonly updates = new Map<string, UpdateOutcome>();
  readonly #signals = new Set<string>();
  #answer: { readonly value: Json; readonly atMs: number } | null = null;
  #isCancelRequested = false;
  #close: Close | null = null;
  #nextRunId: string | null = null;

  constructor(options: {
    readonly runId: string;
    readonly startedAtMs: number;
    readonly plan: Plan;
    readonly isLast: boolean;
    readonly makeRunId: () => string;
  }) {
    this.runId = options.runId;
    this.startedAtMs = options.startedAtMs;
    this.#plan = options.plan;
    this.#isLast = options.isLast;
    this.#makeRunId = options.makeRunId;
  }

  /** What it waits for; null: nothing. */
  get question(): Json {
    const { approval } = this.#plan;
    return approval === undefined || this.#answer !== null || this.#close !== null ? null : approval;
  }

  /** When it ends by itself; infinite where it does not. */
  get dueAtMs(): number {
    const { approval, end, ms } = this.#plan;
    if (!isAlive(this.#plan)) return Number.POSITIVE_INFINITY;
    if (end === 'never' && this.#isLast) return Number.POSITIVE_INFINITY;
    if (approval === undefined) return this.startedAtMs + ms;
    return this.#answer === null ? Number.POSITIVE_INFINITY : this.#answer.atMs + ms;
  }

  /** How it ended by now; null: it runs. */
  closeAt(nowMs: number): Close | null {
    if (this.#close !== null) return this.#close;
    if (this.#isCancelRequested && this.#plan.heedsCancel && isAlive(this.#plan)) this.#end('CANCELED', 'Canceled', {});
    else if (nowMs >= this.dueAtMs) this.#endAsPlanned();
    return this.#close;
  }

  /** The run in which the workflow goes on; null: it is over, or runs. */
  get nextRunId(): string | null {
    return this.#nextRunId;
  }

  /** Takes the payload that the workflow waits for. A signal with the same id is heard once. */
  hear(value: Json, nowMs: number, signalId?: string): void {
    if (signalId !== undefined && signalId !== '') {
      if (this.#signals.has(signalId)) return;
      this.#signals.add(signalId);
    }
    if (this.question !== null) this.#answer = { value, atMs: nowMs };
  }

  requestCancel(): void {
    this.#isCancelRequested = true;
  }

  terminate(reason: string, identity: string): void {
    this.#end('TERMINATED', 'Terminated', { reason, identity });
  }

  #endAsPlanned(): void {
    const { end, failure } = this.#plan;
    if (!this.#isLast) {
      this.#nextRunId = this.#makeRunId();
      this.#end('CONTINUED_AS_NEW', 'ContinuedAsNew', { newExecutionRunId: this.#nextRunId });
    } else if (end === 'fail')
      this.#end('FAILED', 'Failed', { failure: failureOf(failure), retryState: 'RETRY_STATE_RETRY_POLICY_NOT_SET' });
    else if (end === 'cancel') this.#end('CANCELED', 'Canceled', {});
    else if (end === 'time-out') this.#end('TIMED_OUT', 'TimedOut', { retryState: 'RETRY_STATE_TIMEOUT' });
    else this.#end('COMPLETED', 'Completed', { result: payloadsOf(this.#result()) });
  }

  #result(): Json {
    const { result, approval, input } = this.#plan;
    if (approval !== undefined) return { approved: this.#answer?.value ?? null };
    return result === undefined ? input : result;
  }

  #end(word: string, attributes: string, value: JsonObject): void {
    if (this.#close !== null) return;
    this.#close = {
      word,
      event: {
        eventId: '9',
        eventType: `EVENT_TYPE_WORKFLOW_EXECUTION_${word}`,
        [`workflowExecution${attributes}EventAttributes`]: value,
      },
    };
  }
}
