import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { z } from 'zod';
import { StorageFault } from '../../contract/store/store.ts';
import { type Migration, readMigrations, selectPending } from '../migrations.ts';

const versionRow = z.object({ version: z.number().nullable() });

export type Synchronous = 'full' | 'normal';

/** Large enough for a usual run. A commit of one run touches some ten pages, one of each b-tree. */
export const pageBytes = 2048;

/** The text of a statement and what it is run with. */
export type Sql = { readonly text: string; readonly values: readonly (string | number)[] };

/** Opens the database of a store and brings its schema up to date. Throws SQLite's errors. */
export function openDatabase(file: string, synchronous: Synchronous): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: 1000 });
  try {
    // Takes effect in a new file only. A commit writes every page that it touches whole, twice.
    database.exec(`PRAGMA page_size = ${pageBytes}`);
    database.exec('PRAGMA journal_mode = WAL');
    database.exec(`PRAGMA synchronous = ${synchronous.toUpperCase()}`);
    // The write-ahead log of large payloads is cut back to this when it begins anew.
    database.exec('PRAGMA journal_size_limit = 67108864');
    database.exec('PRAGMA temp_store = MEMORY');
    database.exec('PRAGMA cache_size = -16384');
    migrate(database);
    // From here on the write queue waits for locks, outside SQLite, where waiting does not stop the event loop.
    database.exec('PRAGMA busy_timeout = 0');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Opens the database of a store that another process owns. A guest must not disturb the owner: it changes no schema and
 * runs no checkpoints. Throws SQLite's errors, and `StorageFault` for another schema version.
 */
export function openDatabaseAsGuest(file: string, options: { readonly readOnly: boolean; readonly timeoutMs: number }) {
  const database = new DatabaseSync(file, { readOnly: options.readOnly, timeout: options.timeoutMs });
  try {
    database.exec('PRAGMA wal_autocheckpoint = 0');
    const row = database.prepare('SELECT max(version) AS version FROM migrations').get();
    const known = readMigrations('sqlite').length;
    if (versionRow.parse(row).version !== known) {
      throw new StorageFault(`${file} does not have the schema version ${known}: a gateway of this version makes it`);
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Prepares each statement of a table once. */
export function prepareAll<const Texts extends Readonly<Record<string, string>>>(
  database: DatabaseSync,
  texts: Texts,
): { readonly [name in keyof Texts]: StatementSync } {
  const prepared = Object.entries(texts).map(([name, text]) => [name, database.prepare(text)]);
  return Object.fromEntries(prepared) as { readonly [name in keyof Texts]: StatementSync };
}

function migrate(database: DatabaseSync): void {
  database.exec(
    'CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at_ms INTEGER NOT NULL) STRICT',
  );
  const row = database.prepare('SELECT coalesce(max(version), 0) AS version FROM migrations').get();
  const { version: current } = z.object({ version: z.number() }).parse(row);
  const pending = selectPending(readMigrations('sqlite'), current);
  // A new file is made with one commit. In one with runs each step is a commit of its own: the log of several may not fit.
  for (const steps of current === 0 ? [pending] : pending.map((step) => [step])) applySteps(database, steps);
}

function applySteps(database: DatabaseSync, steps: readonly Migration[]): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const { version, name, sql } of steps) {
      database.exec(sql);
      database.prepare('INSERT INTO migrations VALUES (?, ?, ?)').run(version, name, Date.now());
    }
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
