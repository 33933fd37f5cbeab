import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import type { GrantedQuota, QuotaRequest, QuotaStore } from '../../contract/store/quota-store.ts';
import { transact } from './connections.ts';
import { withStorageFaults } from './postgres-faults.ts';

const otherRow = z.object({ requests: z.number(), wanted: z.number(), starts: z.number() });
const countRow = z.object({ live: z.number() });

const others = `SELECT requests, wanted, starts FROM budget_shares
  WHERE backend = $1 AND replica <> $2 AND expires_at > clock_timestamp()`;
const liveRuns = `SELECT count(*) AS live FROM runs
  WHERE ended_at_ms IS NULL AND phase <> 'queued'
    AND (agent_id = ANY ($1::text[]) OR agent_id = ANY ($3::text[]) AND position($4 IN state) > 0)
    AND ($2::text[] IS NULL OR tenant = ANY ($2::text[]))`;
const keepShare = `INSERT INTO budget_shares (backend, replica, requests, wanted, starts, expires_at)
  VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 millisecond')
  ON CONFLICT (backend, replica) DO UPDATE SET requests = excluded.requests, wanted = excluded.wanted,
    starts = excluded.starts, expires_at = excluded.expires_at`;
const removeExpired = `DELETE FROM budget_shares WHERE backend = $1 AND expires_at < clock_timestamp() - interval '1 minute'`;
/** What the replica sent in its last second still counts. */
const leave = `UPDATE budget_shares SET wanted = 0, starts = 0,
  expires_at = least(expires_at, clock_timestamp() + interval '1500 milliseconds') WHERE replica = $1`;

/** The quota of an account in one row per replica, changed by one replica at a time. */
export class PostgresQuotas implements QuotaStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async share(request: QuotaRequest): Promise<GrantedQuota> {
    const divided = transact(this.#pool, 'BEGIN', async (client) => {
      // Held until the commit: the sum of all shares is right only while no other replica changes its own.
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`rungate ${keyOf(request)}`]);
      return await this.#divide(client, request);
    });
    return await withStorageFaults(divided);
  }

  async release(replica: string): Promise<void> {
    await withStorageFaults(this.#pool.query(leave, [replica]));
  }

  async #divide(client: PoolClient, request: QuotaRequest): Promise<GrantedQuota> {
    const { replica, leaseMs, requests, runs } = request;
    const key = keyOf(request);
    const rows = (await client.query(others, [key, replica])).rows.map((row) => otherRow.parse(row));
    const sum = (pick: (row: z.infer<typeof otherRow>) => number): number =>
      rows.reduce((total, row) => total + pick(row), 0);
    const left = requests.total - sum((row) => row.requests);
    const had = Math.max(requests.inUse, Math.min(requests.wanted, left));
    const starts = runs.total === null ? 0 : await this.#countStarts(client, runs.total, request, sum);
    await client.query(keepShare, [key, replica, had, requests.wanted, starts, leaseMs]);
    await client.query(removeExpired, [key]);
    return { requests: had, starts, others: rows.map((row) => ({ requests: row.requests, wanted: row.wanted })) };
  }

  /** A run in any phase but `queued` may be live at the vendor, whichever replica owns it, even where that one is dead. */
  async #countStarts(
    client: PoolClient,
    total: number,
    { backend, runs: { agentIds, spreadAgentIds = [], tenants, inUse, wanted } }: QuotaRequest,
    sum: (pick: (row: z.infer<typeof otherRow>) => number) => number,
  ): Promise<number> {
    if (wanted === 0) return inUse;
    // A payload that happens to hold the same member counts too many, which only lets fewer runs start.
    const place = `"backend":${JSON.stringify(backend)}`;
    const [row] = (await client.query(liveRuns, [agentIds, tenants, spreadAgentIds, place])).rows;
    const left = total - countRow.parse(row).live - sum((other) => other.starts);
    return Math.max(inUse, Math.min(inUse + wanted, left));
  }
}

/** The column `backend` of a share: a backend whose tenants share one account is named as it was before accounts were. */
function keyOf({ backend, account }: QuotaRequest): string {
  return account === null ? backend : `${backend} ${account}`;
}
