import type { NotificationConnection } from './notification-connection.ts';
import { formatChanges } from './notifications.ts';

/** Long enough for the changes of several commits, and short beside what a client notices. */
const gatherMs = 4;

export type AnnouncerOptions = {
  readonly connection: NotificationConnection;
  /** Names this store. */
  readonly origin: string;
  readonly channel: string;
};

/**
 * Publishes ids of runs and threads outside of transactions: those that this store has written, after the commit, since a
 * notification within a transaction holds a lock of the whole server until that is on the disk, and those that clients watch here.
 * What is announced within a few milliseconds goes out together.
 *
 * An announcement may be lost, with the connection or with the process. So it is right only for what others learn all the
 * same, by a sweep. Nothing is announced while no other store listens.
 */
export class Announcer {
  readonly #connection: NotificationConnection;
  readonly #origin: string;
  readonly #channel: string;
  readonly #runs = new Set<string>();
  readonly #threads = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;

  constructor(options: AnnouncerOptions) {
    this.#connection = options.connection;
    this.#origin = options.origin;
    this.#channel = options.channel;
  }

  announceRun(runId: string): void {
    if (this.#connection.isAlone) return;
    this.#runs.add(runId);
    this.#schedule();
  }

  announceThread(threadId: string): void {
    if (this.#connection.isAlone) return;
    this.#threads.add(threadId);
    this.#schedule();
  }

  /** Resolves when what was announced is under way or lost. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#sending;
    await this.#send();
  }

  #schedule(): void {
    if (this.#sending === null) this.#timer ??= setTimeout(() => this.#begin(), gatherMs);
  }

  #begin(): void {
    this.#timer = null;
    this.#sending = this.#send().then(() => {
      this.#sending = null;
      if (this.#runs.size + this.#threads.size > 0) this.#schedule();
    });
  }

  async #send(): Promise<void> {
    if (this.#runs.size + this.#threads.size === 0) return;
    const messages = formatChanges(this.#origin, { runs: [...this.#runs], threads: [...this.#threads] });
    this.#runs.clear();
    this.#threads.clear();
    await this.#connection.send(this.#channel, messages).catch(() => {});
  }
}
