import { quoteUnknown } from '../../collections/nearest-word.ts';
import type { AgentQuery, Agents } from '../../contract/api/agents.ts';
import type { Agent, AgentDirectory } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';

/** The use cases of agents. */
export class AgentService implements Agents {
  readonly #directory: AgentDirectory;

  constructor(directory: AgentDirectory) {
    this.#directory = directory;
  }

  get(idOrName: string): Agent {
    const agent = this.#directory.find(idOrName);
    if (agent === null) throw agentNotFound(idOrName, this.#directory);
    return agent;
  }

  onChanged(listener: () => void): () => void {
    return this.#directory.onReplaced?.(listener) ?? (() => {});
  }

  search({ name, version, offset, limit }: AgentQuery): readonly Agent[] {
    return this.#directory.all
      .filter((agent) => name === undefined || agent.name === name)
      .filter((agent) => version === undefined || agent.version === version)
      .slice(offset, offset + limit);
  }
}

/** Names what was asked for. To be told only to those who may use all agents. */
export function agentNotFound(idOrName: string, { all }: AgentDirectory): GatewayError {
  const names = all.map(({ name }) => name);
  return new GatewayError('agent_not_found', { detail: quoteUnknown(idOrName, names) });
}
