import { expect, test } from 'vitest';
import { openProtocols } from '../protocols/protocol-sites.ts';
import { runId } from '../protocols/scripted-api.ts';
import { threadId } from '../protocols/scripted-threads.ts';

const both = 'under /acp/v0.2 and /agent-protocol';
const three = 'under /acp/v0.2, /agent-protocol and /langgraph';

test.each([
  ['POST', '/runs/stream', 422, `POST /runs/stream is served ${three}`],
  ['POST', '/acp/v0.1/runs/wait', 422, `POST /runs/wait is served ${three}`],
  ['GET', `/runs/${runId}/wait`, 404, `GET /runs/${runId}/wait is served ${both}`],
  ['HEAD', `/runs/${runId}/wait`, 404, ''],
  ['POST', `/runs/${runId}/cancel`, 404, `POST /runs/${runId}/cancel is served ${both}`],
  ['POST', `/threads/${threadId}/runs`, 404, `POST /threads/${threadId}/runs is served under /acp/v0.2`],
  ['PUT', '/acp/v0.2/store/items', 404, 'PUT /store/items is served under /agent-protocol'],
  ['PATCH', `/threads/${threadId}`, 405, `PATCH /threads/${threadId} is served ${three}`],
  ['GET', `/acp/v0.2/runs/${runId}/output`, 404, `GET /runs/${runId}/output is served under /acp/v0.1`],
  [
    'GET',
    '/agent-protocol/agents/x/descriptor',
    404,
    'GET /agents/x/descriptor is served under /acp/v0.1 and /acp/v0.2',
  ],
  ['POST', `/agent-protocol/runs/${runId}`, 405, `POST /runs/${runId} is served under /acp/v0.1 and /acp/v0.2`],
  ['DELETE', '/store/namespaces', 404, '/store/namespaces is served with POST under /agent-protocol'],
])('%s %s is refused with %i and says where it is served', async (method, path, status, where) => {
  await using site = await openProtocols();
  const body = method === 'GET' || method === 'HEAD' ? null : '{}';
  const answer = await site.fetch(path, { method, body, headers: { 'content-type': 'application/json' } });
  expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining(where)]);
});

test.each([
  ['/runs', 'stream_mode', `POST /runs takes it ${three}`],
  ['/acp/v0.1/runs', 'multitask_strategy', 'POST /runs takes it under /acp/v0.2'],
  ['/acp/v0.2/runs', 'if_not_exists', 'POST /runs takes it under /agent-protocol'],
  ['/agent-protocol/runs', 'after_seconds', 'POST /runs takes it under /acp/v0.2'],
  ['/acp/v0.2/runs/search', 'thread_id', 'POST /runs/search takes it under /agent-protocol'],
  ['/threads', 'if_exists', `POST /threads takes it ${three}`],
  ['/acp/v0.2/agents/search', 'metadata', 'POST /agents/search takes it under /agent-protocol'],
])('POST %s with %s is refused and says which protocol takes the member', async (path, member, where) => {
  await using site = await openProtocols();
  const answer = await site.post(path, { [member]: 'x', ...(path === '/threads' ? { agent_id: 'a' } : {}) });
  expect([answer.status, await answer.text()]).toEqual([
    422,
    expect.stringContaining(`${member} is not a known member; ${where}`),
  ]);
});

test.each([
  ['GET', '/nowhere', 404, 'no such path: GET /nowhere'],
  ['GET', '/acp/v0.2/acp/v0.1/runs', 404, 'no such path: GET /acp/v0.2/acp/v0.1/runs'],
  ['GET', `/${'x'.repeat(300)}`, 404, `no such path: GET /${'x'.repeat(199)}… (301 characters)`],
  ['PUT', '/runs', 405, 'the path does not take this method: it takes POST, and not PUT'],
])('%s %s, which no protocol has, is refused by its name', async (method, path, status, message) => {
  await using site = await openProtocols();
  const answer = await site.fetch(path, { method });
  expect([answer.status, await answer.json()]).toEqual([status, message]);
});

test('a member that no protocol has is refused with the nearest word, and a wrong value with its own words', async () => {
  await using site = await openProtocols();
  const unknown = await site.post('/runs', { inptu: {} });
  expect(await unknown.json()).toBe('the request is not valid: inptu is not a known member; did you mean "input"?');
  const wrong = await site.post('/agent-protocol/runs', { on_completion: 'x' });
  expect(await wrong.text()).toContain('on_completion must be delete or keep"');
});

test.each([
  ['/v1/chat/completions', 'POST /v1/chat/completions; POST /v1/responses takes the texts as its "input"'],
  ['/chat/completions', 'POST /chat/completions; POST /v1/responses takes the texts as its "input"'],
  ['/v1/completions', 'POST /v1/completions; POST /v1/responses takes the prompt as its "input"'],
])(
  'POST %s, which clients of OpenAI may call, is refused with what the gateway has in its place',
  async (path, words) => {
    await using site = await openProtocols();
    const answer = await site.post(path, { model: 'echo' });
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain(JSON.stringify(`no such path: ${words}`).slice(1, -1));
  },
);
