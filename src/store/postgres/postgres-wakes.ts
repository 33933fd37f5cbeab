import type { WakeSignals } from '../../contract/store/wake-signals.ts';
import type { NotificationConnection } from './notification-connection.ts';
import { wakeChannel } from './notifications.ts';
import { withStorageFaults } from './postgres-faults.ts';

/** Wake signals between replicas, as notifications of PostgreSQL. */
export class PostgresWakes implements WakeSignals {
  readonly #connection: NotificationConnection;
  readonly #origin: string;

  /** @param deps.origin names this store, whose own signals are left out. */
  constructor(deps: { readonly connection: NotificationConnection; readonly origin: string }) {
    this.#connection = deps.connection;
    this.#origin = deps.origin;
  }

  async wakeRun(runId: string): Promise<void> {
    await withStorageFaults(this.#connection.send(wakeChannel, [`${this.#origin} ${runId}`]));
  }

  subscribe(listener: (runId: string) => void): () => void {
    return this.#connection.onWake(listener);
  }
}
