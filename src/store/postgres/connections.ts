import { Client, type ClientBase, type ClientConfig, Pool, type PoolClient, type QueryResult, types } from 'pg';
import { z } from 'zod';
import type { Log } from '../../contract/domain/log.ts';
import { StorageFault } from '../../contract/store/store.ts';
import { isRefusedExpression, isStatementFault, withStorageFaults } from './postgres-faults.ts';
import type { Primary, ServerState } from './primary.ts';

const int8Oid = 20;
const poolSize = 10;

/** Every wait ends within seconds: a request that cannot be stored is better refused than held. */
const statementTimeoutMs = 5000;
const timeouts = {
  connectionTimeoutMillis: 3000,
  // Above the server's own limit: only a server that does not answer at all gets here.
  query_timeout: 6000,
} as const;

const sessionSettings = `
  -- A prepared statement keeps the plan that it got while the table was small; a lookup by key must use the key.
  SET enable_seqscan = off;
  -- A server that answers before it has written loses acknowledged runs when it is killed.
  SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`;

const selectCommit = `SELECT current_setting('synchronous_commit') AS mode`;
const commitRow = z.object({ mode: z.string() });
const selectState = `SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS is_read_only`;
const stateRow = z.object({ is_read_only: z.boolean() });
const selectTimeline = 'SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline';
const timelineRow = z.object({ timeline: z.string() });

const clientConfig: ClientConfig = {
  application_name: 'rungate',
  keepAlive: true,
  types: {
    // Counters and instants stay far below 2^53.
    getTypeParser: (oid, format) =>
      oid === int8Oid && format !== 'binary' ? Number : types.getTypeParser(oid, format),
  },
  ...timeouts,
};

export type StorePoolOptions = {
  readonly primary: Primary;
  /**
   * Whether a connection is one session at the server. Behind a pooler that shares sessions by transactions it is not: then
   * nothing is set on it, and no statement is prepared by name.
   */
  readonly keepsSession: boolean;
  readonly log: Log;
  /** By their names, the numbers of row types, which are the database's own. */
  readonly rowTypes: ReadonlyMap<string, number>;
  /** Called with how long each statement that writes runs took. */
  readonly onCommitted?: ((seconds: number) => void) | undefined;
};

/** The connections that statements run on. Those that break while idle are logged and replaced. */
export class StorePool extends Pool {
  readonly #keepsSession: boolean;
  readonly #primary: Primary;
  readonly #open = new Set<ClientBase>();
  readonly #rowTypes: ReadonlyMap<string, number>;
  readonly onCommitted: ((seconds: number) => void) | undefined;

  constructor({ primary, keepsSession, log, rowTypes, onCommitted }: StorePoolOptions) {
    const config = { ...clientConfig, ...(keepsSession && { statement_timeout: statementTimeoutMs }) };
    super({
      ...config,
      max: poolSize,
      Client: clientOf(primary, config),
      onConnect: (client) => this.#welcome(client),
    });
    this.#keepsSession = keepsSession;
    this.#rowTypes = rowTypes;
    this.onCommitted = onCommitted;
    this.#primary = primary;
    this.on('error', (error) => log.warn({ err: error }, 'idle database connection lost'));
    this.on('connect', (client) => void this.#open.add(client));
    this.on('remove', (client) => void this.#open.delete(client));
  }

  /** The name under which a query is prepared once per connection; nothing where it cannot be. */
  prepared(name: string): { readonly name?: string } {
    return this.#keepsSession ? { name } : {};
  }

  /** The number of a row type. */
  oidOf(rowType: string): number {
    const oid = this.#rowTypes.get(rowType);
    if (oid === undefined) throw new StorageFault(`PostgreSQL: the database has no type ${rowType}`);
    return oid;
  }

  async #welcome(client: ClientBase): Promise<void> {
    if (this.#keepsSession) await client.query(sessionSettings);
    else await refuseUnsafeCommits(client);
    if (!(await admit(this.#primary, client))) return;
    // What is still connected to the server that was replaced must not write there.
    for (const other of this.#open) if (other instanceof Client && other !== client) other.end().catch(() => {});
  }
}

/**
 * One connection outside a pool, to the server that takes writes. Throws node-postgres' errors and `StorageFault`.
 *
 * @param listen is given each client that is tried: one that nothing listens to would end the process when it breaks.
 */
export async function connectClient(
  primary: Primary,
  difference: ClientConfig,
  listen: (client: Client) => void,
): Promise<Client> {
  const ClientOfPrimary = clientOf(primary, { ...clientConfig, ...difference });
  for (let triesLeft = primary.serverCount; ; triesLeft -= 1) {
    const client = new ClientOfPrimary();
    listen(client);
    try {
      await client.connect();
      await admit(primary, client);
      return client;
    } catch (error) {
      client.end().catch(() => {});
      if (triesLeft <= 1) throw error;
    }
  }
}

/** Nothing can be set for the session, so it has to be right as it is. */
async function refuseUnsafeCommits(client: ClientBase): Promise<void> {
  if (commitRow.parse((await client.query(selectCommit)).rows[0]).mode !== 'off') return;
  throw new StorageFault('PostgreSQL: synchronous_commit is off; behind a pooler it has to be turned on for the user');
}

/**
 * Finds the server that takes writes among several: two may, when one was replaced and has come back, and the one that was
 * promoted has the newer timeline. A process that has no memory of either would take the first.
 */
export async function choosePrimary(primary: Primary): Promise<void> {
  if (primary.serverCount === 1) return;
  let newest: { readonly url: string; readonly timeline: string } | null = null;
  const ClientOfServer = clientOf(primary, clientConfig);
  for (let left = primary.serverCount; left > 0; left -= 1) {
    const { url } = primary;
    const client = new ClientOfServer();
    client.on('error', () => {});
    try {
      await client.connect();
      const { isReadOnly, timeline } = await readState(client);
      if (!isReadOnly && (newest === null || timeline > newest.timeline)) newest = { url, timeline };
    } catch {
      // Whether none can be reached is found by what comes next.
    } finally {
      client.end().catch(() => {});
      primary.moveOn(url);
    }
  }
  if (newest !== null) primary.use(newest.url);
}

/** Clients of the server that is thought to take writes when they are made. */
function clientOf(primary: Primary, config: ClientConfig): new () => Client {
  return class extends Client {
    constructor() {
      const { url } = primary;
      super({ ...config, connectionString: url });
      let isConnected = false;
      this.once('connect', () => {
        isConnected = true;
      });
      this.once('end', () => {
        if (!isConnected) primary.moveOn(url);
      });
    }
  };
}

/** Whether the server was promoted since the last one was admitted. Throws `StorageFault` for one that must not be used. */
async function admit(primary: Primary, client: ClientBase): Promise<boolean> {
  const { url } = primary;
  try {
    return primary.admit(await readState(client));
  } catch (error) {
    primary.moveOn(url);
    throw error;
  }
}

async function readState(client: ClientBase): Promise<ServerState> {
  const { is_read_only: isReadOnly } = stateRow.parse((await client.query(selectState)).rows[0]);
  return { isReadOnly, timeline: await readTimeline(client, isReadOnly) };
}

/** Empty for a standby, and for a server that is not PostgreSQL itself and does not say. */
async function readTimeline(client: ClientBase, isReadOnly: boolean): Promise<string> {
  if (isReadOnly) return '';
  try {
    return timelineRow.parse((await client.query(selectTimeline)).rows[0]).timeline;
  } catch (error) {
    if (isRefusedExpression(error)) return '';
    throw error;
  }
}

/**
 * Returns what runs the statements of a table by name and rejects with `StorageFault`.
 *
 * @param options.prepared those that are planned once per connection. The others are planned each time, for their
 * parameters and the table as it is.
 * @param options.prefix sets their names on a connection apart from those of other tables.
 */
export function bindStatements<const Table extends Readonly<Record<string, string>>>(
  pool: StorePool,
  table: Table,
  options: { readonly prefix: string; readonly prepared: readonly (keyof Table)[] | 'all' },
): (name: keyof Table & string, values: unknown[]) => Promise<QueryResult> {
  const queries = Object.fromEntries(
    Object.entries(table).map(([name, text]) => [
      name,
      options.prepared === 'all' || options.prepared.includes(name)
        ? { ...pool.prepared(`${options.prefix} ${name}`), text }
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

/** Locks names until the commit, in their order. Two transactions that lock them in the same order cannot wait for each other. */
export async function lockNames(client: PoolClient, names: readonly string[]): Promise<void> {
  await client.query(
    `SELECT pg_advisory_xact_lock(hashtextextended(name, 1)) FROM unnest($1::text[]) WITH ORDINALITY AS named (name, place)
      ORDER BY place`,
    [names.map((name) => `rungate ${name}`)],
  );
}

/** Locks a name until the commit: a count under it is right only while no other transaction adds to it. */
export async function lockName(client: PoolClient, name: string): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [`rungate ${name}`]);
}
