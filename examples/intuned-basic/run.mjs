import { RungateClient } from '../clients/rungate-client.mjs';
import { startExample } from '../stand-ins.mjs';

await using gateway = await startExample(import.meta.dirname);
const client = new RungateClient(gateway.url);
const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);

// The schema refuses an input without a URL before anything costs money.
await client.create({ input: {} }).catch((error) => say('refused:', error.message));

const run = await client.create({
  input: { url: 'https://shop.example/kettles', seconds: 0.5 },
  config: { configurable: { retry: { maximumAttempts: 3 } } },
});
for await (const event of client.stream(run.run_id)) {
  if (event.status === 'success') say('prices:', event.result.prices.join(', '));
}
