import { validate as isUuid } from 'uuid';
import type { Agent, AgentDirectory, AgentPlace, NativeAgent } from '../contract/domain/agent.ts';
import type { JsonObject } from '../contract/domain/json.ts';
import { boundOutput } from '../mapping/output-bound.ts';
import type { BackendConnections } from './backend-connections.ts';

/** What the config alone says of an agent that takes requests of its vendor's own API. */
export type NativeTarget = Omit<NativeAgent, 'serves' | 'holdsStarts'>;

export type AgentDirectoryOptions = {
  /** `backends`: of an agent that has several; `backend` is the first of them. */
  readonly agents: readonly (Omit<Agent, 'connectionFor' | 'places' | 'native'> & {
    readonly native?: NativeTarget | undefined;
    readonly backends?: readonly { readonly name: string; readonly weight: number }[] | undefined;
  })[];
  /** Name of the agent of runs that name none. */
  readonly defaultAgent: string | null;
  readonly backends: readonly {
    readonly name: string;
    readonly settingsByTenant: object | null;
    readonly startRefusal?: 'run' | 'hold' | undefined;
  }[];
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
  const holding = new Set(options.backends.filter(({ startRefusal: how }) => how === 'hold').map(({ name }) => name));
  const all = options.agents.map(({ backends, native, ...entry }): Agent => {
    const mapping = boundOutput(entry.mapping, options.maxOutputBytes);
    const ownMapping =
      native === undefined || native.mapping === entry.mapping
        ? mapping
        : boundOutput(native.mapping, options.maxOutputBytes);
    const places: AgentPlace[] = [];
    const nativeAt = (name: string, backend: BackendConnections) => ({
      holdsStarts: holding.has(name),
      serves: (tenant: string, place: JsonObject) =>
        isPlace(name, place) || backend.for(tenant).native?.serves(place) === true,
    });
    const agentAt = (name: string): Agent => {
      const backend = connections.get(name);
      if (backend === undefined) throw new TypeError(`no connection to the backend ${name}`);
      return Object.freeze({
        ...{ ...entry, mapping, backend: name },
        connectionFor: (tenant: string) => backend.for(tenant),
        tenants: tenantsOf.get(name) ?? undefined,
        places: backends === undefined ? undefined : places,
        ...(native === undefined ? {} : { native: { ...native, mapping: ownMapping, ...nativeAt(name, backend) } }),
      });
    };
    if (backends === undefined) return agentAt(entry.backend);
    for (const { name, weight } of backends) places.push({ agent: agentAt(name), weight });
    return Object.freeze({ ...agentAt(entry.backend), ...joinNative(places), tenants: joinTenants(places) });
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

/** The backend's name stands for its place, and a request that names no place means any. */
function isPlace(name: string, place: JsonObject): boolean {
  const names = Object.values(place);
  return names.length === 0 || names.includes(name);
}

/** A request may name the place of any of the backends, wherever its run starts then. */
function joinNative([first, ...others]: readonly AgentPlace[]): Pick<Agent, 'native'> {
  const native = first?.agent.native;
  if (native === undefined) return {};
  const serves: NativeAgent['serves'] = (tenant, place) =>
    native.serves(tenant, place) || others.some(({ agent }) => agent.native?.serves(tenant, place) === true);
  return { native: { ...native, serves } };
}

/** Those that have credentials at one of the backends; undefined: all. */
function joinTenants(places: readonly AgentPlace[]): readonly string[] | undefined {
  const each = places.map(({ agent }) => agent.tenants);
  return each.includes(undefined) ? undefined : [...new Set(each.flatMap((tenants) => tenants ?? []))];
}
