import Exa from 'exa-js';

const exa = new Exa('test-key', process.argv[2]);
const { id } = await exa.agent.runs.create({ query: 'who leads the market?', effort: 'low' });
await exa.agent.runs.get(id);
const { status } = await exa.agent.runs.get(id);
await exa.agent.runs.cancel(id);
process.stdout.write(JSON.stringify({ id, status }));
