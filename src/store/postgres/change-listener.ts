import type { Client } from 'pg';
import type { Log } from '../../contract/domain/log.ts';
import { makeClient } from './connections.ts';
import { channel } from './statements.ts';

/** Wake-up calls for drivers are told on this channel as `origin id`. */
export const wakeChannel = 'rungate_nudges';

const firstRetryMs = 100;
const lastRetryMs = 5000;
// A connection can die without a word, for instance behind a router that forgot it.
const probeMs = 15_000;

export type Listener = (runId: string | null) => void;

/**
 * Listens for changes that other stores make, on a connection of its own that is opened anew when it breaks. Listeners
 * get null when it breaks and when it is back: what was told in between is lost.
 */
export class ChangeListener {
  readonly #url: string;
  readonly #origin: string;
  readonly #log: Log;
  readonly #listeners = new Set<Listener>();
  readonly #nudged = new Set<(runId: string) => void>();
  #client: Client | null = null;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = firstRetryMs;
  #closed = false;

  /** @param options.origin names this store; what it told itself is not heard. */
  constructor(options: { readonly url: string; readonly origin: string; readonly log: Log }) {
    this.#url = options.url;
    this.#origin = options.origin;
    this.#log = options.log;
  }

  /** Resolves when it listens. Throws node-postgres' errors, and then does not try again. */
  async open(): Promise<void> {
    const client = makeClient(this.#url);
    client.on('notification', ({ channel: from, payload = '' }) => {
      if (from === wakeChannel) this.#receiveNudge(payload);
      else this.#receive(payload);
    });
    // Before the first await: a client without this listener would end the process when its connection breaks.
    client.on('error', (error) => this.#lose(client, error));
    client.on('end', () => this.#lose(client, undefined));
    try {
      await client.connect();
      await client.query(`LISTEN ${channel}; LISTEN ${wakeChannel}`);
    } catch (error) {
      discard(client);
      throw error;
    }
    if (this.#closed) return discard(client);
    this.#client = client;
    this.#retryMs = firstRetryMs;
    this.#scheduleProbe(client);
  }

  subscribe(listener: Listener): () => void {
    // Wrapped, so that one function that subscribes twice is called twice.
    const own: Listener = (runId) => listener(runId);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  onWakeRun(listener: (runId: string) => void): () => void {
    this.#nudged.add(listener);
    return () => this.#nudged.delete(listener);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#client !== null) discard(this.#client);
    this.#client = null;
  }

  #receive(payload: string): void {
    const [origin, ids = ''] = payload.split(' ');
    if (origin === this.#origin) return;
    for (const runId of ids.split(',')) this.#tell(runId);
  }

  #receiveNudge(payload: string): void {
    const [origin, runId = ''] = payload.split(' ');
    if (origin !== this.#origin) for (const listener of this.#nudged) listener(runId);
  }

  #tell(runId: string | null): void {
    for (const listener of this.#listeners) listener(runId);
  }

  #lose(client: Client, error: unknown): void {
    if (this.#client !== client) return;
    this.#client = null;
    discard(client);
    this.#log.warn({ err: error }, 'the connection that listens for changes broke');
    this.#tell(null);
    this.#scheduleRetry();
  }

  #scheduleRetry(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.open().then(
        () => this.#tell(null),
        () => this.#scheduleRetry(),
      );
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs);
  }

  #scheduleProbe(client: Client): void {
    this.#timer = setTimeout(() => {
      client.query('SELECT 1').then(
        () => this.#client === client && this.#scheduleProbe(client),
        (error: unknown) => this.#lose(client, error),
      );
    }, probeMs);
    this.#timer.unref();
  }
}

/** Ends a connection without waiting for it: it may be broken. */
function discard(client: Client): void {
  client.removeAllListeners('notification');
  client.end().catch(() => {});
}
