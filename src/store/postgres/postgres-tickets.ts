import type { Pool } from 'pg';
import { z } from 'zod';
import type { TicketStore } from '../../contract/store/ticket-store.ts';
import { findSecret } from './deployment-secrets.ts';
import { withStorageFaults } from './postgres-faults.ts';

const ticketRow = z.object({ until_ms: z.coerce.number() });

const forget = 'DELETE FROM opened_tickets WHERE until_ms < $1';
const keep = `INSERT INTO opened_tickets AS known (id, until_ms) VALUES ($1, $2)
  ON CONFLICT (id) DO UPDATE SET until_ms = greatest(known.until_ms, excluded.until_ms)`;
const find = 'SELECT until_ms FROM opened_tickets WHERE id = $1';

/** Tickets for streams, as all replicas have them. */
export class PostgresTickets implements TicketStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async secret(): Promise<Buffer> {
    return await findSecret(this.#pool, 'tickets');
  }

  async keepOpen(id: string, untilMs: number, nowMs: number): Promise<void> {
    await withStorageFaults(this.#pool.query(forget, [nowMs]));
    await withStorageFaults(this.#pool.query(keep, [id, untilMs]));
  }

  async openUntil(id: string): Promise<number | null> {
    const { rows } = await withStorageFaults(this.#pool.query(find, [id]));
    return rows[0] === undefined ? null : ticketRow.parse(rows[0]).until_ms;
  }
}
