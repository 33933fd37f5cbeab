import { validate as isUuid } from 'uuid';
import type { Connection } from '../contract/adapter/adapter.ts';
import type { Agent, AgentDirectory } from '../contract/domain/agent.ts';
import { boundOutput } from '../mapping/output-bound.ts';
import type { Config } from '../config/config.ts';

/**
 * Joins the config's agents with live connections, by the name of the backend. Throws `TypeError` when a backend has
 * none: that is a mistake of the caller.
 */
export function buildAgents(config: Config, connections: ReadonlyMap<string, Connection>): AgentDirectory {
  const tenantsOf = new Map(
    config.backends.map(({ name, settingsByTenant }) => [name, settingsByTenant && Object.keys(settingsByTenant)]),
  );
  const all = config.agents.map((agent): Agent => {
    const connection = connections.get(agent.backend);
    if (connection === undefined) throw new TypeError(`no connection to the backend ${agent.backend}`);
    const mapping = boundOutput(agent.mapping, config.limits.maxOutputBytes);
    return Object.freeze({ ...agent, connection, mapping, tenants: tenantsOf.get(agent.backend) ?? undefined });
  });
  const byKey = new Map<string, Agent>();
  for (const agent of all) byKey.set(agent.name, agent).set(agent.agentId, agent);
  const defaultAgent = config.defaultAgent === null ? null : (byKey.get(config.defaultAgent) ?? null);
  return {
    all: Object.freeze(all),
    defaultAgent,
    // A UUID is the same one in any case (RFC 9562, section 4); a name is not, and never looks like a UUID.
    find: (idOrName) => byKey.get(isUuid(idOrName) ? idOrName.toLowerCase() : idOrName) ?? null,
  };
}
