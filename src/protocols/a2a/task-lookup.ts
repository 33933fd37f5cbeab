import type { Api } from '../../contract/api/api.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Run, RunSummary } from '../../contract/domain/run.ts';
import { uuid } from '../shared/requests.ts';
import { A2aRefusal } from './errors.ts';

/** Whose tasks a request is about. */
export type TaskScope = { readonly api: Api; readonly agent: Agent; readonly tenant: string };

/** The run of the agent that a task id names. Throws `TASK_NOT_FOUND`, and `run_not_found`, which is said alike. */
export async function findTask(
  { api, agent, tenant }: TaskScope,
  taskId: string,
  read: 'get' | 'poll' = 'get',
): Promise<Run> {
  const { data: runId } = uuid.safeParse(taskId);
  if (runId === undefined) throw new A2aRefusal('TASK_NOT_FOUND');
  const run = await api.runs[read]({ tenant, runId });
  if (run.agentId !== agent.agentId) throw new A2aRefusal('TASK_NOT_FOUND');
  return run;
}

/** A thread under the client's own name. A run without a thread is a context of its own. */
export function contextIdOf({ request: { threadName }, threadId, runId }: RunSummary): string {
  return threadName ?? threadId ?? runId;
}
