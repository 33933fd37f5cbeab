import type { WakeSignals, Watched } from '../../contract/store/wake-signals.ts';
import { Announcer } from './announcer.ts';
import type { NotificationConnection } from './notification-connection.ts';
import { wakeChannel, watchChannel } from './notifications.ts';
import { withStorageFaults } from './postgres-faults.ts';

/** Wake signals between replicas, as notifications of PostgreSQL. */
export class PostgresWakes implements WakeSignals {
  readonly #connection: NotificationConnection;
  readonly #origin: string;
  readonly #announcer: Announcer;

  /** @param deps.origin names this store, whose own signals are left out. */
  constructor(deps: { readonly connection: NotificationConnection; readonly origin: string }) {
    this.#connection = deps.connection;
    this.#origin = deps.origin;
    this.#announcer = new Announcer({ ...deps, channel: watchChannel });
  }

  async wakeRun(runId: string): Promise<void> {
    await withStorageFaults(this.#connection.send(wakeChannel, [`${this.#origin} ${runId}`]));
  }

  subscribe(listener: (runId: string) => void): () => void {
    return this.#connection.onWake(listener);
  }

  announceWatched({ kind, id }: Watched): void {
    if (kind === 'run') this.#announcer.announceRun(id);
    else this.#announcer.announceThread(id);
  }

  onWatched(listener: (watched: Watched) => void): () => void {
    return this.#connection.onWatched(listener);
  }

  /** Resolves when what was announced is under way or lost. */
  async close(): Promise<void> {
    await this.#announcer.close();
  }
}
