import Browserbase from '@browserbasehq/sdk';

const client = new Browserbase({ apiKey: 'bb_test', baseURL: process.argv[2] });
const { runId: id } = await client.agents.runs.create({ task: 'read the page', agentId: 'ag-1' });
await client.agents.runs.retrieve(id);
const { status } = await client.agents.runs.retrieve(id);
process.stdout.write(JSON.stringify({ id, status }));
