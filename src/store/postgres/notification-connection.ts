import type { Client, QueryConfig } from 'pg';
import type { Log } from '../../contract/domain/log.ts';
import { StorageFault, type StoreChange } from '../../contract/store/store.ts';
import type { Watched } from '../../contract/store/wake-signals.ts';
import { connectClient } from './connections.ts';
import {
  changeChannel,
  operationsChannel,
  parseChanges,
  parseWake,
  wakeChannel,
  watchChannel,
} from './notifications.ts';
import type { Primary } from './primary.ts';

const firstRetryMs = 100;
const maxRetryMs = 5000;
// A connection can die silently, for instance behind a router that forgot it.
const probeMs = 15_000;

/** A notification that is lost with the server is read by the next sweep, so it waits for no disk and no standby. */
const begin = `SET synchronous_commit = off; LISTEN ${changeChannel}; LISTEN ${wakeChannel};
  LISTEN ${operationsChannel}; LISTEN ${watchChannel}`;
/**
 * Connections as this one, of other stores. Where the server does not tell what a connection is for, because it is another user's, it
 * counts.
 */
const countOthers = `SELECT count(*)::int AS others FROM pg_stat_activity WHERE datname = current_database()
  AND pid <> pg_backend_pid() AND (application_name = $1 OR application_name IS NULL)`;
const applicationName = 'rungate notifications';
const send = 'SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payloads (payload)';

type ChangeCallback = (change: StoreChange) => void;
type WakeCallback = (runId: string) => void;
type WatchedCallback = (watched: Watched) => void;

/**
 * Sends notifications and listens for those of other stores, on a connection of its own that is opened anew when it breaks.
 * Listeners get `missed` when it breaks and when it is back: what was published in between is lost.
 */
export class NotificationConnection {
  readonly #primary: Primary;
  readonly #origin: string;
  readonly #log: Log;
  readonly #onChange = new Set<ChangeCallback>();
  readonly #onWake = new Set<WakeCallback>();
  readonly #onWatched = new Set<WatchedCallback>();
  readonly #onOperation = new Set<() => void>();
  #client: Client | null = null;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = firstRetryMs;
  #closed = false;
  #isAlone = false;
  /** Messages of other stores. */
  #heard = 0;
  /** A connection carries out one query at a time. */
  #asked: Promise<unknown> = Promise.resolve();

  /** @param options.origin names this store, whose own messages are left out. */
  constructor(options: { readonly primary: Primary; readonly origin: string; readonly log: Log }) {
    this.#primary = options.primary;
    this.#origin = options.origin;
    this.#log = options.log;
  }

  /** Resolves when it listens. Throws node-postgres' errors and `StorageFault`, and then does not try again. */
  async open(): Promise<void> {
    const client = await connectClient(this.#primary, { application_name: applicationName }, (each) => {
      each.on('notification', ({ channel, payload = '' }) => this.#receive(channel, payload));
      each.on('error', (error) => this.#lose(each, error));
      each.on('end', () => this.#lose(each, undefined));
    });
    try {
      await client.query(begin);
      // Others learn of this store, and this one of others, while each of them listens already.
      await client.query(hello(this.#origin));
      await this.#lookAround(client);
    } catch (error) {
      discard(client);
      throw error;
    }
    if (this.#closed) return discard(client);
    this.#client = client;
    this.#retryMs = firstRetryMs;
    this.#scheduleProbe(client);
  }

  /** No other store listens, as far as is known: a new one says so at once, and one of an older version is seen with the next probe. */
  get isAlone(): boolean {
    return this.#isAlone;
  }

  async #lookAround(client: Client): Promise<void> {
    const heard = this.#heard;
    const { rows } = await client.query<{ others: number }>(countOthers, [applicationName]);
    this.#isAlone = rows[0]?.others === 0 && this.#heard === heard;
  }

  /** Resolves when the messages are under way. Rejects with `StorageFault` or node-postgres' errors. */
  async send(channel: string, payloads: readonly string[]): Promise<void> {
    const query = { name: 'notify', text: send, values: [channel, payloads] };
    await this.#ask((client) => client.query(query));
  }

  #ask(query: (client: Client) => Promise<unknown>): Promise<unknown> {
    const ask = async (): Promise<unknown> => {
      if (this.#client === null) throw new StorageFault('PostgreSQL: the connection for notifications is interrupted');
      return await query(this.#client);
    };
    const asked = this.#asked.then(ask, ask);
    this.#asked = asked.catch(() => {});
    return asked;
  }

  onChange(callback: ChangeCallback): () => void {
    return subscribe(this.#onChange, callback);
  }

  onWake(callback: WakeCallback): () => void {
    return subscribe(this.#onWake, callback);
  }

  onWatched(callback: WatchedCallback): () => void {
    return subscribe(this.#onWatched, callback);
  }

  onOperation(callback: () => void): () => void {
    return subscribe(this.#onOperation, callback);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#client !== null) discard(this.#client);
    this.#client = null;
  }

  #receive(channel: string, payload: string): void {
    if (payload === this.#origin || payload.startsWith(`${this.#origin} `)) return;
    this.#heard += 1;
    this.#isAlone = false;
    if (channel === operationsChannel) this.#publishOperation();
    else if (channel === wakeChannel) {
      const runId = parseWake(payload, this.#origin);
      if (runId !== null) for (const callback of this.#onWake) callback(runId);
    } else if (channel === watchChannel) {
      for (const watched of parseChanges(payload, this.#origin))
        for (const callback of this.#onWatched) callback(watched);
    } else for (const change of parseChanges(payload, this.#origin)) this.#publish(change);
  }

  #publish(change: StoreChange): void {
    for (const callback of this.#onChange) callback(change);
    if (change.kind === 'missed') this.#publishOperation();
  }

  #publishOperation(): void {
    for (const callback of this.#onOperation) callback();
  }

  #lose(client: Client, error: unknown): void {
    if (this.#client !== client) return;
    this.#client = null;
    this.#isAlone = false;
    discard(client);
    this.#log.warn({ err: error }, 'change notifications interrupted; reconnecting');
    this.#publish({ kind: 'missed' });
    this.#scheduleRetry();
  }

  #scheduleRetry(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.open().then(
        () => this.#publish({ kind: 'missed' }),
        () => this.#scheduleRetry(),
      );
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, maxRetryMs);
  }

  #scheduleProbe(client: Client): void {
    this.#timer = setTimeout(() => {
      this.#ask((asked) => this.#lookAround(asked)).then(
        () => this.#client === client && this.#scheduleProbe(client),
        (error: unknown) => this.#lose(client, error),
      );
    }, probeMs);
    this.#timer.unref();
  }
}

function subscribe<Arguments extends readonly unknown[]>(
  callbacks: Set<(...given: Arguments) => void>,
  callback: (...given: Arguments) => void,
) {
  // Wrapped, so that one function that subscribes twice is called twice.
  const own = (...given: Arguments): void => callback(...given);
  callbacks.add(own);
  return () => void callbacks.delete(own);
}

/** A message that every version understands: something of this store may have changed. */
function hello(origin: string): QueryConfig {
  return { text: 'SELECT pg_notify($1, $2)', values: [operationsChannel, origin] };
}

/** Ends a connection without waiting for it: it may be broken. */
function discard(client: Client): void {
  client.removeAllListeners('notification');
  client.end().catch(() => {});
}
