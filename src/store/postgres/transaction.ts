import type { Pool, PoolClient } from 'pg';
import { isStatementFault } from './faults.ts';

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
    // A connection whose state nobody knows is closed; the server rolls back then.
    client.release(broken);
  }
}
