import type { KeyLimits, Principal } from '../contract/domain/principal.ts';

export const noLimits: KeyLimits = { requestsPerSecond: null, liveRuns: null, streams: null };

/** The principal of every request where the config has no `auth`; the admin API is open to the loopback alone then. */
export const anonymous: Principal = {
  tenant: 'default',
  name: null,
  agents: null,
  limits: noLimits,
  role: 'operator',
};

/** The name under which one key's usage is counted; neither tenants nor names contain a line feed. */
export function usageKeyOf({ tenant, name }: Principal): string {
  return `${tenant}\n${name ?? ''}`;
}
