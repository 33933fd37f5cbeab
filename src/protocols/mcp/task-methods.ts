import { GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { findRun } from './agent-of-run.ts';
import { applyAnswers, isLate, readResponses } from './answers.ts';
import type { Call } from './call.ts';
import { openQuestionsOf } from './questions.ts';
import { invalidParams, tasksRequired } from './rpc-error.ts';
import { encodeDetailedTask, taskKey } from './tasks.ts';
import { textMember } from './wire.ts';

/** `tasks/get`. */
export async function getTask(call: Call): Promise<JsonObject> {
  const { run, agent } = await findTask(call, 'poll');
  return await encodeDetailedTask(run, { agent, canElicit: call.client.canElicit, retentionMs: call.retentionMs });
}

/** `tasks/update`: answers to what a task asks. Those to other questions are dropped, whether they are older or unknown. */
export async function updateTask(call: Call): Promise<JsonObject> {
  const { run, agent } = await findTask(call, 'get');
  const responses = readResponses(call.params);
  if (responses === undefined) throw invalidParams('params/inputResponses is required');
  const questions = openQuestionsOf(agent, run) ?? [];
  try {
    await applyAnswers(call, { run, questions }, responses, ({ key }) => taskKey(key, run.lastSeq));
  } catch (error) {
    // Another client was faster.
    if (!isLate(error)) throw error;
  }
  return {};
}

/** `tasks/cancel`. A task that is over stays as it is. */
export async function cancelTask(call: Call): Promise<JsonObject> {
  const { run } = await findTask(call, 'get');
  await call.api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
  return {};
}

/** Every run is a task, in whatever protocol it was made. */
async function findTask(call: Call, read: 'get' | 'poll') {
  if (!call.client.takesTasks) throw tasksRequired();
  try {
    return await findRun(call, textMember(call.params, 'taskId'), read);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'run_not_found') throw invalidParams('there is no such task');
    throw error;
  }
}
