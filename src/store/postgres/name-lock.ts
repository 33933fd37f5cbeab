import type { PoolClient } from 'pg';

/** Held until the commit: what is counted under a name is right only if nobody else is adding to it. */
export async function lockName(client: PoolClient, name: string): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [`rungate ${name}`]);
}
