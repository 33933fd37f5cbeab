import type { Api } from '../../contract/api/api.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import { describeRunTools } from './run-tools.ts';
import { isRunTool, toolNameOf } from './tool-name.ts';
import { argumentsOf, outputSchemaOf } from './tool-schemas.ts';

/**
 * The agents that a request may call: those of its key, or the one that its path names. An agent that leaves to requests of
 * its vendor's own API what to run cannot be called. Throws `agent_not_found`.
 */
export function agentsOf(api: Api, named: string | undefined): readonly Agent[] {
  if (named !== undefined) return [api.agents.get(named)];
  const all = api.agents.search({ limit: Number.MAX_SAFE_INTEGER, offset: 0 });
  return all.filter(({ native }) => native?.isOpen !== true);
}

export function findTool(agents: readonly Agent[], name: string): Agent | undefined {
  return isRunTool(name) ? undefined : agents.find((agent) => toolNameOf(agent) === name);
}

/** Agents in the order of their names, so that lists of equal agents are equal, and then the tools for their runs. */
export function describeTools(agents: readonly Agent[], isStateless: boolean): readonly JsonObject[] {
  const tools = agents.map((agent) => describeTool(agent, isStateless));
  return [...tools.toSorted((a, b) => (String(a.name) < String(b.name) ? -1 : 1)), ...describeRunTools()];
}

function describeTool(agent: Agent, isStateless: boolean): JsonObject {
  const name = toolNameOf(agent);
  const { title = name === agent.name ? undefined : agent.name } = agent.metadata;
  const outputSchema = outputSchemaOf(agent, isStateless);
  return {
    name,
    ...(typeof title === 'string' ? { title } : {}),
    description: agent.description === '' ? `Runs the agent ${agent.name}.` : agent.description,
    inputSchema: argumentsOf(agent).schema,
    ...(outputSchema === undefined ? {} : { outputSchema }),
  };
}
