import type { Api } from '../../contract/api/api.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Run } from '../../contract/domain/run.ts';
import { uuid } from '../shared/requests.ts';
import type { Call } from './call.ts';

/** The run of an id. Throws `run_not_found`, also for one of another agent than the path names. */
export async function findRun(
  { api, request: { tenant }, agentName }: Call,
  id: string,
  read: 'get' | 'poll' = 'get',
): Promise<{ readonly run: Run; readonly agent: Agent | undefined }> {
  const { data: runId } = uuid.safeParse(id);
  if (runId === undefined) throw new GatewayError('run_not_found');
  const run = await api.runs[read]({ tenant, runId });
  if (agentName !== undefined && api.agents.get(agentName).agentId !== run.agentId)
    throw new GatewayError('run_not_found');
  return { run, agent: agentOf(api, run) };
}

/** Undefined where the config no longer has it, or the key may no longer use it. */
export function agentOf(api: Api, { agentId }: Run): Agent | undefined {
  return api.agents.search({ limit: Number.MAX_SAFE_INTEGER, offset: 0 }).find((agent) => agent.agentId === agentId);
}
