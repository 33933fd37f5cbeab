import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@langchain/langgraph-sdk';

const [, , apiUrl, sinkUrl] = process.argv;
const client = new Client({ apiUrl, apiKey: 'test-key' });
const start = () =>
  client.runs.create('run-1', 'researcher', {
    input: { messages: [{ role: 'user', content: 'Hi' }] },
    config: {},
    ifNotExists: 'create',
    multitaskStrategy: 'reject',
    metadata: { rungate_run_id: 'run-1' },
    webhook: sinkUrl,
  });
let run = await start();
while (['pending', 'running'].includes(run.status)) {
  await sleep(200);
  run = await client.runs.get('run-1', run.run_id);
}
const { values } = await client.threads.getState('run-1');
const { run_id: id } = await start();
await client.runs.cancel('run-1', id, false, 'interrupt');
const { status: cancelled } = await client.runs.get('run-1', id);
const names = { 'r-1': [run.run_id, id], agent: 'researcher', 'https://runs.example/push/x': sinkUrl };
process.stdout.write(JSON.stringify({ id: run.run_id, status: run.status, result: values, cancelled, names }));
