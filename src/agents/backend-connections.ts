import type { Connection } from '../contract/adapter/adapter.ts';
import { UpstreamFault } from '../contract/adapter/http.ts';

/** The connections to one backend. */
export interface BackendConnections {
  /** The connection with the credentials that the tenant's calls use. */
  for(tenant: string): Connection;
}

/** One connection for all tenants. */
export function sharedConnection(connection: Connection): BackendConnections {
  return { for: () => connection };
}

/** A connection a tenant. A tenant without credentials gets one whose calls are rejected before anything is sent. */
export function connectionsByTenant(connections: ReadonlyMap<string, Connection>): BackendConnections {
  return { for: (tenant) => connections.get(tenant) ?? refusal };
}

const refusal: Connection = { start: refuse, observe: refuse };

async function refuse(): Promise<never> {
  throw new UpstreamFault({
    consequence: 'rejected',
    kind: 'aborted',
    message: 'the tenant has no credentials for this backend',
  });
}
