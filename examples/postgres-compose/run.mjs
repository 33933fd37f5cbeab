import { RungateClient } from '../clients/rungate-client.mjs';
import { startExample } from '../stand-ins.mjs';

// RUNGATE_STORE_URL names the database.
await using gateway = await startExample(import.meta.dirname, { replicas: 2 });
const [first, second] = gateway.urls.map((url) => new RungateClient(url));

const run = await first.create({ agent_id: 'order', input: { orderId: 'A-17' } });
for await (const event of second.stream(run.run_id)) {
  if (event.status === 'success')
    process.stdout.write(`created at one, followed at the other: ${event.result.orderId}\n`);
}
