import type { Agent, AgentDirectory } from '../contract/domain/agent.ts';

/** The agent at one of its backends; null where the config does not have it there. Undefined stands for the first one. */
export function agentAt(agent: Agent, backend: string | undefined): Agent | null {
  const { places } = agent;
  if (places === undefined) return backend === undefined || backend === agent.backend ? agent : null;
  const member = backend === undefined ? places[0] : places.find((each) => each.agent.backend === backend);
  return member?.agent ?? null;
}

/** The agent of a run or a session, at its backend; null where the config no longer has that. */
export function agentOf(
  agents: AgentDirectory,
  { agentId, backend }: { readonly agentId: string; readonly backend?: string | undefined },
): Agent | null {
  const agent = agents.find(agentId);
  return agent === null ? null : agentAt(agent, backend);
}
