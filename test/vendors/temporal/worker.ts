import { UpstreamFault } from '../../../src/contract/adapter/http.ts';
import type { Json, JsonObject } from '../../../src/contract/domain/json.ts';
import type { ProtobufSchema } from '../../../src/contract/wire/protobuf.ts';
import { temporalSchema } from '../../../src/contract/wire/temporal.ts';
import { isJsonObject } from '../../../src/json/json-object.ts';
import { failureOf, payloadsOf } from '../../../src/sandbox/temporal/plan.ts';
import { type Ask, namespace, type PlanName, plans, taskQueue } from '../../adapters/temporal-contract.ts';

/** What a worker says besides what a client says (temporalio/api, `workflowservice` and `command`). */
export const workerSchema: ProtobufSchema = {
  messages: {
    ...temporalSchema.messages,
    PollWorkflowTaskQueueRequest: { namespace: [1, 'string'], taskQueue: [2, 'TaskQueue'], identity: [3, 'string'] },
    PollWorkflowTaskQueueResponse: {
      taskToken: [1, 'bytes'],
      workflowExecution: [2, 'WorkflowExecution'],
      workflowType: [3, 'WorkflowType'],
    },
    RespondWorkflowTaskCompletedRequest: {
      taskToken: [1, 'bytes'],
      commands: [2, 'Command', 'list'],
      identity: [3, 'string'],
      namespace: [9, 'string'],
    },
    RespondWorkflowTaskCompletedResponse: {},
    Command: {
      commandType: [1, 'int32'],
      completeWorkflowExecution: [4, 'CompleteWorkflowExecution'],
      failWorkflowExecution: [5, 'FailWorkflowExecution'],
      continueAsNew: [11, 'ContinueAsNew'],
    },
    CompleteWorkflowExecution: { result: [1, 'Payloads'] },
    FailWorkflowExecution: { failure: [1, 'Failure'] },
    ContinueAsNew: { workflowType: [1, 'WorkflowType'], taskQueue: [2, 'TaskQueue'], input: [3, 'Payloads'] },
  },
  enums: temporalSchema.enums,
};

/** Numbers of `CommandType`. */
const [complete, fail, continueAsNew] = [4, 5, 10];

/** A worker that does what the types of the probes' workflows say. Resolves once the signal has fired. */
export async function work(ask: Ask, signal: AbortSignal): Promise<void> {
  const goneOn = new Set<string>();
  while (!signal.aborted) {
    const queue = { name: taskQueue, kind: 'TASK_QUEUE_KIND_NORMAL' };
    const task = await ask('PollWorkflowTaskQueue', { namespace, taskQueue: queue, identity: 'worker' }, signal).catch(
      (error: unknown) => {
        if (signal.aborted) return {} as JsonObject;
        throw error;
      },
    );
    const { taskToken, workflowType, workflowExecution } = task;
    if (typeof taskToken !== 'string') continue;
    const type = textOf(workflowType, 'name') as PlanName;
    const commands = commandsOf(type, textOf(workflowExecution, 'workflowId'), goneOn);
    await ask('RespondWorkflowTaskCompleted', { namespace, taskToken, commands, identity: 'worker' }).catch(forgive);
  }
}

/** The run was ended in between. */
function forgive(error: unknown): void {
  if (!(error instanceof UpstreamFault) || error.rpc?.code !== 5) throw error;
}

function commandsOf(type: PlanName, workflowId: string, goneOn: Set<string>): readonly JsonObject[] {
  switch (type) {
    case 'Complete':
      return [{ commandType: complete, completeWorkflowExecution: { result: payloadsOf(plans.Complete.result) } }];
    case 'Fail':
      return [{ commandType: fail, failWorkflowExecution: { failure: failureOf(plans.Fail.failure) } }];
    case 'Again': {
      if (goneOn.has(workflowId)) return [];
      goneOn.add(workflowId);
      const next = { workflowType: { name: type }, taskQueue: { name: taskQueue } };
      return [{ commandType: continueAsNew, continueAsNew: next }];
    }
    case 'Idle':
      return [];
  }
}

function textOf(value: Json | undefined, member: string): string {
  const found = isJsonObject(value) ? value[member] : undefined;
  return typeof found === 'string' ? found : '';
}
