// Drives a gateway with the sample agents: node examples/clients/demo.mjs [URL]
import { RungateClient } from './rungate-client.mjs';

const client = new RungateClient(process.argv[2] ?? 'http://127.0.0.1:8080');
const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);

// Create and wait. The same key gives the same run.
const run = await client.create({ agent_id: 'echo', input: { hello: 'world' } }, 'demo-key-0001');
const again = await client.create({ agent_id: 'echo', input: { hello: 'world' } }, 'demo-key-0001');
say('created once:', run.run_id === again.run_id);
say('result:', JSON.stringify((await client.wait(run.run_id)).result));

// Stream.
const scrape = await client.create({ agent_id: 'scrape', input: { url: 'https://shop.example', seconds: 1 } });
const ids = [];
let last;
for await (const event of client.stream(scrape.run_id, { retryMs: 50 })) {
  ids.push(event.id);
  last = event;
}
say(
  'events in order:',
  ids.every((id, at) => id === at + 1),
);
say('prices:', last.result.count);

// Resume.
const approval = await client.create({ agent_id: 'approval', input: { question: 'Refund 20 EUR?' } });
const { interrupt } = await client.wait(approval.run_id);
say('asks:', interrupt.question);
await client.resume(approval.run_id, { approved: true });
say('approved:', (await client.wait(approval.run_id)).result.approved);
