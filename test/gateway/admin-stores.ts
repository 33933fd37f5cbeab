import { PostgresServer, startPostgres } from '../store/postgres-server.ts';

/** A store that there is here; `makeUrl` gives that of a new one, or undefined: the site's own file. */
export type AdminStore = { readonly name: string; readonly makeUrl: () => Promise<string | undefined> };

/** The stores of one test file, which ends them: files that run in one process share no server. */
export async function openStores(): Promise<{ readonly stores: readonly AdminStore[]; close(): Promise<void> }> {
  const postgres = await startPostgres();
  const isThere = postgres instanceof PostgresServer;
  return {
    stores: [
      { name: 'SQLite', makeUrl: async () => undefined },
      ...(isThere ? [{ name: 'PostgreSQL', makeUrl: () => postgres.createDatabase() }] : []),
    ],
    close: async () => {
      if (isThere) await postgres.destroy();
    },
  };
}
