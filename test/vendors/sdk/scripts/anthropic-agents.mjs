import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({ apiKey: 'sk-test', baseURL: process.argv[2], maxRetries: 0 });
const { id } = await client.beta.sessions.create({
  agent: 'agent_1',
  environment_id: 'env_1',
  initial_events: [{ type: 'user.message', content: [{ type: 'text', text: 'Hi' }] }],
});
await client.beta.sessions.retrieve(id);
await client.beta.sessions.events.list(id, { order: 'asc', limit: 1000 });
await client.beta.sessions.retrieve(id);
const { status } = await client.beta.sessions.retrieve(id);
await client.beta.sessions.events.send(id, { events: [{ type: 'user.interrupt' }] });
process.stdout.write(JSON.stringify({ id, status }));
