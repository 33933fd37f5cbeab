import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { hasPgbouncer, Pgbouncer } from '../pgbouncer/pgbouncer.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import type { Settings } from './settings.ts';
import { ServerPair } from './standby.ts';

/** An empty database, and what removes it. */
export type Database = {
  readonly url: string;
  /** Of the server itself, where `url` is a pooler's. */
  readonly notifyUrl?: string;
  /** Of SQLite. */
  readonly file: string | null;
  /** An older state of it on a server of its own; only of PostgreSQL. */
  copy(): Promise<{ readonly url: string; close(): Promise<void> }>;
  /** Another server takes its place; only of a pair. */
  failOver?(): Promise<void>;
  close(): Promise<void>;
};

/** There are no PostgreSQL binaries for this machine. */
export class NoPostgres extends Error {}

const lookEveryMs = 50;

type DatabaseSettings = Pick<Settings, 'store'> & Partial<Pick<Settings, 'pooler' | 'failover'>>;

/** Rejects with `NoPostgres` where there can be none. */
export async function makeDatabase({ store, pooler, failover }: DatabaseSettings, folder: string): Promise<Database> {
  if (store === 'sqlite') {
    const file = join(folder, 'torture.db');
    const copy = () => Promise.reject(new Error('a SQLite file is copied as a file'));
    return { url: `sqlite:${file}`, file, copy, close: async () => {} };
  }
  const server = await startPostgres({ archives: true });
  if (!(server instanceof PostgresServer)) throw new NoPostgres(server.unavailable);
  const url = await server.createDatabase();
  const database: Database = {
    url,
    file: null,
    copy: () => recover(server, new URL(url).pathname.slice(1)),
    close: () => server.destroy(),
  };
  if (failover === 'yes') return await pairUp(database, server);
  return pooler === 'pgbouncer' ? await poolSessions(database, server) : database;
}

async function pairUp(database: Database, server: PostgresServer): Promise<Database> {
  const pair = await ServerPair.of(server);
  return {
    ...database,
    url: pair.url(database.url),
    failOver: () => pair.failOver(),
    close: async () => {
      await pair.close();
      await database.close();
    },
  };
}

async function poolSessions(database: Database, server: PostgresServer): Promise<Database> {
  if (!hasPgbouncer()) throw new NoPostgres('pgbouncer is not installed');
  const pgbouncer = await Pgbouncer.start(server.port);
  return {
    ...database,
    url: pgbouncer.through(database.url),
    notifyUrl: database.url,
    close: async () => {
      await pgbouncer.close();
      await database.close();
    },
  };
}

/** As a point-in-time recovery to the end of a base backup makes it. */
async function recover(server: PostgresServer, name: string) {
  const base = await server.copy('recovery');
  try {
    await base.start([
      `restore_command=cp ${server.archive}/%f %p`,
      'recovery_target=immediate',
      'recovery_target_action=promote',
    ]);
    for (;;) {
      const [row] = await base.query('SELECT pg_is_in_recovery() AS waits');
      if (!waitsRow.parse(row).waits) return { url: base.url(name), close: () => base.destroy() };
      await sleep(lookEveryMs);
    }
  } catch (error) {
    await base.destroy();
    throw error;
  }
}

const waitsRow = z.object({ waits: z.boolean() });
