import { Client } from '@langchain/langgraph-sdk';

const client = new Client({ apiUrl: process.argv[2], apiKey: 'test-key' });
const { run_id: id } = await client.runs.create('run-1', 'agent', {
  input: { messages: [{ role: 'user', content: 'Hi' }] },
  config: {},
  ifNotExists: 'create',
  multitaskStrategy: 'reject',
  metadata: { rungate_run_id: 'run-1' },
  webhook: 'https://runs.example/push/x',
});
await client.runs.get('run-1', id);
const { status } = await client.runs.get('run-1', id);
await client.threads.getState('run-1');
await client.runs.cancel('run-1', id, false, 'interrupt');
process.stdout.write(JSON.stringify({ id, status }));
