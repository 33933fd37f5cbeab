import { expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import { openSite } from '../http/app.ts';
import { absentId, agentId, runId, runOf } from './scripted-api.ts';
import { checkpointOf, newThreadId, threadId, threadOf } from './scripted-threads.ts';

const plain = { thread_id: threadId, agent_id: '', metadata: {} };

test('POST /threads creates a thread for an agent', async () => {
  await using site = await openSite();
  const answer = await site.post('/threads', { agent_id: agentId, metadata: { team: 'a' } });
  const made = { thread_id: newThreadId, agent_id: agentId, metadata: { team: 'a' } };
  expect([answer.status, await answer.json()]).toEqual([200, made]);
  expect(site.api.threads.created).toEqual([
    { tenant: 'default', agent: agentId, metadata: { team: 'a' }, ifExists: 'raise' },
  ]);
  const unknown = await site.post('/threads', { agent_id: 'nobody' });
  expect([unknown.status, await unknown.json()]).toEqual([404, 'no such agent']);
  const missing = await site.post('/threads', {});
  expect([missing.status, await missing.json()]).toEqual([422, 'the request is not valid: agent_id is required']);
});

test('POST /threads/search passes on every filter, and an unknown agent has no threads', async () => {
  await using site = await openSite();
  const filter = { metadata: { a: 1 }, limit: 2, offset: 3 };
  expect(await (await site.post('/threads/search', { ...filter, agent_id: 'price-scraper' })).json()).toEqual([plain]);
  expect(await (await site.post('/threads/search', { agent_id: 'nobody' })).json()).toEqual([]);
  expect(site.api.threads.searched).toEqual([{ ...filter, tenant: 'default', agentId, omitState: true }]);
});

test('a thread is read, and its deletion answers it', async () => {
  await using site = await openSite();
  expect(await (await site.fetch(`/threads/${threadId}`)).json()).toEqual(plain);
  site.api.threads.byId.set(threadId, threadOf({ activeRunId: runId }));
  expect((await site.fetch(`/threads/${threadId}`, { method: 'DELETE' })).status).toBe(409);
  site.api.threads.byId.set(threadId, threadOf({ agentId }));
  const removed = await site.fetch(`/threads/${threadId}`, { method: 'DELETE' });
  expect([removed.status, await removed.json()]).toEqual([200, { ...plain, agent_id: agentId }]);
  expect((await site.fetch(`/threads/${threadId}`)).status).toBe(404);
});

test.each<[values: Json, state: Json]>([
  [null, {}],
  [{ a: 1 }, { a: 1 }],
  [[1], [1]],
])('the thread state %j is answered as %j', async (values, state) => {
  await using site = await openSite();
  site.api.threads.byId.set(threadId, threadOf({ values }));
  site.api.threads.checkpoints.push(checkpointOf({ values, runId }));
  expect(await (await site.fetch(`/threads/${threadId}/state`)).json()).toEqual(state);
  expect(await (await site.fetch(`/runs/${runId}/threadstate`)).json()).toEqual(state);
});

test('GET /runs/{run_id}/threadstate is 409 for a run that left no state, and 404 for an absent run', async () => {
  await using site = await openSite();
  const none = await site.fetch(`/runs/${runId}/threadstate`);
  expect([none.status, await none.json()]).toEqual([409, 'the run has left no thread state']);
  expect((await site.fetch(`/runs/${absentId}/threadstate`)).status).toBe(404);
});

test('GET /threads/{thread_id}/history is the runs, oldest first', async () => {
  await using site = await openSite();
  site.api.runs.byId.set(absentId, runOf({ runId: absentId, threadId }));
  const history: unknown = await (await site.fetch(`/threads/${threadId}/history`)).json();
  expect(history).toMatchObject([{ run_id: absentId, thread_id: threadId }, { run_id: runId }]);
  expect(site.api.runs.searched).toEqual([{ tenant: 'default', threadId, limit: 1000, offset: 0 }]);
  expect((await site.fetch(`/threads/${absentId}/history`)).status).toBe(404);
});

test('POST /runs joins a thread that exists and is idle', async () => {
  await using site = await openSite();
  const answer = await site.post('/runs', { thread_id: threadId });
  const creation = { agent_id: agentId, thread_id: threadId };
  expect(await answer.json()).toMatchObject({ thread_id: threadId, creation });
  expect(site.api.runs.created[0]?.thread).toEqual({ threadId, ifNotExists: 'reject', whenBusy: 'reject' });
  site.api.threads.byId.set(threadId, threadOf({ activeRunId: runId }));
  expect((await site.post('/runs', { thread_id: threadId })).status).toBe(409);
  expect((await site.post('/runs', { thread_id: absentId })).status).toBe(404);
});
