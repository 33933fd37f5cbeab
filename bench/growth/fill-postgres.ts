import { Client } from 'pg';
import { z } from 'zod';
import { openStore } from '../../src/store/open.ts';
import { silentLog } from '../../test/store/runs.ts';
import { agents, failedOneIn, makeRun, sqlParts } from './template-run.ts';

const columnRow = z.object({ column_name: z.string() });
const optionsRow = z.object({ options: z.string() });
const indexRow = z.object({ name: z.string(), definition: z.string() });

/**
 * In percent, how full the pages of ended runs are: nine to a page. Inserts may fill half of one, but the engine inserts
 * runs that are still short. With room left for one more run in each old page, every new run would go to another one.
 */
const leftFill = 54;

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
    const indexes = await listIndexes(client, table);
    // Creating an index afterwards is faster than growing it row by row.
    for (const { name } of indexes) await client.query(`DROP INDEX ${name}`);
    await client.query(`INSERT INTO ${table} (${columns.join(', ')})
      SELECT ${values.join(', ')} FROM generate_series(1, ${runs - 1}) AS n, ${table} AS it ORDER BY n`);
    for (const { definition } of indexes) await client.query(definition);
  };
  await client.query(`SET maintenance_work_mem = '256MB'`);
  const { rows } = await client.query(
    `SELECT array_to_string(reloptions, ',') AS options FROM pg_class WHERE oid = 'runs'::regclass`,
  );
  await client.query(`ALTER TABLE runs SET (fillfactor = ${leftFill})`);
  const runId = sqlParts.runId("lpad(to_hex(n), 12, '0')");
  await multiply('runs', {
    run_id: runId,
    agent_id: sqlParts.agentId(`lpad((n % ${agents})::text, 12, '0')`),
    status: `CASE WHEN (n / ${agents}) % ${failedOneIn} = 0 THEN 'error' ELSE it.status END`,
    ended_at_ms: 'it.ended_at_ms + n',
  });
  await client.query(`ALTER TABLE runs SET (${optionsRow.parse(rows[0]).options})`);
  await multiply('requests', { run_id: runId });
  await multiply('events', { run_id: runId });
  // The server would do this by itself, only later.
  await client.query('VACUUM ANALYZE');
  await client.query('CHECKPOINT');
  await client.end();
}

/** Indexes that belong to no constraint. */
async function listIndexes(client: Client, table: string): Promise<readonly z.infer<typeof indexRow>[]> {
  const { rows } = await client.query(
    `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
     WHERE indrelid = $1::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)`,
    [table],
  );
  return rows.map((row) => indexRow.parse(row));
}
