import { join } from 'node:path';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import type { Settings } from './settings.ts';

/** An empty database, and what removes it. */
export type Database = { readonly url: string; close(): Promise<void> };

/** There are no PostgreSQL binaries for this machine. */
export class NoPostgres extends Error {}

/** Rejects with `NoPostgres` where there can be none. */
export async function makeDatabase(store: Settings['store'], folder: string): Promise<Database> {
  if (store === 'sqlite') return { url: `sqlite:${join(folder, 'torture.db')}`, close: async () => {} };
  const server = await startPostgres();
  if (!(server instanceof PostgresServer)) throw new NoPostgres(server.unavailable);
  return { url: await server.createDatabase(), close: () => server.destroy() };
}
