import type { Log } from '../contract/domain/log.ts';
import type { OpenOutbox } from '../contract/domain/webhook.ts';
import { StorageFault, type Store } from '../contract/store/store.ts';
import { openPostgresStore } from './postgres/open-postgres-store.ts';
import { openSqliteOutbox, openSqliteStore } from './sqlite/open-sqlite-store.ts';

/**
 * Opens the store that a URL names, and brings its schema up to date.
 *
 * - `sqlite:./data/rungate.db`, with `?synchronous=normal` (a power cut may cost the last commits) and
 *   `?busyTimeoutMs=2000` (how long a write waits for another program's lock); `sqlite::memory:` for tests.
 * - `postgres://user:password@host/database`, with the options of libpq that node-postgres knows.
 *
 * @throws StorageFault when it cannot be opened: in use, unreachable, newer than the program, not a known URL.
 */
export async function openStore(url: string, options: { readonly log: Log }): Promise<Store> {
  if (url.startsWith('sqlite:')) return openSqliteStore(url, options);
  if (/^postgres(ql)?:\/\//.test(url)) return await openPostgresStore(url, options);
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
  { log, readOnly }: { readonly log: Log; readonly readOnly: boolean },
): Promise<OpenOutbox> {
  return url.startsWith('sqlite:') ? openSqliteOutbox(url, readOnly) : await openStore(url, { log });
}
