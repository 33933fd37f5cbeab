import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import type { Log } from '../../contract/domain/log.ts';
import type { OpenOutbox } from '../../contract/domain/webhook.ts';
import { StorageFault, type Store } from '../../contract/store/store.ts';
import { Checkpoints } from './checkpoints.ts';
import { openDatabase, openDatabaseAsGuest } from './database.ts';
import { FileLock, resolveFile, StoreInUse } from './file-lock.ts';
import { rewritePages } from './page-size.ts';
import { type BackupCounts, backUpDatabase } from './sqlite-backup.ts';
import { toStorageFault } from './sqlite-faults.ts';
import { SqliteFence } from './sqlite-fence.ts';
import { SqliteOutbox } from './sqlite-outbox.ts';
import { SqliteStore } from './sqlite-store.ts';
import { usualSpacingMs, WriteQueue } from './write-queue.ts';

const optionsSchema = z.strictObject({
  synchronous: z.enum(['full', 'normal']).default('full'),
  busyTimeoutMs: z.coerce.number().int().min(0).max(60_000).default(2000),
  spacingMs: z.coerce.number().int().min(0).max(1000).default(usualSpacingMs),
});

type Place = z.infer<typeof optionsSchema> & { readonly file: string };

/** Opens a SQLite store; see `openStore`. One process has a file at a time. Throws `StorageFault`. */
export function openSqliteStore(
  url: string,
  { log, onCommitted }: { readonly log: Log; readonly onCommitted?: ((seconds: number) => void) | undefined },
): Store {
  const { file, synchronous, busyTimeoutMs, spacingMs } = parseUrl(url);
  if (file === ':memory:') {
    const database = openDatabase(file, synchronous);
    const close = () => database.close();
    return new SqliteStore({ database, busyTimeoutMs, spacingMs, onCommit: () => {}, onCommitted, close });
  }
  let lock: FileLock | null = null;
  try {
    mkdirSync(dirname(file), { recursive: true });
    const path = resolveFile(file);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
      throw new StorageFault(`${file} is a folder; the URL of a store names a file, such as sqlite:./data/rungate.db`);
    const held = new FileLock(path);
    lock = held;
    const database = openDatabase(path, synchronous);
    rewritePages(database, log);
    database.exec('PRAGMA wal_autocheckpoint = 0');
    const checkpoints = new Checkpoints({
      file: path,
      log,
      onLost: () => {
        if (database.isOpen) database.exec('PRAGMA wal_autocheckpoint = 1000');
      },
    });
    return new SqliteStore({
      database,
      busyTimeoutMs,
      spacingMs,
      place: { path, given: file, lock: held },
      onCommit: () => checkpoints.note(),
      onCommitted,
      close: async () => {
        await checkpoints.close();
        // Before the lock is released, so that the next owner finds no connection of this process.
        database.close();
        held.release();
      },
    });
  } catch (error) {
    lock?.release();
    if (error instanceof StorageFault) throw error;
    throw new StorageFault(`${file} cannot be opened: ${toStorageFault(error).message}`, error);
  }
}

/** Longer than a gateway waits for a lock, because no client waits for a guest. */
const guestTimeoutMs = 10_000;

/** Opens the deliveries of a SQLite store; see `openOutbox`. Needs no lock on the file. Throws `StorageFault`. */
export function openSqliteOutbox(url: string, readOnly: boolean): OpenOutbox {
  const { path } = findFile(url);
  try {
    const database = openDatabaseAsGuest(path, { readOnly, timeoutMs: guestTimeoutMs });
    const outbox = new SqliteOutbox(database, guestWrites(database));
    return { outbox, close: async () => database.close() };
  } catch (error) {
    throw toStorageFault(error);
  }
}

/** Opens a SQLite store to read it; see `openStoreToRead`. Needs no lock on the file. Throws `StorageFault`. */
export function openSqliteStoreToRead(url: string): Store {
  const { path } = findFile(url);
  try {
    const database = openDatabaseAsGuest(path, { readOnly: true, timeoutMs: guestTimeoutMs });
    const close = () => database.close();
    return new SqliteStore({ database, busyTimeoutMs: guestTimeoutMs, onCommit: () => {}, close, isReader: true });
  } catch (error) {
    throw toStorageFault(error);
  }
}

/** Opens the fence of a SQLite store; see `openFence`. Throws `StorageFault`. */
export function openSqliteFence(url: string, { log }: { readonly log: Log }) {
  const { given, path } = findFile(url);
  try {
    const store = openSqliteStore(url, { log });
    return { fence: store.fence, isInUse: false, close: () => store.close() };
  } catch (error) {
    if (!(error instanceof StoreInUse)) throw toStorageFault(error);
  }
  try {
    const database = openDatabaseAsGuest(path, { readOnly: false, timeoutMs: guestTimeoutMs });
    const fence = new SqliteFence({ database, writes: guestWrites(database), path, given, lock: null });
    return { fence, isInUse: true, close: async () => database.close() };
  } catch (error) {
    throw toStorageFault(error);
  }
}

/** Copies a SQLite store; see `backUpStore`. Throws `StorageFault`. */
export async function backUpSqlite(url: string, target: string): Promise<BackupCounts> {
  const { path } = findFile(url);
  try {
    const source = openDatabaseAsGuest(path, { readOnly: true, timeoutMs: guestTimeoutMs });
    try {
      return await backUpDatabase(source, target);
    } finally {
      source.close();
    }
  } catch (error) {
    throw toStorageFault(error);
  }
}

/** The file of a store that exists already, because SQLite would create it. Throws `StorageFault`. */
function findFile(url: string): { readonly given: string; readonly path: string } {
  const { file } = parseUrl(url);
  if (!existsSync(file)) throw new StorageFault(`${file} does not exist`);
  return { given: file, path: resolveFile(file) };
}

function guestWrites(database: DatabaseSync): WriteQueue {
  return new WriteQueue({ database, busyTimeoutMs: guestTimeoutMs, onCommit: () => {} });
}

function parseUrl(url: string): Place {
  const rest = url.slice('sqlite:'.length);
  const mark = rest.indexOf('?');
  const path = (mark < 0 ? rest : rest.slice(0, mark)).replace(/^\/\//, '');
  if (path === '') throw new StorageFault('a sqlite: URL names a file, such as sqlite:./data/rungate.db');
  const given = Object.fromEntries(new URLSearchParams(mark < 0 ? '' : rest.slice(mark)));
  const options = optionsSchema.safeParse(given);
  if (!options.success) throw new StorageFault(`the options of the sqlite: URL: ${z.prettifyError(options.error)}`);
  return { ...options.data, file: path };
}
