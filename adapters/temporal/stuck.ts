import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { reasonOf } from './close-event.ts';

/** Code that fails at its first lines is tried again without end, and Temporal says no more than that the workflow runs. */
const tellingAttempts = 3;
/** A worker that is there takes a task at once; a deployment has none for some seconds. */
const noWorkerMs = 15_000;

/** Why a running workflow does not go on, from its description. Undefined: nothing shows that. */
export function findStuck(description: JsonObject, nowMs: number): string | undefined {
  const { pendingWorkflowTask, pendingActivities } = description;
  return findStuckTask(pendingWorkflowTask, nowMs) ?? findStuckStep(pendingActivities);
}

/** Steps are tried again without end where their code does not say otherwise. */
function findStuckStep(activities: Json | undefined): string | undefined {
  const steps = Array.isArray(activities) ? (activities as readonly Json[]).filter(isJsonObject) : [];
  const step = steps.find(({ attempt }) => typeof attempt === 'number' && attempt >= tellingAttempts);
  if (step === undefined) return undefined;
  const name = isJsonObject(step.activityType) ? step.activityType.name : '';
  const last = isJsonObject(step.lastFailure) ? `, at last with: ${reasonOf(step.lastFailure)}` : '';
  return `its step "${name}" has failed ${Number(step.attempt) - 1} times${last}`;
}

function findStuckTask(task: Json | undefined, nowMs: number): string | undefined {
  if (!isJsonObject(task)) return undefined;
  const attempt = typeof task.attempt === 'number' ? task.attempt : 1;
  if (attempt >= tellingAttempts)
    return `its code has failed ${attempt - 1} times at the same place, and the workers try it again without end`;
  const isWaiting = task.state === 'PENDING_WORKFLOW_TASK_STATE_SCHEDULED';
  const waitedMs = nowMs - timeOf(task.originalScheduledTime ?? task.scheduledTime, nowMs);
  if (!isWaiting || waitedMs < noWorkerMs) return undefined;
  return `no worker of its task queue has taken it up for ${Math.floor(waitedMs / 1000)} seconds`;
}

function timeOf(value: Json | undefined, nowMs: number): number {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? nowMs : ms;
}
