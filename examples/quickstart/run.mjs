import { RungateClient } from '../clients/rungate-client.mjs';
import { startExample } from '../stand-ins.mjs';

await using gateway = await startExample(import.meta.dirname);
const client = new RungateClient(gateway.url);

const run = await client.create({ input: { hello: 'world' } });
process.stdout.write(`created: ${run.status}\n`);
const { status, result } = await client.wait(run.run_id);
process.stdout.write(`ended: ${status} ${JSON.stringify(result)}\n`);
