import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Log } from '../../contract/domain/log.ts';
import type { Store } from '../../contract/store/store.ts';
import { readMigrations, selectPending } from '../migrations.ts';
import { ChangeListener } from './change-listener.ts';
import { makeClient, makePool } from './connections.ts';
import { toStorageFault } from './postgres-faults.ts';
import { PostgresStore } from './postgres-store.ts';

// Any number that no other program takes for a lock of its own in the same database.
const lockId = 7_240_519_385_112;
const lockTimeoutMs = 120_000;

const versionRow = z.object({ version: z.number() });

/**
 * Brings the schema up to date. Replicas that start together wait for one another. Throws node-postgres' errors, and
 * `StorageFault` when the database is newer than the program.
 */
async function migrateDatabase(url: string): Promise<void> {
  const client = makeClient(url, { statement_timeout: lockTimeoutMs, query_timeout: lockTimeoutMs });
  // Without a listener a connection that breaks here would end the process; the query under way reports it.
  client.on('error', () => {});
  await client.connect();
  try {
    // Ends with the session, so that a process that dies here leaves no lock.
    await client.query('SELECT pg_advisory_lock($1)', [lockId]);
    await client.query(`CREATE TABLE IF NOT EXISTS rungate_migrations
      (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    const { rows } = await client.query('SELECT coalesce(max(version), 0) AS version FROM rungate_migrations');
    const { version: current } = versionRow.parse(rows[0]);
    for (const { version, name, sql } of selectPending(readMigrations('postgres'), current)) {
      await client.query('BEGIN');
      await client.query(sql);
      await client.query('INSERT INTO rungate_migrations (version, name) VALUES ($1, $2)', [version, name]);
      await client.query('COMMIT');
    }
  } finally {
    await client.end();
  }
}

/** Opens a PostgreSQL store; see `openStore`. Throws `StorageFault`. */
export async function openPostgresStore(url: string, { log }: { readonly log: Log }): Promise<Store> {
  const origin = randomUUID();
  const changes = new ChangeListener({ url, origin, log });
  try {
    await migrateDatabase(url);
    await changes.open();
    return new PostgresStore({ pool: makePool(url, log), changes, origin });
  } catch (error) {
    changes.close();
    throw toStorageFault(error);
  }
}
