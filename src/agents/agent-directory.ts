import { validate as isUuid } from 'uuid';
import type { Agent, AgentDirectory } from '../contract/domain/agent.ts';
import { boundOutput } from '../mapping/output-bound.ts';
import type { BackendConnections } from './backend-connections.ts';

export type AgentDirectoryOptions = {
  readonly agents: readonly Omit<Agent, 'connectionFor'>[];
  /** Name of the agent of runs that name none. */
  readonly defaultAgent: string | null;
  readonly backends: readonly { readonly name: string; readonly settingsByTenant: object | null }[];
  /** Bound on a mapped output, as JSON. */
  readonly maxOutputBytes: number;
};

/**
 * Joins the agents of the config with the live connections of their backends. Throws `TypeError` for a backend without a
 * connection, which is a mistake of the caller.
 */
export function buildAgents(
  options: AgentDirectoryOptions,
  connections: ReadonlyMap<string, BackendConnections>,
): AgentDirectory {
  const tenantsOf = new Map(
    options.backends.map(({ name, settingsByTenant }) => [name, settingsByTenant && Object.keys(settingsByTenant)]),
  );
  const all = options.agents.map((agent): Agent => {
    const backend = connections.get(agent.backend);
    if (backend === undefined) throw new TypeError(`no connection to the backend ${agent.backend}`);
    const mapping = boundOutput(agent.mapping, options.maxOutputBytes);
    return Object.freeze({
      ...agent,
      connectionFor: (tenant) => backend.for(tenant),
      mapping,
      tenants: tenantsOf.get(agent.backend) ?? undefined,
    });
  });
  const byKey = new Map<string, Agent>();
  for (const agent of all) byKey.set(agent.name, agent).set(agent.agentId, agent);
  const defaultAgent = options.defaultAgent === null ? null : (byKey.get(options.defaultAgent) ?? null);
  return {
    all: Object.freeze(all),
    defaultAgent,
    // UUIDs are compared without regard to case (RFC 9562, section 4). Names are not, and none looks like a UUID.
    find: (idOrName) => byKey.get(isUuid(idOrName) ? idOrName.toLowerCase() : idOrName) ?? null,
  };
}
