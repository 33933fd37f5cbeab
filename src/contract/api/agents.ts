import type { Agent } from '../domain/agent.ts';

export type AgentQuery = {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly limit: number;
  readonly offset: number;
};

/** The use cases of agents. Agents are the config's, so nothing here waits. */
export interface Agents {
  /** Throws `GatewayError` `agent_not_found`. */
  get(idOrName: string): Agent;
  /** Calls `listener` whenever a reload has put agents into force, until the result is called. */
  onChanged(listener: () => void): () => void;
  search(query: AgentQuery): readonly Agent[];
}
