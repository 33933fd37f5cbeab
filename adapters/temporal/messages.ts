import { type CallRule, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { actOnce, observeRun } from '../call-rules.ts';
import { readClose, reasonOf } from './close-event.ts';
import { idOf } from './executions.ts';
import { type Frontend, refuse } from './frontend.ts';
import { decodePayloads, encodePayloads, type PayloadCodec } from './payloads.ts';

/** `id` is the same each time that the message is sent: one run of a workflow hears it once. */
export type Message = { readonly name: string; readonly input: readonly Json[]; readonly id: string };

const completed = 'UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED';
/** Runs in which a workflow may have gone on since it was started. */
const maxRuns = 50;

/**
 * Sends updates and signals. The frontend knows the id of a message again within one run of a workflow. So a message goes to
 * the run that the start made and, where that one has gone on in another, to the next: a message that was sent before is
 * found where it was heard.
 */
export class Messages {
  readonly #frontend: Frontend;
  readonly #codec: PayloadCodec;

  constructor(frontend: Frontend, codec: PayloadCodec) {
    this.#frontend = frontend;
    this.#codec = codec;
  }

  /** Gives what the workflow answers. A refusal of the workflow is `rejected`, in its own words. */
  async update(ref: UpstreamRef, message: Message, purpose: string): Promise<Json> {
    const args = await encodePayloads(message.input, this.#codec);
    return await this.#walk(ref, async (execution) => {
      try {
        return await this.#outcomeOf(
          await this.#frontend.call({
            ...actOnce,
            purpose,
            method: 'UpdateWorkflowExecution',
            message: {
              namespace: this.#frontend.namespace,
              workflowExecution: execution,
              waitPolicy: { lifecycleStage: completed },
              request: {
                meta: { updateId: message.id, identity: 'rungate' },
                input: { name: message.name, ...(args === null ? {} : { args }) },
              },
            },
          }),
        );
      } catch (error) {
        if (!isGone(error)) throw error;
        // The run is over; it may have heard the message before.
        return await this.#heardBefore(execution, message.id);
      }
    });
  }

  /** A signal is taken by a workflow that is not over, whether or not its code handles it. */
  async signal(ref: UpstreamRef, message: Message, purpose: string): Promise<void> {
    const input = await encodePayloads(message.input, this.#codec);
    await this.#walk(ref, async (execution) => {
      try {
        await this.#frontend.call({
          ...actOnce,
          purpose,
          method: 'SignalWorkflowExecution',
          message: {
            namespace: this.#frontend.namespace,
            workflowExecution: execution,
            signalName: message.name,
            identity: 'rungate',
            requestId: message.id,
            ...(input === null ? {} : { input }),
          },
        });
        return null;
      } catch (error) {
        if (isGone(error)) return undefined;
        throw error;
      }
    });
  }

  /** Tries one run of the workflow after the other. `undefined` of an attempt: that one is over. */
  async #walk(ref: UpstreamRef, attempt: (execution: JsonObject) => Promise<Json | undefined>): Promise<Json> {
    const workflowId = idOf(ref);
    // A reference that was computed has no run: then the newest one is meant.
    let execution: JsonObject = ref.runId === workflowId ? { workflowId } : { workflowId, runId: ref.runId };
    for (let runs = 0; runs < maxRuns; runs += 1) {
      const answer = await attempt(execution);
      if (answer !== undefined) return answer;
      const next = await this.#nextOf(execution);
      if (next === null) throw over();
      execution = { workflowId, runId: next };
    }
    throw refuse(`the workflow has gone on in more than ${maxRuns} runs since it was started`);
  }

  async #nextOf(execution: JsonObject): Promise<string | null> {
    const answer = await this.#frontend.call({
      ...askBefore,
      purpose: 'observe',
      method: 'GetWorkflowExecutionHistory',
      message: {
        namespace: this.#frontend.namespace,
        execution,
        historyEventFilterType: 'HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT',
      },
    });
    return (await readClose(answer, this.#codec))?.nextRunId ?? null;
  }

  /** Undefined: the run has not heard the message, or the wire cannot ask. */
  async #heardBefore(workflowExecution: JsonObject, updateId: string): Promise<Json | undefined> {
    if (!this.#frontend.has('PollWorkflowExecutionUpdate')) return undefined;
    try {
      return await this.#outcomeOf(
        await this.#frontend.call({
          ...askBefore,
          purpose: 'observe',
          method: 'PollWorkflowExecutionUpdate',
          message: {
            namespace: this.#frontend.namespace,
            updateRef: { workflowExecution, updateId },
            identity: 'rungate',
            waitPolicy: { lifecycleStage: completed },
          },
        }),
      );
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  async #outcomeOf({ outcome }: JsonObject): Promise<Json> {
    if (!isJsonObject(outcome)) throw notYet();
    if (isJsonObject(outcome.failure)) throw refuse(String(this.#frontend.redact(reasonOf(outcome.failure))));
    return this.#frontend.redact(await decodePayloads(outcome.success, this.#codec));
  }
}

/** A question whose refusal leaves it open whether the message was heard. */
const askBefore = { ...observeRun, faults: { refused: 'unknown', notFound: 'gone' } } as const satisfies CallRule;

/** "Not found", and no route: what a message is for is over, or was never there. */
function isGone(error: unknown): error is UpstreamFault {
  return error instanceof UpstreamFault && (error.rpc?.code === 5 || error.httpStatus === 404);
}

function over(): UpstreamFault {
  const message = 'the workflow is over, and takes no message any more';
  return new UpstreamFault({ consequence: 'gone', kind: 'http-status', message });
}

/** The frontend gives up a wait for the answer after some seconds; the workflow has the message, and is asked again. */
function notYet(): UpstreamFault {
  const message = 'the workflow has not answered the message in time';
  return new UpstreamFault({ consequence: 'unknown', kind: 'timeout', message });
}
