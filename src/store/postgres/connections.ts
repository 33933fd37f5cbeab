import { Client, type ClientConfig, Pool, type PoolClient, type QueryResult, types } from 'pg';
import type { Log } from '../../contract/domain/log.ts';
import { isStatementFault, withStorageFaults } from './postgres-faults.ts';

const int8Oid = 20;
const poolSize = 10;

/** Every wait ends within seconds: a request that cannot be stored is better refused than held. */
const timeouts = {
  connectionTimeoutMillis: 3000,
  statement_timeout: 5000,
  // Above the server's own limit: only a server that does not answer at all gets here.
  query_timeout: 6000,
} as const;

const sessionSettings = `
  -- A prepared statement keeps the plan that it got while the table was small; a lookup by key must use the key.
  SET enable_seqscan = off;
  -- A server that answers before it has written loses acknowledged runs when it is killed.
  SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`;

function makeConfig(url: string): ClientConfig {
  return {
    connectionString: url,
    application_name: 'rungate',
    keepAlive: true,
    types: {
      // Counters and instants stay far below 2^53.
      getTypeParser: (oid, format) =>
        oid === int8Oid && format !== 'binary' ? Number : types.getTypeParser(oid, format),
    },
    ...timeouts,
  };
}

/** The connections that statements run on. Those that break while idle are logged and replaced. */
export function makePool(url: string, log: Log): Pool {
  const pool = new Pool({
    ...makeConfig(url),
    max: poolSize,
    onConnect: async (client) => {
      await client.query(sessionSettings);
    },
  });
  pool.on('error', (error) => log.warn({ err: error }, 'idle database connection lost'));
  return pool;
}

/** One connection outside the pool, not yet connected. */
export function makeClient(url: string, difference: ClientConfig = {}): Client {
  return new Client({ ...makeConfig(url), ...difference });
}

/**
 * Returns what runs the statements of a table by name and rejects with `StorageFault`.
 *
 * @param options.prepared those that are planned once per connection. The others are planned each time, for their
 * parameters and the table as it is.
 * @param options.prefix sets their names on a connection apart from those of other tables.
 */
export function bindStatements<const Table extends Readonly<Record<string, string>>>(
  pool: Pool,
  table: Table,
  options: { readonly prefix: string; readonly prepared: readonly (keyof Table)[] | 'all' },
): (name: keyof Table & string, values: unknown[]) => Promise<QueryResult> {
  const queries = Object.fromEntries(
    Object.entries(table).map(([name, text]) => [
      name,
      options.prepared === 'all' || options.prepared.includes(name)
        ? { name: `${options.prefix} ${name}`, text }
        : { text },
    ]),
  ) as { readonly [name in keyof Table]: { readonly name?: string; readonly text: string } };
  return async (name, values) => await withStorageFaults(pool.query({ ...queries[name], values }));
}

/** Runs work in a transaction of its own. Throws node-postgres' errors; then nothing of it is written. */
export async function transact<T>(pool: Pool, begin: string, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // Between two statements nothing else listens, and an unheard error would end the process.
  let broken: Error | undefined;
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    const fault = error instanceof Error ? error : new Error('unknown error', { cause: error });
    if (isStatementFault(error)) await client.query('ROLLBACK').catch(onError);
    else broken ??= fault;
    throw error;
  } finally {
    client.off('error', onError);
    // A connection in an unknown state is closed; the server then rolls back.
    client.release(broken);
  }
}

/** Locks a name until the commit: a count under it is right only while no other transaction adds to it. */
export async function lockName(client: PoolClient, name: string): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [`rungate ${name}`]);
}
