import type { Log } from '../contract/log.ts';
import { StorageFault, type Store } from '../contract/store.ts';
import { openPostgresStore } from './postgres/open.ts';
import { openSqliteStore } from './sqlite/open.ts';

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
  // The URL may hold a password: only its scheme is told.
  throw new StorageFault(`a store URL begins with sqlite: or postgres://, not with "${url.split(':', 1)[0]}:"`);
}
