import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type Answered, asking, eventually, type McpSite, openMcp, resultOf, tasking } from './mcp-site.ts';
import { readMessages } from './mcp-stream.ts';

vi.setConfig({ testTimeout: 60_000 });

let mcp: McpSite;
beforeAll(async () => {
  mcp = await openMcp();
});
afterAll(async () => {
  await mcp[Symbol.asyncDispose]();
});

const size = { action: 'accept', content: { value: 'M' } };
const note = { action: 'accept', content: { words: 'in blue' } };
/** What the agent of the sandbox makes of the answers. */
const both = { size: 'M', note: { words: 'in blue' }, approved: false, rounds: 1 };

const keysOf = ({ body }: Answered): readonly string[] =>
  Object.keys((body?.result?.inputRequests ?? {}) as JsonObject);
const call = async (more: JsonObject = {}) => await mcp.call('several', {}, { capabilities: asking, more });
const retry = async ({ body }: Answered, inputResponses: JsonObject) =>
  await call({ requestState: body?.result?.requestState ?? null, inputResponses });

test('an interrupt that lists several questions asks them all at once, and takes the answers together', async () => {
  const asked = await call();
  expect(asked.body?.result?.inputRequests).toMatchObject({
    size: { params: { message: 'Which size?', requestedSchema: { properties: { value: { enum: ['S', 'M'] } } } } },
    note: { params: { message: 'Any note?', requestedSchema: { properties: { words: { type: 'string' } } } } },
  });
  expect(resultOf(await retry(asked, { size, note })).structuredContent).toEqual(both);
});

test('a call that is answered in part asks for the rest alone, and keeps the answer that it has', async () => {
  const again = await retry(await call(), { note });
  expect([again.body?.result?.resultType, keysOf(again)]).toEqual(['input_required', ['size']]);
  const changed = { action: 'accept', content: { words: 'in red' } };
  expect(resultOf(await retry(again, { size, note: changed })).structuredContent).toEqual(both);
});

test('an answer that breaks the schema of its question is refused, and both stay open', async () => {
  const asked = await call();
  const refused = await retry(asked, { size: { action: 'accept', content: { value: 'XL' } }, note });
  expect(refused.body?.error).toMatchObject({ code: -32602, message: expect.stringContaining('payload/size') });
  expect(keysOf(await retry(asked, {}))).toEqual(['size', 'note']);
});

test('a person who declines one of the questions ends the run as cancelled', async () => {
  const { isError } = resultOf(await retry(await call(), { size, note: { action: 'decline' } }));
  expect(isError).toBe(true);
});

async function makeTask() {
  const capabilities = tasking;
  const taskId = String((await mcp.call('several', {}, { capabilities })).body?.result?.taskId);
  const get = async () => await mcp.send('tasks/get', { taskId }, { capabilities });
  const asked = await eventually(async () => {
    const seen = await get();
    expect(seen.body?.result?.status).toBe('input_required');
    return seen;
  });
  const [sizeKey = '', noteKey = ''] = keysOf(asked);
  const update = async (inputResponses: JsonObject) =>
    await mcp.send('tasks/update', { taskId, inputResponses }, { capabilities });
  return { taskId, get, update, sizeKey, noteKey };
}

test('a task stays with the questions that are left, however often one of them is answered', async () => {
  const { get, update, sizeKey, noteKey } = await makeTask();
  await update({ [noteKey]: note });
  expect(keysOf(await get())).toEqual([sizeKey]);
  await update({ [noteKey]: { action: 'accept', content: { words: 'in red' } } });
  const seen = await get();
  expect([seen.body?.result?.status, keysOf(seen)]).toEqual(['input_required', [sizeKey]]);
  await update({ [sizeKey]: size });
  await eventually(async () =>
    expect((await get()).body?.result).toMatchObject({ status: 'completed', result: { structuredContent: both } }),
  );
});

test('answers to different questions that come at the same time are both kept, and resume the run once', async () => {
  const { get, update, sizeKey, noteKey } = await makeTask();
  await Promise.all([update({ [sizeKey]: size }), update({ [noteKey]: note }), update({ [noteKey]: note })]);
  await eventually(async () =>
    expect((await get()).body?.result).toMatchObject({ status: 'completed', result: { structuredContent: both } }),
  );
});

test('a client of another protocol sees the questions in the interrupt, and answers them all at once', async () => {
  const { taskId } = await makeTask();
  const { client } = mcp.site;
  const { interrupt } = (await client.output(taskId)) as JsonObject;
  expect(interrupt).toMatchObject({ questions: [{ id: 'size' }, { id: 'note' }] });
  const partly = await client.ask('POST', `/runs/${taskId}`, { size: 'M' });
  expect([partly.status, JSON.stringify(partly.body)]).toEqual([422, expect.stringContaining('payload/note')]);
  await client.resume(taskId, { size: 'M', note: { words: 'in blue' } });
  expect(await client.output(taskId)).toMatchObject({ result: both });
});

test('an older client is asked each question on the stream of its call, and answers in any order', async () => {
  const shake = { protocolVersion: '2025-11-25', capabilities: asking, clientInfo: { name: 'c', version: '1' } };
  const { headers } = await mcp.post({ jsonrpc: '2.0', id: 0, method: 'initialize', params: shake });
  const session = { 'mcp-session-id': headers.get('mcp-session-id') ?? '' };
  const params = { name: 'several', arguments: {} };
  const answer = await fetch(`${mcp.url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...session },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  });
  const messages = readMessages(answer);
  const [one, other] = [await messages.next(), await messages.next()];
  expect([one, other]).toMatchObject([{ params: { message: 'Which size?' } }, { params: { message: 'Any note?' } }]);
  expect((await mcp.post({ jsonrpc: '2.0', id: other.id ?? null, result: note }, session)).status).toBe(202);
  expect((await mcp.post({ jsonrpc: '2.0', id: one.id ?? null, result: size }, session)).status).toBe(202);
  expect(await messages.next()).toMatchObject({ id: 1, result: { structuredContent: both } });
});

test('a client that cannot ask gets the questions in words, with a schema of the whole answer', async () => {
  const { text, runId } = resultOf(await mcp.call('several'));
  expect(text).toContain('Which size?\nAny note?');
  expect(text).toContain('"required":["size","note"]');
  expect(resultOf(await mcp.call('get_run', { run_id: runId })).text).toBe(text);
  const payload = { size: 'M', note: { words: 'in blue' } };
  expect(resultOf(await mcp.call('resume_run', { run_id: runId, payload })).structuredContent).toEqual(both);
});
