import { expect, test } from 'vitest';
import { openOverSandbox, sampleInMemory } from './over-sandbox.ts';
import { ask } from './protocols.ts';

const message = { messageId: 'm', role: 'ROLE_USER', parts: [{ text: 'hi' }] };
const agUi = { threadId: 't', runId: 'r', messages: [], tools: [], context: [], state: {}, forwardedProps: {} };
const listTools = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
const send = { jsonrpc: '2.0', id: 1, method: 'SendMessage', params: { message } };
const acp = 'POST /acp/v0.1/agents/search';

/** How an unknown agent is asked for in each protocol, and what then lists those that there are. */
const asked = [
  ['POST', '/runs', { agent_id: 'ecko', input: {} }, 'POST /agents/search'],
  ['POST', '/acp/v0.1/runs', { agent_id: 'ecko', input: {} }, acp],
  ['POST', '/acp/v0.2/runs/wait', { agent_id: 'ecko', input: {} }, 'POST /acp/v0.2/agents/search'],
  ['GET', '/acp/v0.2/agents/ecko/descriptor', undefined, 'POST /acp/v0.2/agents/search'],
  ['POST', '/agent-protocol/runs/stream', { agent_id: 'ecko', input: {} }, 'POST /agent-protocol/agents/search'],
  ['POST', '/langgraph/runs/wait', { assistant_id: 'ecko', input: {} }, 'POST /langgraph/assistants/search'],
  ['GET', '/langgraph/assistants/ecko', undefined, 'POST /langgraph/assistants/search'],
  ['POST', '/v1/responses', { model: 'ecko', input: 'hi' }, 'GET /v1/models'],
  ['GET', '/v1/models/ecko', undefined, 'GET /v1/models'],
  ['POST', '/ag-ui/ecko', agUi, acp],
  ['POST', '/mcp/ecko', listTools, acp],
  // The fault stands in the answer to a call, which knows its own protocol alone.
  ['POST', '/a2a/ecko', send, undefined],
  ['GET', '/a2a/ecko/.well-known/agent-card.json', undefined, acp],
  ['POST', '/restack/api/agents/ecko', {}, acp],
] as const;

test('an unknown agent is refused in every protocol with its name, the nearest one and where the agents are listed', async () => {
  await using site = await openOverSandbox(sampleInMemory);
  for (const [method, path, body, list] of asked) {
    const { status, body: refused } = await ask(site.url, method, path, body);
    const where = list === undefined ? '' : ` ${list} lists them`;
    const said = `no such agent: "ecko"; did you mean "echo"?${where}`;
    expect([path, status, JSON.stringify(refused)]).toEqual([
      path,
      404,
      expect.stringContaining(JSON.stringify(said).slice(1, -1)),
    ]);
    if (list === undefined) continue;
    const [listMethod = '', listPath = ''] = list.split(' ');
    const found = await ask(site.url, listMethod, listPath, listMethod === 'POST' ? { limit: 100 } : undefined);
    expect([list, found.status, JSON.stringify(found.body)]).toEqual([list, 200, expect.stringContaining('"echo"')]);
  }
});
