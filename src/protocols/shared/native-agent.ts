import type { Api } from '../../contract/api/api.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import { boundText, maxWordLength } from '../../json/bound-text.ts';

export type NativeQuery = {
  readonly tenant: string;
  /** The name of the adapter. */
  readonly vendor: string;
  /** The place at the vendor, such as `{ workspaceId }`. */
  readonly place: JsonObject;
  /** What the request names of a target. */
  readonly named: JsonObject;
};

export type FoundAgent = { readonly agent: Agent; readonly target: JsonObject };

/**
 * The agent that runs what a request of a vendor's own API names, with the part of its target that the request adds: the
 * agent of which the config says just that, else one that leaves it to the request. Throws `agent_not_found`.
 */
export function findNativeAgent(api: Api, { tenant, vendor, place, named }: NativeQuery): FoundAgent {
  let open: FoundAgent | null = null;
  for (const agent of api.agents.search({ limit: Number.MAX_SAFE_INTEGER, offset: 0 })) {
    const { native } = agent;
    if (native === undefined || native.vendor !== vendor || (open !== null && native.isOpen)) continue;
    const target = native.nameTarget(named);
    if (target === null || !native.serves(tenant, place)) continue;
    if (!native.isOpen) return { agent, target };
    open = { agent, target };
  }
  if (open === null) throw new GatewayError('agent_not_found', { detail: quoteTarget(named) });
  return open;
}

/** Such as `project "shop", api "scrape"`; a text of the request is cut. */
function quoteTarget(named: JsonObject): string {
  return Object.entries(named)
    .map(([name, value]) => `${name} ${JSON.stringify(boundText(String(value), maxWordLength))}`)
    .join(', ');
}
