import { LRUCache } from 'lru-cache';
import type { Agent, AgentDirectory, AgentPlace } from '../contract/domain/agent.ts';
import type { JsonObject } from '../contract/domain/json.ts';
import type { Run, RunRequest } from '../contract/domain/run.ts';
import { canonicalJson } from '../json/canonical-json.ts';

/** Of one agent: clients of a vendor's own API can name as many targets as they like. */
const maxNativeAgents = 1000;
const nativeAgents = new WeakMap<Agent, LRUCache<string, Agent>>();

/**
 * The agent as it carries out a request: with the vendor's own mapping and the target that the request names, where it came in
 * the words of the vendor's own API.
 */
export function agentFor(agent: Agent, { native }: Pick<RunRequest, 'native'>): Agent {
  if (native === undefined || agent.native === undefined) return agent;
  const known = nativeAgents.get(agent) ?? new LRUCache<string, Agent>({ max: maxNativeAgents });
  nativeAgents.set(agent, known);
  const key = canonicalJson(native.target);
  const found = known.get(key) ?? deriveNative(agent, native.target);
  known.set(key, found);
  return found;
}

function deriveNative(agent: Agent, named: JsonObject): Agent {
  const places: AgentPlace[] | undefined = agent.places === undefined ? undefined : [];
  const derive = (each: Agent): Agent => {
    if (each.native === undefined) return { ...each, places };
    const { mapping, checksInput, checkConfig, targetOf } = each.native;
    const checkInput = checksInput ? each.checkInput : () => null;
    return { ...each, places, mapping, checkInput, checkConfig, target: targetOf(named) };
  };
  for (const place of agent.places ?? []) places?.push({ ...place, agent: derive(place.agent) });
  return derive(agent);
}

/** The agent at one of its backends; null where the config does not have it there. Undefined stands for the first one. */
export function agentAt(agent: Agent, backend: string | undefined): Agent | null {
  const { places } = agent;
  if (places === undefined) return backend === undefined || backend === agent.backend ? agent : null;
  const member = backend === undefined ? places[0] : places.find((each) => each.agent.backend === backend);
  return member?.agent ?? null;
}

type Placed = {
  readonly agentId: string;
  readonly backend?: string | undefined;
  /** Of a run; a session has none. */
  readonly request?: Pick<RunRequest, 'native'> | undefined;
};

/** The agent of a run or a session, at its backend; null where the config no longer has that. */
export function agentOf(agents: AgentDirectory, { agentId, backend, request }: Placed): Agent | null {
  const agent = agents.find(agentId);
  const known = agent === null ? null : agentAt(request === undefined ? agent : agentFor(agent, request), backend);
  if (known !== null) return known;
  const retired = agents.findRetired?.(agentId, backend) ?? null;
  return retired === null || request === undefined ? retired : agentFor(retired, request);
}

/** The agent as the config in force has it, for a run that is driven as `agent`; the same where the config has it no more. */
export function agentNow(agents: AgentDirectory, run: Run, agent: Agent): Agent {
  const backend = run.backend ?? agent.backend;
  const found = agentOf(agents, { agentId: run.agentId, backend, request: run.request });
  if (found !== null) return found;
  // No backend may have it yet, so that it may start at another.
  const isFree = run.phase === 'queued' && run.backend === undefined;
  return (isFree ? agentOf(agents, run) : null) ?? agent;
}
