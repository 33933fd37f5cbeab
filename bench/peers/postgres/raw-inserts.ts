import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Client } from 'pg';

/**
 * Inserts single rows by node-postgres, each a commit, as long as the gateway's own rows of a run. Takes a URL and a number of
 * connections; for each line with a number of seconds it prints how many rows it inserted.
 */
const [url = '', connections = '50'] = process.argv.slice(2);

const state = JSON.stringify({ filler: 'x'.repeat(300) });
const text = 'INSERT INTO raw (id, tenant, state) VALUES ($1, $2, $3)';

const clients = await Promise.all(
  Array.from({ length: Number(connections) }, async () => {
    const client = new Client({ connectionString: url });
    await client.connect();
    return client;
  }),
);

async function insertUntil(client: Client, endMs: number): Promise<number> {
  let count = 0;
  for (; performance.now() < endMs; count += 1) {
    await client.query({ name: 'raw', text, values: [randomUUID(), 'default', state] });
  }
  return count;
}

process.stdout.write('ready\n');
for await (const seconds of createInterface({ input: process.stdin })) {
  const endMs = performance.now() + Number(seconds) * 1000;
  const counts = await Promise.all(clients.map((client) => insertUntil(client, endMs)));
  process.stdout.write(`inserted ${counts.reduce((sum, count) => sum + count, 0)}\n`);
}
await Promise.all(clients.map((client) => client.end()));
