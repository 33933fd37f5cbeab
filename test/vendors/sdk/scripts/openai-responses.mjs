import OpenAI from 'openai';

const client = new OpenAI({ apiKey: 'test-key', baseURL: process.argv[2], maxRetries: 0 });
const { id } = await client.responses.create({
  model: 'gpt-5',
  input: 'Say hello',
  max_output_tokens: 50,
  background: true,
  store: true,
});
await client.responses.retrieve(id);
const { status } = await client.responses.retrieve(id);
await client.responses.cancel(id).catch(() => {});
process.stdout.write(JSON.stringify({ id, status }));
