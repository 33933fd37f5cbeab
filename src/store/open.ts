import type { Log } from '../contract/domain/log.ts';
import type { OpenOutbox } from '../contract/domain/webhook.ts';
import type { Fence } from '../contract/store/fence.ts';
import { StorageFault, type Store } from '../contract/store/store.ts';
import {
  backUpSqlite,
  openSqliteFence,
  openSqliteOutbox,
  openSqliteStore,
  openSqliteStoreToRead,
} from './sqlite/open-sqlite-store.ts';
import type { BackupCounts } from './sqlite/sqlite-backup.ts';

export type StoreOptions = {
  readonly log: Log;
  /**
   * Of PostgreSQL: the server itself, where the store's URL is that of a pooler which shares sessions by transactions. Nothing is
   * kept in the sessions of the store then, and notifications have one of their own.
   */
  readonly notifyUrl?: string | undefined;
  /** Called with how long each commit took. */
  readonly onCommitted?: ((seconds: number) => void) | undefined;
};

/**
 * Opens the store that a URL names, and brings its schema up to date.
 *
 * - `sqlite:./data/rungate.db`, with `?synchronous=normal` (a power cut may cost the last commits) and
 *   `?busyTimeoutMs=2000` (how long a write waits for another program's lock), `?spacingMs=2` (how long transactions of several
 *   writes stay apart); `sqlite::memory:` for tests.
 * - `postgres://user:password@host/database`, with the options of libpq that node-postgres knows, and several hosts
 *   (`host:5432,other:5432`) of which the one that takes writes is used.
 *
 * @throws StorageFault when it cannot be opened: in use, unreachable, newer than the program, not a known URL.
 */
export async function openStore(url: string, options: StoreOptions): Promise<Store> {
  if (url.startsWith('sqlite:')) return openSqliteStore(url, options);
  if (/^postgres(ql)?:\/\//.test(url)) {
    // Loaded with the store that needs it: node-postgres and its statements are not for those that serve from a file.
    const { openPostgresStore } = await import('./postgres/open-postgres-store.ts');
    return await openPostgresStore(url, options);
  }
  // The URL may hold a password: only its scheme is shown.
  throw new StorageFault(`a store URL begins with sqlite: or postgres://, not with "${url.split(':', 1)[0]}:"`);
}

/**
 * Opens the deliveries alone, while gateways may have the store open. Creates no database.
 *
 * @throws StorageFault as `openStore`, and where a SQLite file has another schema version.
 */
export async function openOutbox(
  url: string,
  { readOnly, ...options }: StoreOptions & { readonly readOnly: boolean },
): Promise<OpenOutbox> {
  return url.startsWith('sqlite:') ? openSqliteOutbox(url, readOnly) : await openStore(url, options);
}

/**
 * Opens the store to read it alone, also while gateways have it open. Creates no database.
 *
 * @throws StorageFault as `openOutbox`.
 */
export async function openStoreToRead(url: string, options: StoreOptions): Promise<Store> {
  return url.startsWith('sqlite:') ? openSqliteStoreToRead(url) : await openStore(url, options);
}

/** A fence outside a gateway. `isInUse`: a process has the store to itself, so that nothing can be examined. */
export type OpenFence = { readonly fence: Fence | null; readonly isInUse: boolean; close(): Promise<void> };

/**
 * Opens the fence, to decide about live runs. A store that no gateway has open is brought up to date.
 *
 * @throws StorageFault as `openStore`.
 */
export async function openFence(url: string, options: StoreOptions): Promise<OpenFence> {
  if (url.startsWith('sqlite:')) return openSqliteFence(url, options);
  const store = await openStore(url, options);
  return { fence: store.fence, isInUse: false, close: () => store.close() };
}

/**
 * Makes a checked copy of a SQLite store, also while a gateway has it open.
 *
 * @throws StorageFault as `openOutbox`, for a target that exists, and for PostgreSQL, which has tools of its own.
 */
export async function backUpStore(url: string, target: string): Promise<BackupCounts> {
  if (url.startsWith('sqlite:')) return await backUpSqlite(url, target);
  throw new StorageFault(
    'a PostgreSQL store is backed up by pg_dump or by continuous archiving; see docs/operate/backup.md',
  );
}
