import { Client, type ClientConfig, Pool, types } from 'pg';
import type { Log } from '../../contract/domain/log.ts';

const int8Oid = 20;
const poolSize = 10;

/** Every wait ends within seconds: a request that cannot be stored is better refused than held. */
const timeouts = {
  connectionTimeoutMillis: 3000,
  statement_timeout: 5000,
  // Past the server's own limit: only a server that does not answer at all gets here.
  query_timeout: 6000,
} as const;

const sessionSettings = `
  -- A prepared statement keeps the plan that it got while the table was small; a lookup by key is to use the key.
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
  pool.on('error', (error) => log.warn({ err: error }, 'a connection to the database broke'));
  return pool;
}

/** One connection of its own, not yet connected. */
export function makeClient(url: string, difference: ClientConfig = {}): Client {
  return new Client({ ...makeConfig(url), ...difference });
}
