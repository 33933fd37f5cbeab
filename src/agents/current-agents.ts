import type { Agent, AgentDirectory } from '../contract/domain/agent.ts';

/**
 * The agents of the config that is in force. An agent that a later config does not have, or not at the backend where it was,
 * is kept for the runs that are there, and takes no new ones.
 */
export class CurrentAgents implements AgentDirectory {
  #current: AgentDirectory;
  /** By {@link placeKey}. */
  readonly #retired = new Map<string, Agent>();

  readonly #listeners = new Set<() => void>();

  constructor(first: AgentDirectory) {
    this.#current = first;
  }

  get all(): readonly Agent[] {
    return this.#current.all;
  }

  get defaultAgent(): Agent | null {
    return this.#current.defaultAgent;
  }

  find(idOrName: string): Agent | null {
    return this.#current.find(idOrName);
  }

  findRetired(agentId: string, backend: string | undefined): Agent | null {
    if (backend !== undefined) return this.#retired.get(placeKey(agentId, backend)) ?? null;
    for (const agent of this.#retired.values()) if (agent.agentId === agentId) return agent;
    return null;
  }

  onReplaced(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Puts the agents of another config into force. */
  replace(next: AgentDirectory): void {
    const kept = new Set(next.all.flatMap((agent) => placesOf(agent).map(keyOf)));
    for (const place of this.#current.all.flatMap(placesOf))
      if (!kept.has(keyOf(place))) this.#retired.set(keyOf(place), place);
    for (const key of kept) this.#retired.delete(key);
    this.#current = next;
    for (const listener of this.#listeners) listener();
  }
}

function placesOf(agent: Agent): readonly Agent[] {
  return agent.places?.map((place) => place.agent) ?? [agent];
}

function keyOf({ agentId, backend }: Agent): string {
  return placeKey(agentId, backend);
}

function placeKey(agentId: string, backend: string): string {
  return `${agentId} ${backend}`;
}
