import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';

const client = new OpenAI({ apiKey: 'test-key', baseURL: process.argv[2], maxRetries: 0 });
const start = () =>
  client.responses.create({ model: 'gpt-5', input: 'Say hello', max_output_tokens: 50, background: true, store: true });
let response = await start();
while (['queued', 'in_progress'].includes(response.status)) {
  await sleep(200);
  response = await client.responses.retrieve(response.id);
}
const { id } = await start();
const { status: cancelled } = await client.responses.cancel(id);
const names = { resp_1: [response.id, id] };
const { status, output_text: result } = response;
process.stdout.write(JSON.stringify({ id: response.id, status, result, cancelled, names }));
