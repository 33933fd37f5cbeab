import { quoteUnknown } from '../collections/nearest-word.ts';
import type { AgentQuery, Agents } from '../contract/api/agents.ts';
import type { Agent } from '../contract/domain/agent.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { AgentScope } from './agent-scope.ts';

/** Agents as one principal may use them. Other agents do not exist for it. */
export class AuthorizedAgents implements Agents {
  readonly #agents: Agents;
  readonly #scope: AgentScope;

  constructor(agents: Agents, scope: AgentScope) {
    this.#agents = agents;
    this.#scope = scope;
  }

  get(idOrName: string): Agent {
    const { usable } = this.#scope;
    if (usable === null) return this.#agents.get(idOrName);
    const agent = this.#find(idOrName);
    // One answer for agents that are hidden and for those that do not exist, which names none of the others.
    if (agent === null || !this.#scope.mayUse(agent))
      throw new GatewayError('agent_not_found', { detail: quoteUnknown(idOrName, usable) });
    return agent;
  }

  onChanged(listener: () => void): () => void {
    return this.#agents.onChanged(listener);
  }

  search(query: AgentQuery): readonly Agent[] {
    if (this.#scope.usable === null) return this.#agents.search(query);
    const { offset, limit } = query;
    const found = this.#agents.search({ ...query, offset: 0, limit: Number.MAX_SAFE_INTEGER });
    return found.filter((agent) => this.#scope.mayUse(agent)).slice(offset, offset + limit);
  }

  #find(idOrName: string): Agent | null {
    try {
      return this.#agents.get(idOrName);
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'agent_not_found') return null;
      throw error;
    }
  }
}
