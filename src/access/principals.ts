import type { KeyLimits, Principal } from '../contract/domain/principal.ts';

export const noLimits: KeyLimits = { requestsPerSecond: null, liveRuns: null, streams: null };

/** Whoever comes, where the config asks nobody. */
export const anyone: Principal = { tenant: 'default', name: null, agents: null, limits: noLimits };

/** How the use of one key is counted; no tenant and no name holds a line feed. */
export function usageKeyOf({ tenant, name }: Principal): string {
  return `${tenant}\n${name ?? ''}`;
}
