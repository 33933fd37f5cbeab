import { RungateClient } from '../clients/rungate-client.mjs';
import { startExample } from '../stand-ins.mjs';

await using gateway = await startExample(import.meta.dirname);
const client = new RungateClient(gateway.url);

const inputs = {
  'price-scraper': { url: 'https://shop.example/kettles', seconds: 0.5 },
  support: { message: 'Where is my order?' },
  'fulfil-order': { orderId: 'A-17' },
};
const answers = await Promise.all(
  Object.entries(inputs).map(async ([agent, input]) => {
    const run = await client.create({ agent_id: agent, input });
    const { status, result } = await client.wait(run.run_id);
    return `${agent}: ${status}, ${result.answer}\n`;
  }),
);
process.stdout.write(answers.join(''));
