import type { Pool } from 'pg';
import type { WakeSignals } from '../../contract/store/wake-signals.ts';
import type { ChangeListener } from './change-listener.ts';
import { wakeChannel } from './notifications.ts';
import { withStorageFaults } from './postgres-faults.ts';

/** Wake signals between replicas, as notifications of PostgreSQL. */
export class PostgresWakes implements WakeSignals {
  readonly #pool: Pool;
  readonly #changes: ChangeListener;
  readonly #origin: string;

  /** @param deps.origin names this store, whose own signals are left out. */
  constructor(deps: { readonly pool: Pool; readonly changes: ChangeListener; readonly origin: string }) {
    this.#pool = deps.pool;
    this.#changes = deps.changes;
    this.#origin = deps.origin;
  }

  async wakeRun(runId: string): Promise<void> {
    await withStorageFaults(this.#pool.query('SELECT pg_notify($1, $2)', [wakeChannel, `${this.#origin} ${runId}`]));
  }

  subscribe(listener: (runId: string) => void): () => void {
    return this.#changes.onWake(listener);
  }
}
