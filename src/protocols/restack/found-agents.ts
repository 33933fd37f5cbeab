import type { Api } from '../../contract/api/api.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Run } from '../../contract/domain/run.ts';
import { findNativeAgent } from '../shared/native-agent.ts';
import { uuid } from '../shared/requests.ts';
import { type Kind, ownerIdOf } from './encode.ts';

/** The protocol's name, kept as the origin of its runs, and that of the adapter. */
export const restack = 'restack';

type Named = { readonly tenant: string; readonly kind: Kind; readonly name: string };

/** The agent that has this name at Restack, else in the config, at whatever vendor. Throws `agent_not_found`. */
export function findAgent(api: Api, { tenant, kind, name }: Named): Agent {
  try {
    return findNativeAgent(api, { tenant, vendor: restack, place: {}, named: { [kind]: name } }).agent;
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'agent_not_found') return api.agents.get(name);
    throw error;
  }
}

/** The run, if it is one of the agent that the path names. Throws `run_not_found`. */
export async function findRun(
  api: Api,
  named: Named & { readonly runId: string; readonly ownerId?: string | undefined },
  read: 'get' | 'poll',
): Promise<{ readonly run: Run; readonly agent: Agent }> {
  const { data: runId } = uuid.safeParse(named.runId);
  if (runId === undefined) throw new GatewayError('run_not_found');
  const run = await api.runs[read]({ tenant: named.tenant, runId });
  const agent = findAgent(api, named);
  const isOwned = named.ownerId === undefined || named.ownerId === ownerIdOf(run);
  if (agent.agentId !== run.agentId || !isOwned) throw new GatewayError('run_not_found');
  return { run, agent };
}
