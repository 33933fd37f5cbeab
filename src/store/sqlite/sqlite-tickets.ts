import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { z } from 'zod';
import type { TicketStore } from '../../contract/store/ticket-store.ts';
import type { DeploymentSecrets } from './deployment-secrets.ts';
import { withStorageFaults } from './sqlite-faults.ts';
import type { WriteQueue } from './write-queue.ts';

const ticketRow = z.object({ until_ms: z.number() });

/** Tickets for streams in the SQLite file. */
export class SqliteTickets implements TicketStore {
  readonly #writes: WriteQueue;
  readonly #secrets: DeploymentSecrets;
  readonly #keep: StatementSync;
  readonly #forget: StatementSync;
  readonly #find: StatementSync;

  constructor(database: DatabaseSync, writes: WriteQueue, secrets: DeploymentSecrets) {
    this.#writes = writes;
    this.#secrets = secrets;
    this.#keep = database.prepare(`INSERT INTO opened_tickets (id, until_ms) VALUES (?, ?)
      ON CONFLICT (id) DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)`);
    this.#forget = database.prepare('DELETE FROM opened_tickets WHERE until_ms < ?');
    this.#find = database.prepare('SELECT until_ms FROM opened_tickets WHERE id = ?');
  }

  async secret(): Promise<Buffer> {
    return await this.#secrets.get('tickets');
  }

  async keepOpen(id: string, untilMs: number, nowMs: number): Promise<void> {
    await this.#writes.submit(() => {
      this.#forget.run(nowMs);
      this.#keep.run(id, untilMs);
    });
  }

  async openUntil(id: string): Promise<number | null> {
    return await withStorageFaults(() => {
      const row = this.#find.get(id);
      return row === undefined ? null : ticketRow.parse(row).until_ms;
    });
  }
}
