import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Log } from '../../contract/domain/log.ts';
import { StorageFault, type Store } from '../../contract/store/store.ts';
import { readMigrations, selectPending } from '../migrations.ts';
import { choosePrimary, connectClient, StorePool } from './connections.ts';
import { NotificationConnection } from './notification-connection.ts';
import { toStorageFault } from './postgres-faults.ts';
import { PostgresStore } from './postgres-store.ts';
import { Primary } from './primary.ts';

// Any number that no other program takes for a lock of its own in the same database.
const lockId = 7_240_519_385_112;
const lockTimeoutMs = 120_000;

const versionRow = z.object({ version: z.number() });
const typeRow = z.object({ name: z.string(), oid: z.number() });

/** Those that are found under their plain names. */
const rowTypes = `SELECT typname AS name, pg_type.oid FROM pg_type JOIN pg_class ON pg_class.oid = typrelid
  WHERE relkind = 'c' AND pg_type_is_visible(pg_type.oid)`;

/**
 * Brings the schema up to date, all of it or nothing. Replicas that start together wait for one another. Gives the numbers
 * of its row types. Throws node-postgres' errors, and `StorageFault` when the database is newer than the program.
 */
async function migrateDatabase(primary: Primary): Promise<ReadonlyMap<string, number>> {
  const client = await connectClient(primary, { query_timeout: lockTimeoutMs }, (each) => {
    // Without a listener a connection that breaks here would end the process; the query under way reports it.
    each.on('error', () => {});
  });
  try {
    await client.query('BEGIN');
    // Ends with the transaction, so that a process that dies here leaves no lock; a pooler may share the session.
    await client.query('SELECT pg_advisory_xact_lock($1)', [lockId]);
    await client.query(`CREATE TABLE IF NOT EXISTS rungate_migrations
      (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    const { rows } = await client.query('SELECT coalesce(max(version), 0) AS version FROM rungate_migrations');
    const { version: current } = versionRow.parse(rows[0]);
    for (const { version, name, sql } of selectPending(readMigrations('postgres'), current)) {
      await client.query(sql);
      await client.query('INSERT INTO rungate_migrations (version, name) VALUES ($1, $2)', [version, name]);
    }
    await client.query('COMMIT');
    const types = (await client.query(rowTypes)).rows.map((row) => typeRow.parse(row));
    return new Map(types.map(({ name, oid }) => [name, oid]));
  } finally {
    await client.end();
  }
}

export type PostgresOptions = {
  readonly log: Log;
  /**
   * The URL of the server itself where the store's is that of a pooler which shares sessions by transactions: notifications
   * need a session of their own.
   */
  readonly notifyUrl?: string | undefined;
  /** Called with how long each statement that writes runs took, which is one transaction. */
  readonly onCommitted?: ((seconds: number) => void) | undefined;
};

/** Opens a PostgreSQL store; see `openStore`. Throws `StorageFault`. */
export async function openPostgresStore(url: string, { log, notifyUrl, onCommitted }: PostgresOptions): Promise<Store> {
  const origin = randomUUID();
  const primary = new Primary(url);
  const notifyPrimary = notifyUrl === undefined ? primary : new Primary(notifyUrl);
  const connection = new NotificationConnection({ primary: notifyPrimary, origin, log });
  try {
    await choosePrimary(primary);
    const rowTypes = await migrateDatabase(primary);
    await connection.open();
    const pool = new StorePool({ primary, keepsSession: notifyUrl === undefined, log, rowTypes, onCommitted });
    return new PostgresStore({ pool, connection, origin });
  } catch (error) {
    connection.close();
    throw sayWhatToLookAt(toStorageFault(error));
  }
}

/** Of what Node says about the way to the server; the server's own words say enough. */
function sayWhatToLookAt(fault: StorageFault): StorageFault {
  const isUnreachable = /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNRESET)\b|timeout/i;
  if (!isUnreachable.test(fault.message)) return fault;
  return new StorageFault(`${fault.message}; is the server up, and its address that of store.url?`, fault);
}
