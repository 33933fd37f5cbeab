import Firecrawl from 'firecrawl';

const client = new Firecrawl({ apiKey: 'fc-test', apiUrl: process.argv[2] });
const { id } = await client.startAgent({ prompt: 'find the founders', maxCredits: 100 });
await client.getAgentStatus(id);
const { status } = await client.getAgentStatus(id);
await client.cancelAgent(id);
process.stdout.write(JSON.stringify({ id, status }));
