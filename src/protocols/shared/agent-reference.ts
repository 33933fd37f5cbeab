import { z } from 'zod';
import type { Api } from '../../contract/api/api.ts';
import { uuid } from './requests.ts';

export const agentReference = z
  .string()
  .min(1, 'must not be empty')
  .max(256)
  .meta({ description: 'UUID or configured name of an agent.' });

export const agentParams = z.object({ agent_id: agentReference });

/** The UUID of the agent that a search names; null for a name that is not in the config. */
export function findAgentId(api: Api, idOrName: string | undefined): string | null | undefined {
  if (idOrName === undefined) return undefined;
  // Only a UUID can mean an agent that the config no longer has.
  if (uuid.safeParse(idOrName).success) return idOrName.toLowerCase();
  return api.agents.search({ name: idOrName, limit: 1, offset: 0 })[0]?.agentId ?? null;
}
