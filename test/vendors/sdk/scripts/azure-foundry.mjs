import { AgentsClient } from '@azure/ai-agents';
import { createDefaultHttpClient } from '@azure/core-rest-pipeline';

// The client sends its token to https addresses only.
const [endpoint, base] = ['https://vendor.example', process.argv[2]];
const http = createDefaultHttpClient();
const httpClient = {
  sendRequest: (request) => {
    request.url = request.url.replace(endpoint, base);
    request.allowInsecureConnection = true;
    return http.sendRequest(request);
  },
};
const credential = { getToken: async () => ({ token: 'token-1', expiresOnTimestamp: Date.now() + 3_600_000 }) };
const client = new AgentsClient(endpoint, credential, { httpClient });
const run = await client.runs.createThreadAndRun('asst_1', { thread: { messages: [{ role: 'user', content: 'Hi' }] } });
const { id, threadId } = run;
await client.runs.get(threadId, id);
const { status } = await client.runs.get(threadId, id);
for await (const _ of client.messages.list(threadId, { runId: id, order: 'asc' })) break;
await client.runs.cancel(threadId, id);
process.stdout.write(JSON.stringify({ id, status }));
