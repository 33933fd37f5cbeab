import { BrowserUse } from 'browser-use-sdk/v4';

const client = new BrowserUse({ apiKey: 'test-key', baseUrl: process.argv[2] });
const { id } = await client.runs.create({ task: 'find the top post', model: 'gpt-5.6', maxCostUsd: 2 });
const { status } = await client.runs.waitForCompletion(id, { interval: 1 });
await client.runs.cancel(id);
process.stdout.write(JSON.stringify({ id, status }));
