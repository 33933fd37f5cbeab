import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { readJson } from '../../json/exact-number.ts';
import { isJsonObject } from '../../json/json-object.ts';
import type { Execution, UpdateOutcome } from './execution.ts';
import { failureOf, firstOf, isAlive, payloadsOf } from './plan.ts';
import { codes, TemporalError } from './temporal-error.ts';
import { textOf, type Workflow, type Workflows } from './workflows.ts';

export type FrontendOptions = {
  /** How long a call waits for news before it is answered without. */
  readonly holdMs: number;
  readonly nowMs: () => number;
};

/** What a caller no longer waits for need not be answered. */
export type Patience = { readonly signal: AbortSignal };

const waitingFor = 'waiting_for';
const resume = 'resume';
const stage = { stage: 'UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED' };
/** Node fires a timer of more milliseconds at once. */
const maxTimerMs = 2_147_483_647;

/** The calls of Temporal's frontend, whatever they came over: a method of the service and its request as JSON. */
export class Frontend {
  readonly #workflows: Workflows;
  readonly #options: FrontendOptions;

  constructor(workflows: Workflows, options: FrontendOptions) {
    this.#workflows = workflows;
    this.#options = options;
  }

  /** Rejects with {@link TemporalError}. */
  async answer(method: string, message: JsonObject, patience: Patience): Promise<JsonObject> {
    const execution = executionOf(message);
    switch (method) {
      case 'StartWorkflowExecution':
        return this.#workflows.start(message);
      case 'DescribeWorkflowExecution':
        return this.#workflows.describe(execution);
      case 'GetWorkflowExecutionHistory':
        return await this.#history(execution, message, patience);
      case 'RequestCancelWorkflowExecution':
        return this.#workflows.cancel(execution);
      case 'TerminateWorkflowExecution':
        return this.#workflows.terminate(execution, message);
      case 'SignalWorkflowExecution':
        return this.#workflows.signal(execution, message);
      case 'QueryWorkflow':
        return await this.#query(execution, message, patience);
      case 'UpdateWorkflowExecution':
        return await this.#update(execution, message, patience);
      case 'PollWorkflowExecutionUpdate':
        return this.#pollUpdate(message);
      case 'GetSystemInfo':
        return { serverVersion: '1.25.1' };
      default:
        throw new TemporalError(codes.unimplemented, `unknown method ${method}`);
    }
  }

  /** The close event alone is served in full; a call that waits stays with the run that it found. */
  async #history(execution: JsonObject, message: JsonObject, patience: Patience): Promise<JsonObject> {
    const { run } = this.#workflows.find(execution);
    const isHeld = message.waitNewEvent === true || message.waitNewEvent === 'true';
    const untilMs = this.#options.nowMs() + this.#options.holdMs;
    const onlyClose = message.historyEventFilterType === 'HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT';
    for (;;) {
      const close = run.closeAt(this.#options.nowMs());
      if (close !== null) return { history: { events: onlyClose ? [close.event] : [started, close.event] } };
      if (!isHeld) return { history: { events: [started] } };
      const leftMs = untilMs - this.#options.nowMs();
      if (leftMs <= 0 || patience.signal.aborted)
        return { history: { events: [] }, nextPageToken: Buffer.from(run.runId).toString('base64') };
      await this.#wait(Math.min(leftMs, run.dueAtMs - this.#options.nowMs()), patience);
    }
  }

  async #query(execution: JsonObject, { query }: JsonObject, patience: Patience): Promise<JsonObject> {
    const { workflow, run } = this.#workflows.find(execution);
    await this.#needWorker(workflow, patience);
    const name = isJsonObject(query) ? textOf(query.queryType) : '';
    if (name === waitingFor) return { queryResult: payloadsOf(run.question) };
    const message = `Query handler for '${name}' expected but not found, and there is no dynamic handler. known queries: [${waitingFor}]`;
    const failure = { message, source: 'Sandbox' };
    throw new TemporalError(codes.invalidArgument, message, { type: 'QueryFailedFailure', value: { failure } });
  }

  async #update(execution: JsonObject, { request }: JsonObject, patience: Patience): Promise<JsonObject> {
    const { meta, input } = isJsonObject(request) ? request : {};
    const updateId = isJsonObject(meta) ? textOf(meta.updateId) : '';
    const { workflow, run } = this.#workflows.find(execution);
    const updateRef = { workflowExecution: { workflowId: workflow.id, runId: run.runId }, updateId };
    const known = run.updates.get(updateId);
    if (known !== undefined) return { updateRef, outcome: known, ...stage };
    this.#workflows.findLive(execution);
    await this.#needWorker(workflow, patience);
    const outcome = isJsonObject(input) ? this.#hear(run, input) : missing('');
    if (updateId !== '') run.updates.set(updateId, outcome);
    this.#workflows.note();
    return { updateRef, outcome, ...stage };
  }

  #hear(run: Execution, { name, args }: JsonObject): UpdateOutcome {
    if (textOf(name) !== resume) return missing(textOf(name));
    if (run.question === null) return { failure: failureOf(['Update failed', 'the workflow waits for nothing']) };
    const value = firstOf(args, readJson);
    if (isJsonObject(value) && typeof value.refuse === 'string')
      return { failure: failureOf(['Update failed', value.refuse]) };
    run.hear(value, this.#options.nowMs());
    return { success: payloadsOf({ heard: value }) };
  }

  #pollUpdate({ updateRef }: JsonObject): JsonObject {
    const { workflowExecution, updateId } = isJsonObject(updateRef) ? updateRef : {};
    const { run } = this.#workflows.find(isJsonObject(workflowExecution) ? workflowExecution : {});
    const outcome = run.updates.get(textOf(updateId));
    if (outcome === undefined) throw new TemporalError(codes.notFound, `update "${textOf(updateId)}" not found`);
    return { outcome, ...stage };
  }

  /** What needs a worker waits for one until the caller gives up. */
  async #needWorker({ plan }: Workflow, { signal }: Patience): Promise<void> {
    if (isAlive(plan)) return;
    if (!signal.aborted)
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    throw new TemporalError(codes.deadlineExceeded, 'context deadline exceeded');
  }

  #wait(ms: number, { signal }: Patience): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        clearTimeout(timer);
        forget();
        signal.removeEventListener('abort', go);
        resolve();
      };
      const timer = setTimeout(go, Math.min(Math.max(1, Math.ceil(ms)), maxTimerMs));
      const forget = this.#workflows.onChange(go);
      signal.addEventListener('abort', go, { once: true });
    });
  }
}

const started = { eventId: '1', eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED' };

function executionOf({ execution, workflowExecution }: JsonObject): JsonObject {
  const found: Json | undefined = execution ?? workflowExecution;
  return isJsonObject(found) ? found : {};
}

function missing(name: string): UpdateOutcome {
  return {
    failure: failureOf([`Update handler for '${name}' expected but not found, and there is no dynamic handler.`]),
  };
}
