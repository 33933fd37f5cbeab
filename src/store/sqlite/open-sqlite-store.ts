import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import type { Log } from '../../contract/domain/log.ts';
import type { OpenOutbox } from '../../contract/domain/webhook.ts';
import { StorageFault, type Store } from '../../contract/store/store.ts';
import { Checkpoints } from './checkpoints.ts';
import { openDatabase, openDatabaseAsGuest } from './database.ts';
import { isBusy, toStorageFault } from './sqlite-faults.ts';
import { SqliteOutbox } from './sqlite-outbox.ts';
import { SqliteStore } from './sqlite-store.ts';
import { WriteQueue } from './write-queue.ts';

const optionsSchema = z.strictObject({
  synchronous: z.enum(['full', 'normal']).default('full'),
  busyTimeoutMs: z.coerce.number().int().min(0).max(60_000).default(2000),
});

type Place = z.infer<typeof optionsSchema> & { readonly file: string };

/** Opens a SQLite store; see `openStore`. One process has a file at a time. Throws `StorageFault`. */
export function openSqliteStore(url: string, { log }: { readonly log: Log }): Store {
  const { file, synchronous, busyTimeoutMs } = parseUrl(url);
  if (file === ':memory:') {
    const database = openDatabase(file, synchronous);
    return new SqliteStore({ database, busyTimeoutMs, onCommit: () => {}, close: () => database.close() });
  }
  let unlock = (): void => {};
  try {
    mkdirSync(dirname(file), { recursive: true });
    unlock = lockFile(file);
    const database = openDatabase(file, synchronous);
    database.exec('PRAGMA wal_autocheckpoint = 0');
    const checkpoints = new Checkpoints({
      file,
      log,
      onLost: () => {
        if (database.isOpen) database.exec('PRAGMA wal_autocheckpoint = 1000');
      },
    });
    return new SqliteStore({
      database,
      busyTimeoutMs,
      onCommit: () => checkpoints.note(),
      close: async () => {
        await checkpoints.close();
        // Before the lock is released, so that the next owner finds no connection of this process.
        database.close();
        unlock();
      },
    });
  } catch (error) {
    unlock();
    throw toStorageFault(error);
  }
}

/** Longer than a gateway waits for a lock, because no client waits for a guest. */
const guestTimeoutMs = 10_000;

/** Opens the deliveries of a SQLite store; see `openOutbox`. Needs no lock on the file. Throws `StorageFault`. */
export function openSqliteOutbox(url: string, readOnly: boolean): OpenOutbox {
  const { file } = parseUrl(url);
  // SQLite would create it.
  if (!existsSync(file)) throw new StorageFault(`${file} does not exist`);
  try {
    const database = openDatabaseAsGuest(file, { readOnly, timeoutMs: guestTimeoutMs });
    const writes = new WriteQueue({ database, busyTimeoutMs: guestTimeoutMs, onCommit: () => {} });
    const outbox = new SqliteOutbox(database, writes);
    return { outbox, close: async () => database.close() };
  } catch (error) {
    throw toStorageFault(error);
  }
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

/**
 * Locks `<file>.lock` for this process and returns a function that releases it. The lock is the operating system's, held
 * by an open exclusive transaction: it ends with the process, however that ends.
 *
 * @throws StorageFault when another live process holds it.
 */
function lockFile(file: string): () => void {
  const lock = new DatabaseSync(`${file}.lock`);
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw new StorageFault(`${file} is in use by another process; several processes need a postgres:// store`, error);
  }
  return () => lock.close();
}
