import { RungateClient } from '../clients/rungate-client.mjs';
import { startExample } from '../stand-ins.mjs';

await using gateway = await startExample(import.meta.dirname);
const client = new RungateClient(gateway.url);
const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);

const run = await client.create({ input: { question: 'Refund 20 EUR to Ann?' } });
const { status, interrupt } = await client.wait(run.run_id);
say(status, interrupt.interrupt_type, interrupt.question);

// A payload that the schema does not allow is refused, and the run goes on waiting.
await client.resume(run.run_id, { approved: 'maybe' }).catch((error) => say('refused:', error.message));

await client.resume(run.run_id, { approved: true, by: 'Bea' });
const output = await client.wait(run.run_id);
say(output.status, JSON.stringify(output.result));
