import { setTimeout as sleep } from 'node:timers/promises';
import { makeWorkerUtils, run } from 'graphile-worker';
import { Pool } from 'pg';
import { runJob, serve } from './vendor.mjs';

const connectionString = process.env.DATABASE_URL;
// A job leaves no result behind, so it writes one, as its readers are told to.
const pool = new Pool({ connectionString });
await pool.query('CREATE TABLE IF NOT EXISTS outputs (key text PRIMARY KEY, output jsonb)');
const utils = await makeWorkerUtils({ connectionString });
await utils.migrate();
await run({
  connectionString,
  concurrency: 50,
  taskList: {
    async job(order) {
      const output = await runJob(order, { step: (_name, act) => act(), sleep: (ms) => sleep(ms) });
      await pool.query('UPDATE outputs SET output = $2 WHERE key = $1', [order.key, JSON.stringify(output)]);
    },
  },
});
serve({
  async take(order) {
    await pool.query(
      `WITH taken AS (INSERT INTO outputs (key) VALUES ($1) ON CONFLICT DO NOTHING RETURNING key)
       SELECT graphile_worker.add_job('job', $2::json, job_key => key) FROM taken`,
      [order.key, JSON.stringify(order)],
    );
    return order.key;
  },
  async look(key) {
    const { rows } = await pool.query('SELECT output FROM outputs WHERE key = $1', [key]);
    if (rows.length === 0) return null;
    if (rows[0].output !== null) return { output: rows[0].output };
    const { rowCount } = await pool.query(
      'SELECT FROM graphile_worker.jobs WHERE key = $1 AND attempts >= max_attempts AND locked_at IS NULL',
      [key],
    );
    return rowCount === 0 ? {} : { error: 'no attempt is left' };
  },
});
