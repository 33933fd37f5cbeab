import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { actOnce, endRun, observeRun, refuseOther } from '../call-rules.ts';
import { readClose, wordOf } from './close-event.ts';
import { detailOf, type Frontend } from './frontend.ts';
import { decodePayloads, encodePayload, encodePayloads, type Payload, type PayloadCodec } from './payloads.ts';
import { findStuck } from './stuck.ts';

export type StartOptions = {
  readonly workflowId: string;
  readonly workflow: string;
  readonly taskQueue: string;
  readonly input: readonly Json[];
  /** The same each time that the start is sent. */
  readonly requestId: string;
  readonly memo?: Readonly<Record<string, Json>> | undefined;
  readonly searchAttributes?: Readonly<Record<string, { readonly type: string; readonly value: Json }>> | undefined;
  readonly executionTimeoutSeconds?: number | undefined;
};

/** A workflow as it was seen last. `status` is one of Temporal's without its prefix, such as `COMPLETED`. */
export type Execution = JsonObject & { readonly workflowId: string; readonly runId: string; readonly status: string };

export type Sighting = {
  readonly execution: Execution;
  /** The query was not answered, so that it is not known what the workflow waits for. */
  readonly isStateUnknown?: boolean;
  /** Why the workflow does not go on although it is running. */
  readonly stuck?: string | undefined;
};

export type Query = { readonly name: string; readonly timeoutMs: number };

/** The frontend holds a call for 20 seconds; 10 more pass for a busy one. */
const holdMs = 30_000;
/** Runs that one held call follows: a workflow that goes on in a new run every moment is left to the next call. */
const maxFollowed = 5;
const closeEvents = 'HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT';

/** What runs are at a Temporal frontend: workflows by id, which may go on in several runs. */
export class Executions {
  readonly #frontend: Frontend;
  readonly #codec: PayloadCodec;

  constructor(frontend: Frontend, codec: PayloadCodec) {
    this.#frontend = frontend;
    this.#codec = codec;
  }

  /** Starts with the same workflow id make one workflow, whatever became of the first one. */
  async start({ workflowId, workflow, taskQueue, input, ...options }: StartOptions): Promise<UpstreamRef> {
    const { memo = {}, searchAttributes = {}, executionTimeoutSeconds, requestId } = options;
    const attributes = Object.entries(searchAttributes).map(([key, { type, value }]) => [
      key,
      encodePayload(value, type),
    ]);
    const message: JsonObject = {
      namespace: this.#frontend.namespace,
      workflowId,
      workflowType: { name: workflow },
      taskQueue: { name: taskQueue, kind: 'TASK_QUEUE_KIND_NORMAL' },
      input: await encodePayloads(input, this.#codec),
      workflowExecutionTimeout: executionTimeoutSeconds === undefined ? null : `${executionTimeoutSeconds}s`,
      identity: 'rungate',
      requestId,
      // With any other policy a start that is sent again after the end would run the workflow a second time.
      workflowIdReusePolicy: 'WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE',
      memo: Object.keys(memo).length === 0 ? null : { fields: await this.#encodeMembers(memo) },
      searchAttributes: attributes.length === 0 ? null : { indexedFields: Object.fromEntries(attributes) },
    };
    try {
      const answer = await this.#frontend.call({
        ...actOnce,
        purpose: 'start',
        method: 'StartWorkflowExecution',
        message: withoutNulls(message),
      });
      return { runId: textOf(answer.runId) ?? workflowId, workflowId };
    } catch (error) {
      if (!(error instanceof UpstreamFault)) throw error;
      // The id holds our run's, so that what has it is ours: a start whose answer was lost.
      const started = detailOf(error, 'WorkflowExecutionAlreadyStartedFailure');
      if (started === null) throw error;
      return { runId: textOf(started.runId) ?? workflowId, workflowId };
    }
  }

  async #encodeMembers(values: Readonly<Record<string, Json>>): Promise<Readonly<Record<string, Payload>>> {
    const encoded = Object.entries(values).map(async ([key, value]) => [
      key,
      await this.#codec.encode(encodePayload(value)),
    ]);
    return Object.fromEntries(await Promise.all(encoded)) as Readonly<Record<string, Payload>>;
  }

  /** Asks by the workflow's id alone, so that the newest of its runs answers. */
  async observe(ref: UpstreamRef, query: Query | null, signal?: AbortSignal): Promise<Sighting> {
    const { execution, answer } = await this.#describe(ref, signal);
    if (execution.status !== 'RUNNING') {
      const closed = await this.#closeOf(execution, signal);
      return { execution: closed ?? { ...execution, status: 'RUNNING' } };
    }
    const stuck = this.#stuck(answer);
    if (query === null) return { execution, stuck };
    const state = await this.#ask(execution, query, signal);
    if (state === undefined) return { execution, stuck, isStateUnknown: true };
    return { execution: { ...execution, state }, stuck };
  }

  #stuck(answer: JsonObject): string | undefined {
    const stuck = findStuck(answer, Date.now());
    return stuck === undefined ? undefined : String(this.#frontend.redact(stuck));
  }

  async #describe(ref: UpstreamRef, signal: AbortSignal | undefined) {
    const workflowId = idOf(ref);
    const answer = await this.#frontend.call({
      ...observeRun,
      purpose: 'observe',
      method: 'DescribeWorkflowExecution',
      message: { namespace: this.#frontend.namespace, execution: { workflowId } },
      signal,
    });
    const info = objectOf(answer.workflowExecutionInfo);
    const { workflowId: seen, runId } = objectOf(info.execution);
    const status = wordOf(info.status, 'WORKFLOW_EXECUTION_STATUS_');
    if (typeof runId !== 'string' || status === null) throw malformed("the vendor's answer shows no status of the run");
    refuseOther(workflowId, seen);
    const type = objectOf(info.type).name;
    const shown: Record<string, Json> = { workflowId, runId, status };
    for (const [key, value] of Object.entries({
      workflowType: type,
      taskQueue: info.taskQueue,
      closeTime: info.closeTime,
    }))
      if (typeof value === 'string' && value !== '') shown[key] = value;
    return { execution: this.#frontend.redact(shown) as Execution, answer };
  }

  /** How a run that is over ended. Null: it goes on in another run. */
  async #closeOf(execution: Execution, signal: AbortSignal | undefined): Promise<Execution | null> {
    const { workflowId, runId } = execution;
    const answer = await this.#frontend.call({
      ...observeRun,
      purpose: 'observe',
      method: 'GetWorkflowExecutionHistory',
      message: {
        namespace: this.#frontend.namespace,
        execution: { workflowId, runId },
        historyEventFilterType: closeEvents,
      },
      signal,
    });
    const close = await readClose(answer, this.#codec);
    if (close === null) throw malformed("the vendor's answer does not show how the run ended");
    if (close.nextRunId !== null) return null;
    return this.#frontend.redact({ ...execution, ...close.end }) as Execution;
  }

  /** Undefined: no answer in time, or a refusal, which says nothing about the run. */
  async #ask(
    { workflowId, runId }: Execution,
    { name, timeoutMs }: Query,
    signal?: AbortSignal,
  ): Promise<Json | undefined> {
    const limit = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await this.#frontend.call({
        ...observeRun,
        purpose: 'observe',
        method: 'QueryWorkflow',
        message: {
          namespace: this.#frontend.namespace,
          execution: { workflowId, runId },
          query: { queryType: name },
        },
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      });
      if (answer.queryResult === undefined) return undefined;
      return this.#frontend.redact(await decodePayloads(answer.queryResult, this.#codec));
    } catch (error) {
      if (error instanceof UpstreamFault && signal?.aborted !== true) return undefined;
      throw error;
    }
  }

  /** Has the frontend hold the call until the workflow ends. Null: it goes on. */
  async attend(ref: UpstreamRef, signal?: AbortSignal): Promise<Sighting | null> {
    const workflowId = idOf(ref);
    for (let followed = 0; followed < maxFollowed; followed += 1) {
      const answer = await this.#frontend.call({
        ...observeRun,
        purpose: 'attend',
        method: 'GetWorkflowExecutionHistory',
        message: {
          namespace: this.#frontend.namespace,
          execution: { workflowId },
          waitNewEvent: true,
          historyEventFilterType: closeEvents,
        },
        holdMs,
        signal,
      });
      const close = await readClose(answer, this.#codec);
      if (close === null) return null;
      if (close.nextRunId === null)
        return { execution: this.#frontend.redact({ workflowId, runId: ref.runId, ...close.end }) as Execution };
    }
    return null;
  }

  async cancel(ref: UpstreamRef): Promise<void> {
    const message = { ...this.#own(ref), requestId: `${idOf(ref)}.cancel`, reason: 'cancelled by rungate' };
    await this.#frontend.call({ ...endRun, purpose: 'cancel', method: 'RequestCancelWorkflowExecution', message });
  }

  async terminate(ref: UpstreamRef): Promise<void> {
    const message = { ...this.#own(ref), reason: 'cancelled by rungate' };
    await this.#frontend.call({ ...endRun, purpose: 'cancel', method: 'TerminateWorkflowExecution', message });
  }

  #own(ref: UpstreamRef): JsonObject {
    return {
      namespace: this.#frontend.namespace,
      workflowExecution: { workflowId: idOf(ref) },
      identity: 'rungate',
    };
  }
}

/** A reference by which a workflow was never seen has its id alone. */
export function idOf({ workflowId, runId }: UpstreamRef): string {
  return workflowId ?? runId;
}

function malformed(message: string): UpstreamFault {
  return new UpstreamFault({ consequence: 'retry', kind: 'malformed', message });
}

function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function withoutNulls(message: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== null));
}
