import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { readJson } from '../../json/exact-number.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { Execution } from './execution.ts';
import { firstOf, isAlive, type Plan, readPlan } from './plan.ts';
import { codes, TemporalError } from './temporal-error.ts';

/** A workflow, which may go on in several runs. */
export type Workflow = {
  readonly id: string;
  readonly start: JsonObject;
  readonly plan: Plan;
  readonly executions: [Execution, ...Execution[]];
};

export type WorkflowsDeps = {
  readonly nowMs: () => number;
  readonly makeRunId: () => string;
  /** Called for each workflow that is really started. */
  readonly onStart: (plan: Plan, runId: string) => void;
};

/** The workflows of a frontend. Every call throws {@link TemporalError} for what the real one refuses. */
export class Workflows {
  readonly #deps: WorkflowsDeps;
  /** The newest under each id. */
  readonly #workflows = new Map<string, Workflow>();
  readonly #waiting = new Set<() => void>();

  constructor(deps: WorkflowsDeps) {
    this.#deps = deps;
  }

  /** Calls back once something may have changed other than by the time. Returns a function that ends that. */
  onChange(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  note(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /**
   * Starts with the same request id give the same run, whatever became of it. Others are judged by the policies: for an id
   * that runs by the conflict policy, for one that has ended by the reuse policy.
   */
  start(message: JsonObject): JsonObject {
    const id = textOf(message.workflowId);
    if (id === '') throw new TemporalError(codes.invalidArgument, 'WorkflowId is not set on request.');
    if (nameOf(message.workflowType) === '')
      throw new TemporalError(codes.invalidArgument, 'WorkflowType is not set on request.');
    if (nameOf(message.taskQueue) === '') throw new TemporalError(codes.invalidArgument, 'Missing task queue name.');
    const known = this.#workflows.get(id);
    if (known === undefined) return this.#begin(id, message);
    const [first] = known.executions;
    const newest = this.newestOf(known);
    // What continued as new remembers no request of its start.
    const isSame = known.start.requestId === message.requestId && known.executions.length === 1;
    if (isSame) return { runId: first.runId, started: true };
    const isRunning = newest.closeAt(this.#deps.nowMs()) === null;
    const conflict = message.workflowIdConflictPolicy;
    const reuse = message.workflowIdReusePolicy;
    if (isRunning && conflict === 'WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING') return { runId: newest.runId };
    if (isRunning && conflict === 'WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING') {
      newest.terminate('TerminateIfRunning Policy', 'history-service');
      return this.#begin(id, message);
    }
    const isRejected = reuse === 'WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE';
    const isGood = newest.closeAt(this.#deps.nowMs())?.word === 'COMPLETED';
    const failedOnly = reuse === 'WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY' && isGood;
    if (!isRunning && !isRejected && !failedOnly) return this.#begin(id, message);
    throw new TemporalError(
      codes.alreadyExists,
      `Workflow execution ${isRunning ? 'is already running' : 'already finished'}. WorkflowId: ${id}, RunId: ${newest.runId}.`,
      {
        type: 'WorkflowExecutionAlreadyStartedFailure',
        value: {
          startRequestId: known.executions.length === 1 ? (known.start.requestId ?? '') : '',
          runId: newest.runId,
        },
      },
    );
  }

  #begin(id: string, message: JsonObject): JsonObject {
    const plan = readPlan(firstOf(message.input, readJson));
    const execution = this.#createExecution(plan, this.#deps.makeRunId(), 1, this.#deps.nowMs());
    this.#workflows.set(id, { id, start: message, plan, executions: [execution] });
    this.#deps.onStart(plan, execution.runId);
    this.note();
    return { runId: execution.runId, started: true };
  }

  #createExecution(plan: Plan, runId: string, count: number, startedAtMs: number): Execution {
    const { makeRunId } = this.#deps;
    return new Execution({ runId, plan, startedAtMs, isLast: count >= plan.runs, makeRunId });
  }

  find(execution: JsonObject): { readonly workflow: Workflow; readonly run: Execution } {
    const id = textOf(execution.workflowId);
    const workflow = this.#workflows.get(id);
    if (workflow === undefined) throw new TemporalError(codes.notFound, `workflow not found for ID: ${id}`);
    const runId = textOf(execution.runId);
    const newest = this.newestOf(workflow);
    const run = runId === '' ? newest : workflow.executions.find((each) => each.runId === runId);
    if (run === undefined)
      throw new TemporalError(
        codes.notFound,
        `workflow execution not found for workflow ID "${id}" and run ID "${runId}"`,
      );
    return { workflow, run };
  }

  /** The newest run, after those have begun that are due. */
  newestOf({ executions, plan }: Workflow): Execution {
    for (;;) {
      const newest = executions.at(-1) ?? executions[0];
      newest.closeAt(this.#deps.nowMs());
      if (newest.nextRunId === null) return newest;
      const startedAtMs = Math.min(newest.dueAtMs, this.#deps.nowMs());
      executions.push(this.#createExecution(plan, newest.nextRunId, executions.length + 1, startedAtMs));
    }
  }

  /** One that runs: what is over takes no message. */
  findLive(execution: JsonObject): { readonly workflow: Workflow; readonly run: Execution } {
    const found = this.find(execution);
    if (found.run.closeAt(this.#deps.nowMs()) !== null)
      throw new TemporalError(codes.notFound, 'workflow execution already completed');
    return found;
  }

  describe(execution: JsonObject): JsonObject {
    const { workflow, run } = this.find(execution);
    const { id, start, plan } = workflow;
    const word = run.closeAt(this.#deps.nowMs())?.word ?? 'RUNNING';
    const startTime = new Date(run.startedAtMs).toISOString();
    const isPending = word === 'RUNNING' && !isAlive(plan);
    return {
      workflowExecutionInfo: {
        execution: { workflowId: id, runId: run.runId },
        type: start.workflowType ?? {},
        startTime,
        status: `WORKFLOW_EXECUTION_STATUS_${word}`,
        taskQueue: nameOf(start.taskQueue),
        ...(start.memo === undefined ? {} : { memo: start.memo }),
        ...(start.searchAttributes === undefined ? {} : { searchAttributes: start.searchAttributes }),
      },
      ...(isPending
        ? {
            pendingWorkflowTask: {
              state: 'PENDING_WORKFLOW_TASK_STATE_SCHEDULED',
              scheduledTime: startTime,
              originalScheduledTime: startTime,
              attempt: plan.failedTasks + 1,
            },
          }
        : {}),
    };
  }

  cancel(execution: JsonObject): JsonObject {
    this.findLive(execution).run.requestCancel();
    this.note();
    return {};
  }

  terminate(execution: JsonObject, { reason, identity }: JsonObject): JsonObject {
    this.findLive(execution).run.terminate(textOf(reason), textOf(identity));
    this.note();
    return {};
  }

  signal(execution: JsonObject, { input, requestId }: JsonObject): JsonObject {
    this.findLive(execution).run.hear(firstOf(input, readJson), this.#deps.nowMs(), textOf(requestId));
    this.note();
    return {};
  }

  /** Forgets every workflow, as their retention does in the end. */
  clear(): void {
    this.#workflows.clear();
    this.note();
  }

  get size(): number {
    return this.#workflows.size;
  }
}

export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function nameOf(value: Json | undefined): string {
  return isJsonObject(value) ? textOf(value.name) : '';
}
