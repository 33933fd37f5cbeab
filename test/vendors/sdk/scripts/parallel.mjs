import Parallel from 'parallel-web';

const client = new Parallel({ apiKey: 'test-key', baseURL: process.argv[2] });
const { run_id: id } = await client.taskRun.create({ input: 'what is the GDP of France?', processor: 'core' });
await client.taskRun.retrieve(id);
const { status } = await client.taskRun.retrieve(id);
await client.taskRun.result(id);
process.stdout.write(JSON.stringify({ id, status }));
