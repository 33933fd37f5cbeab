import { CompletionClient } from 'dify-client';

const client = new CompletionClient('app-test-key', process.argv[2]);
const { data } = await client.runWorkflow({ query: 'why?' }, 'customer-7', true);
let text = '';
for await (const chunk of data) text += chunk;
if (!text.includes('workflow_started')) throw new Error('the client did not read the stream');
