import { afterEach, describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { answer, type Reply, silence } from '../upstream/vendor-server.ts';
import { faultOf } from './adapter-contract.ts';
import { content, type McpRig, openMcp, type Revision, refs, targetOf, task } from './mcp-rig.ts';
import { type Answered, streamOf } from './mcp-server.ts';

let rig: McpRig;
afterEach(async () => await rig.close());

async function open(...options: Parameters<typeof openMcp>): Promise<void> {
  rig = await openMcp(...options);
}

describe('an observation', () => {
  test('a task that works says when it is to be asked for again, in the words of each revision', async () => {
    await open('legacy', { 'tasks/get': { result: task('working', { pollInterval: 5000 }) } });
    expect(await rig.observe(refs.legacy)).toEqual({
      status: 'working',
      raw: { status: 'working', task: task('working', { pollInterval: 5000 }) },
      notBeforeMs: 5000,
    });
    await rig.close();
    await open('modern', { 'tasks/get': { result: task('working', { pollIntervalMs: 7000 }) } });
    expect((await rig.observe(refs.modern)).notBeforeMs).toBe(7000);
    expect(rig.server.received.at(-1)?.headers['mcp-name']).toBe('t-1');
  });

  test.each<[string, string, boolean]>([
    ['completed', 'completed', false],
    ['completed', 'failed', true],
    ['failed', 'failed', true],
  ])('the result of a %s task is fetched, and shows a run that is %s', async (status, shown, isError) => {
    const result = { ...content('hi'), isError };
    await open('legacy', { 'tasks/get': { result: task(status) }, 'tasks/result': { result } });
    expect(await rig.observe(refs.legacy)).toEqual({
      status: shown,
      raw: { status: shown, task: task(status), result },
    });
    expect(rig.callsOf('tasks/result')).toEqual([['tasks/result', { taskId: 't-1' }]]);
  });

  test('the error of a task that failed stands in place of its result', async () => {
    const error = { code: -32000, message: 'the tool broke' };
    await open('legacy', { 'tasks/get': { result: task('failed') }, 'tasks/result': { error } });
    expect(await rig.observe(refs.legacy)).toMatchObject({ status: 'failed', raw: { error } });
  });

  test.each<[string, Answered, string]>([
    ['an error', { error: { code: -32603, message: 'lost' } }, 'rejected'],
    ['a 500', { reply: answer(500, {}) }, 'retry'],
  ])(
    'a result of a completed task that is refused by %s says nothing about the task',
    async (_, answered, consequence) => {
      await open('legacy', { 'tasks/get': { result: task('completed') }, 'tasks/result': answered });
      const fault = await faultOf(rig.observe(refs.legacy));
      expect(fault).toMatchObject({ consequence, step: 'result', vendorStatus: 'completed' });
    },
  );

  test('a cancelled task has no result to fetch', async () => {
    await open('legacy', { 'tasks/get': { result: task('cancelled') } });
    expect(await rig.observe(refs.legacy)).toMatchObject({ status: 'cancelled' });
    expect(rig.callsOf('tasks/result')).toEqual([]);
  });

  test.each<[JsonObject, string, JsonObject]>([
    [{ ...task('completed'), result: content('hi') }, 'completed', { result: content('hi') }],
    [{ ...task('completed'), result: { isError: true } }, 'failed', { result: { isError: true } }],
    [{ ...task('failed'), error: { code: 1, message: 'no' } }, 'failed', { error: { code: 1, message: 'no' } }],
  ])('a task of 2026-07-28 has its end with it: %j', async (result, status, parts) => {
    await open('modern', { 'tasks/get': { result } });
    const raw = { status, task: task(String(result.status)), ...parts };
    expect(await rig.observe(refs.modern)).toEqual({ status, raw });
    expect(rig.callsOf('tasks/result')).toEqual([]);
  });

  test.each<[string, Answered, string]>([
    ['a task that is not known', { error: { code: -32602, message: 'Task not found' } }, 'gone'],
    ['another error', { error: { code: -32603, message: 'broken' } }, 'retry'],
    ['another task', { result: { taskId: 't-2', status: 'completed' } }, 'retry'],
    ['no task', { result: {} }, 'retry'],
    ['404', { reply: answer(404, {}) }, 'retry'],
    ['401', { reply: answer(401, {}) }, 'retry'],
    ['503', { reply: answer(503, {}) }, 'retry'],
    ['a page', { reply: answer(200, '<html></html>') }, 'retry'],
    ['silence', { reply: silence }, 'retry'],
  ])('an observation that is answered with %s means what the table says', async (_, answered, consequence) => {
    await open('modern', { 'tasks/get': answered });
    expect((await faultOf(rig.observe(refs.modern))).consequence).toBe(consequence);
  });
});

describe('a question', () => {
  const params = { message: 'which city?', requestedSchema: { type: 'object' } };
  const question = { jsonrpc: '2.0', id: 7, method: 'elicitation/create', params };
  const asked = (key: Json) => ({
    status: 'input_required',
    raw: { requests: [{ key, method: 'elicitation/create', params }] },
  });

  test('a question of 2025-11-25 is read from the stream of the result, once, and answered by a message of its own', async () => {
    await open('legacy', {
      'tasks/get': { result: task('input_required') },
      'tasks/result': { reply: streamOf([{ jsonrpc: '2.0', method: 'notifications/message', params: {} }, question]) },
      answer: { reply: (response) => void response.writeHead(202).end() },
    });
    expect(await rig.observe(refs.legacy)).toMatchObject(asked(7));
    expect(await rig.observe(refs.legacy)).toMatchObject(asked(7));
    expect(rig.callsOf('tasks/result')).toHaveLength(1);
    const resumption = { key: 7, action: 'accept', content: { city: 'Paris' } };
    expect(await rig.resume(refs.legacy, resumption)).toBeUndefined();
    expect(rig.callsOf('answer')).toEqual([
      ['answer', { id: 7, result: { action: 'accept', content: { city: 'Paris' } } }],
    ]);
    expect(rig.server.received.at(-1)?.headers['mcp-session-id']).toBe('s-1');
  });

  test('a task that asks and puts no question shows none', async () => {
    await open('legacy', {
      'tasks/get': { result: task('input_required') },
      'tasks/result': { result: content('hi') },
    });
    expect(await rig.observe(refs.legacy)).toMatchObject({
      status: 'input_required',
      raw: { requests: [] },
    });
  });

  test('the questions of 2026-07-28 come with the task, and one is answered at a time', async () => {
    const inputRequests = {
      'k-1': { method: 'elicitation/create', params },
      'k-2': { method: 'elicitation/create', params },
    };
    await open('modern', {
      'tasks/get': { result: task('input_required', { inputRequests }) },
      'tasks/update': { result: { resultType: 'complete' } },
    });
    expect(await rig.observe(refs.modern)).toMatchObject({
      raw: { requests: [{ key: 'k-1' }, { key: 'k-2' }] },
    });
    await rig.resume(refs.modern, { key: 'k-1', action: 'decline' });
    expect(rig.callsOf('tasks/update')).toEqual([
      ['tasks/update', { taskId: 't-1', inputResponses: { 'k-1': { action: 'decline' } } }],
    ]);
  });

  test.each<Json>([null, {}, { key: 7 }, { key: 7, action: 'perhaps' }, { action: 'accept' }])(
    'a resumption that answers no question is refused before anything is sent: %j',
    async (resumption) => {
      await open('legacy');
      const resume = rig.resume(refs.legacy, resumption);
      expect(await faultOf(resume)).toMatchObject({ consequence: 'rejected' });
      expect(rig.server.accepted).toBe(0);
    },
  );

  test.each<[Reply, string]>([
    [answer(400, {}), 'rejected'],
    [answer(500, {}), 'unknown'],
    [silence, 'unknown'],
  ])('an answer to a question that gets no answer is never sent twice', async (reply, consequence) => {
    await open('legacy', { answer: { reply } });
    const resume = rig.resume(refs.legacy, { key: 7, action: 'accept' });
    expect(await faultOf(resume)).toMatchObject({ consequence });
    expect(rig.callsOf('answer')).toHaveLength(1);
  });
});

describe('a cancel', () => {
  test.each<Revision>(['legacy', 'modern'])('a cancel of a task of a %s server names the task', async (revision) => {
    await open(revision, { 'tasks/cancel': { result: {} } });
    await rig.cancel(refs[revision]);
    expect(rig.callsOf('tasks/cancel')).toEqual([['tasks/cancel', { taskId: 't-1' }]]);
  });

  test('a cancel of a task that is not known, or has ended, finds it gone', async () => {
    await open('legacy', { 'tasks/cancel': { error: { code: -32602, message: 'terminal' } } });
    const cancel = rig.cancel(refs.legacy);
    expect(await faultOf(cancel)).toMatchObject({ consequence: 'gone' });
  });

  const underWay = () => rig.cancel(rig.connection.adoption?.refOf?.(targetOf('plain'), 'run-1') ?? { runId: '' });

  test('a call that is under way is cancelled by the id of its request', async () => {
    await open('legacy', {
      'notifications/cancelled': { reply: (response) => void response.writeHead(202).end() },
    });
    await underWay();
    expect(rig.callsOf('notifications/cancelled')).toEqual([
      ['notifications/cancelled', { requestId: 'run-1', reason: 'the run was cancelled' }],
    ]);
  });

  test('a call of 2026-07-28 that is under way cannot be cancelled by another request', async () => {
    await open('modern');
    expect(await faultOf(underWay())).toMatchObject({ consequence: 'rejected' });
  });
});
