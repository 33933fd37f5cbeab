import { BrowserUse } from 'browser-use-sdk/v4';

const client = new BrowserUse({ apiKey: 'test-key', baseUrl: process.argv[2] });
const start = () => client.runs.create({ task: 'find the top post', model: 'gpt-5.6', maxCostUsd: 2 });
const { id } = await start();
const { status, result } = await client.runs.waitForCompletion(id, { interval: 200 });
const second = await start();
await client.runs.cancel(second.id);
const { status: cancelled } = await client.runs.get(second.id);
process.stdout.write(JSON.stringify({ id, status, result, cancelled, names: { 'r-1': [id, second.id] } }));
