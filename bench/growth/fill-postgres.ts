import { Client } from 'pg';
import { z } from 'zod';
import { openStore } from '../../src/store/open.ts';
import { silentLog } from '../../test/store/runs.ts';
import { agents, failedOneIn, makeRun, sqlParts } from './template-run.ts';

const columnRow = z.object({ column_name: z.string() });

/** Makes a store of finished runs: one is written by the store itself, and multiplied by SQL. */
export async function fillPostgres(url: string, runs: number): Promise<void> {
  const store = await openStore(url, { log: silentLog });
  await store.insert(...makeRun('01900000-0000-7000-8000-000000000000', 0, true));
  await store.close();
  const client = new Client({ connectionString: url });
  await client.connect();
  const multiply = async (table: string, changed: Readonly<Record<string, string>>): Promise<void> => {
    const { rows } = await client.query(
      'SELECT column_name FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position',
      [table],
    );
    const columns = rows.map((row) => columnRow.parse(row).column_name);
    const values = columns.map((column) => changed[column] ?? `it.${column}`);
    await client.query(`INSERT INTO ${table} (${columns.join(', ')})
      SELECT ${values.join(', ')} FROM generate_series(1, ${runs - 1}) AS n, ${table} AS it ORDER BY n`);
  };
  const runId = sqlParts.runId("lpad(to_hex(n), 12, '0')");
  await multiply('runs', {
    run_id: runId,
    agent_id: sqlParts.agentId(`lpad((n % ${agents})::text, 12, '0')`),
    status: `CASE WHEN (n / ${agents}) % ${failedOneIn} = 0 THEN 'error' ELSE it.status END`,
    ended_at_ms: 'it.ended_at_ms + n',
  });
  await multiply('requests', { run_id: runId });
  await multiply('events', { run_id: runId });
  // What the server does by itself, only later.
  await client.query('VACUUM ANALYZE');
  await client.end();
}
