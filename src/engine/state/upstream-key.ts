import { shortenCanonical } from '../../compute/fingerprint.ts';
import type { Agent } from '../../contract/domain/agent.ts';

/** What the store finds a vendor's run by. An id means something only to the account that it was given by. */
export function upstreamKeyOf(
  agent: Pick<Agent, 'backend' | 'tenants'>,
  tenant: string,
  upstreamRunId: string,
): string {
  const account = agent.tenants === undefined ? [agent.backend] : [agent.backend, tenant];
  return shortenCanonical(JSON.stringify([...account, upstreamRunId]));
}
