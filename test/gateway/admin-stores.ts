import { PostgresServer, startPostgres } from '../store/postgres-server.ts';

// Importing this starts a server, which only `closeStores` ends.
const postgres = await startPostgres();

/** The stores that there are here, each with a URL of a new one; undefined: the site's own file. */
export const stores: readonly { readonly name: string; readonly makeUrl: () => Promise<string | undefined> }[] = [
  { name: 'SQLite', makeUrl: async () => undefined },
  ...(postgres instanceof PostgresServer ? [{ name: 'PostgreSQL', makeUrl: () => postgres.createDatabase() }] : []),
];

export async function closeStores(): Promise<void> {
  if (postgres instanceof PostgresServer) await postgres.destroy();
}
