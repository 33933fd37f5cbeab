import { RungateClient } from '../clients/rungate-client.mjs';
import { startExample } from '../stand-ins.mjs';

await using gateway = await startExample(import.meta.dirname);
const client = new RungateClient(gateway.url);

const inputs = {
  'price-scraper': { url: 'https://shop.example/kettles', seconds: 0.5 },
  'fulfil-order': { orderId: 'A-17' },
  researcher: { topic: 'the price of tea' },
  writer: { message: 'Describe a kettle.' },
  crawler: { url: 'https://shop.example/teapots', seconds: 0.5 },
  shopper: { task: 'Find the cheapest kettle.' },
  concierge: { text: 'When is breakfast?' },
  painter: { prompt: 'a red kettle' },
};
const answers = await Promise.all(
  Object.entries(inputs).map(async ([agent, input]) => {
    const run = await client.create({ agent_id: agent, input });
    const { status, result } = await client.wait(run.run_id);
    return `${agent}: ${run.status}, then ${status}: ${result.answer}\n`;
  }),
);
process.stdout.write(answers.join(''));
