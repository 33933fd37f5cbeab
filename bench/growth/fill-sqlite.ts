import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { openStore } from '../../src/store/open.ts';
import { silentLog } from '../../test/store/runs.ts';
import { agents, failedOneIn, makeRun, sqlParts } from './template-run.ts';

const columnRow = z.object({ name: z.string() });
const indexRow = z.object({ name: z.string(), sql: z.string() });

/** Makes a store of finished runs: one is written by the store itself, and multiplied by SQL. */
export async function fillSqlite(file: string, runs: number): Promise<void> {
  const store = await openStore(`sqlite:${file}`, { log: silentLog });
  await store.insert(...makeRun('01900000-0000-7000-8000-000000000000', 0, true));
  await store.close();
  const database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = MEMORY; PRAGMA cache_size = -500000; PRAGMA temp_store = MEMORY');
  const numbers = `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${runs - 1})`;
  const multiply = (table: string, changed: Readonly<Record<string, string>>): void => {
    const columns = database
      .prepare(`PRAGMA table_info(${table})`)
      .all()
      .map((row) => columnRow.parse(row).name);
    const values = columns.map((column) => changed[column] ?? `it.${column}`);
    const indexes = database
      .prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL`)
      .all(table)
      .map((row) => indexRow.parse(row));
    // Creating an index afterwards is faster than growing it row by row.
    for (const { name } of indexes) database.exec(`DROP INDEX ${name}`);
    // Sorted and kept, so that the copies are not copied.
    database.exec(`INSERT INTO ${table} (${columns.join(', ')}) ${numbers}
      SELECT ${values.join(', ')} FROM numbers JOIN (SELECT * FROM ${table}) AS it ORDER BY n`);
    for (const { sql } of indexes) database.exec(sql);
  };
  database.exec('BEGIN');
  multiply('runs', {
    id: 'it.id + n',
    run_id: sqlParts.runId("printf('%012x', n)"),
    agent_id: sqlParts.agentId(`printf('%012d', n % ${agents})`),
    status: `CASE WHEN (n / ${agents}) % ${failedOneIn} = 0 THEN 'error' ELSE it.status END`,
    ended_at_ms: 'it.ended_at_ms + n',
  });
  multiply('requests', { id: 'it.id + n' });
  multiply('events', { run: 'it.run + n' });
  // Flushes the file now; otherwise the disk would be busy with it while the store is measured.
  database.exec('COMMIT');
  database.close();
}
