import { expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { ask } from './protocols.ts';
import { openSite } from './site.ts';

vi.setConfig({ testTimeout: 60_000 });

const agents: readonly JsonObject[] = [
  {
    name: 'approval',
    backend: 'restack',
    target: { agent: 'ApprovalAgent' },
    mapping: { interrupt: 'output.interrupt' },
  },
  { name: 'chat', backend: 'restack', target: { agent: 'ChatAgent', mode: 'thread' } },
  { name: 'order', backend: 'restack', target: { workflow: 'OrderFulfillmentWorkflow' } },
  { name: 'echo', backend: 'intuned', target: { project: 'samples', api: 'echo' } },
  { name: 'fail', backend: 'intuned', target: { project: 'samples', api: 'fail' } },
];

/** A caller of an engine of Restack that has changed an address. */
async function openRestack() {
  const sandbox = await startSandbox();
  const backends: JsonObject = {
    restack: { adapter: 'restack', baseUrl: sandbox.restackUrl },
    intuned: { adapter: 'intuned', baseUrl: sandbox.intunedUrl, workspaceId: 'sandbox', apiKey: 'sandbox-key' },
  };
  const site = await openSite({ backends, agents });
  const call = async (method: string, path: string, body?: Json, headers = {}) => {
    const answer = await ask(site.client.url, method, `/restack${path}`, body, headers);
    return { ...answer, body: answer.body as JsonObject };
  };
  const until = async (path: string, holds: (run: JsonObject) => boolean) => {
    for (;;) {
      const { status, body } = await call('GET', path);
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
      if (holds(body)) return body;
    }
  };
  return {
    site,
    call,
    until,
    [Symbol.asyncDispose]: async () => {
      await site[Symbol.asyncDispose]();
      await sandbox.close();
    },
  };
}

const isOver = ({ status }: JsonObject) => status === 'completed' || status === 'failed';
const instant = expect.stringMatching(/^\d{4}-.*Z$/);

test('a workflow is started, read by both forms of its path, and completed with its output', async () => {
  await using engine = await openRestack();
  const path = '/api/workflows/OrderFulfillmentWorkflow';
  const started = await engine.call('POST', path, { input: { orderId: 'o-1' } });
  const { runId } = started.body;
  expect([started.status, started.body]).toEqual([200, { workflowId: runId, runId, status: 'queued' }]);
  const run = await engine.until(`${path}/${runId}`, isOver);
  expect(run).toEqual({
    workflowId: runId,
    runId,
    workflowName: 'OrderFulfillmentWorkflow',
    status: 'completed',
    input: { orderId: 'o-1' },
    output: { orderId: 'o-1', shipped: true, parcel: expect.any(String) },
    createdAt: instant,
    completedAt: instant,
  });
  expect((await engine.call('GET', `${path}/${runId}/${runId}`)).body).toEqual(run);
});

test('an agent that waits runs on with its question as output, and an event completes it', async () => {
  await using engine = await openRestack();
  const path = '/api/agents/ApprovalAgent';
  const { body } = await engine.call('POST', path, { input: { question: 'now?' } });
  const waiting = await engine.until(`${path}/${body.runId}`, ({ output }) => output !== undefined);
  expect(waiting).toMatchObject({ agentName: 'ApprovalAgent', status: 'running' });
  expect(waiting).not.toHaveProperty('completedAt');
  const event = { eventName: 'approval', eventInput: { approved: true } };
  const sent = await engine.call('PUT', `${path}/${body.agentId}/${body.runId}`, event);
  expect([sent.status, sent.body]).toEqual([200, {}]);
  expect(await engine.until(`${path}/${body.runId}`, isOver)).toMatchObject({
    status: 'completed',
    output: { approved: true },
  });
  // It waits no more.
  expect(await engine.call('PUT', `${path}/${body.agentId}/${body.runId}`, event)).toMatchObject({
    status: 409,
    body: { error: expect.any(String) },
  });
});

test('an agent that lives answers each event in the thread of its first run, and ends with the event end', async () => {
  await using engine = await openRestack();
  const path = '/api/agents/ChatAgent';
  const { body } = await engine.call('POST', path, { input: { message: 'I am Ann.' } });
  expect(body.agentId).not.toBe(body.runId);
  await engine.until(`${path}/${body.agentId}/${body.runId}`, isOver);
  const at = `${path}/${body.agentId}/${body.runId}`;
  const said = await engine.call('PUT', at, { eventName: 'message', eventInput: { message: 'Who am I?' } });
  expect([said.status, said.body]).toMatchObject([200, { response: expect.stringContaining('Who am I?') }]);
  expect((await engine.call('PUT', at, { eventName: 'end' })).status).toBe(200);
  expect((await engine.call('PUT', at, { eventName: 'message', eventInput: {} })).status).toBe(404);
});

test('the event end cancels a run that waits', async () => {
  await using engine = await openRestack();
  const path = '/api/agents/ApprovalAgent';
  const { body } = await engine.call('POST', path, { input: {} });
  const ended = await engine.call('PUT', `${path}/${body.agentId}/${body.runId}`, { eventName: 'end' });
  expect(ended.status).toBe(200);
  expect(await engine.until(`${path}/${body.runId}`, isOver)).toMatchObject({
    status: 'failed',
    error: expect.stringContaining('cancelled'),
  });
});

test('an agent of another vendor is found by its name in the config, and its failure has its message', async () => {
  await using engine = await openRestack();
  const ends: JsonObject[] = [];
  for (const name of ['echo', 'fail']) {
    const { body } = await engine.call('POST', `/api/agents/${name}`, { input: { message: 'boom' } });
    ends.push(await engine.until(`/api/agents/${name}/${body.runId}`, isOver));
  }
  expect(ends).toMatchObject([
    { status: 'completed', output: { message: 'boom' } },
    { status: 'failed', error: 'boom' },
  ]);
});

test('the same Idempotency-Key twice starts one run', async () => {
  await using engine = await openRestack();
  const start = () => engine.call('POST', '/api/agents/echo', { input: { a: 1 } }, { 'idempotency-key': 'k' });
  const [first, second] = [await start(), await start()];
  expect([second.body, second.headers.get('idempotent-replayed')]).toEqual([first.body, 'true']);
});

/** Requests that are refused, and with what. */
const refused = [
  ['POST', '/api/agents/nobody-knows', {}, 404],
  ['POST', '/api/workflows/ApprovalAgent', {}, 404],
  ['POST', '/api/agents/echo', { inptu: 1 }, 422],
  ['POST', '/api/agents/echo', { schedule: { every: 60 } }, 422],
  ['GET', '/api/agents/echo/not-an-id', undefined, 404],
  ['GET', '/api/agents/echo/0193b3a0-6b7c-7d2e-8f00-00000000dead', undefined, 404],
  ['PUT', '/api/agents/echo/x/0193b3a0-6b7c-7d2e-8f00-00000000dead', { eventName: 'end' }, 404],
  ['PUT', '/api/agents/echo/x/0193b3a0-6b7c-7d2e-8f00-00000000dead', {}, 422],
  ['DELETE', '/api/agents/echo', undefined, 405],
  ['GET', '/api/unknown', undefined, 404],
] as const;

test('what is wrong is refused with an error as text', async () => {
  await using engine = await openRestack();
  for (const [method, path, body, status] of refused) {
    const answer = await engine.call(method, path, body);
    expect([method, path, answer.status, answer.body]).toEqual([method, path, status, { error: expect.any(String) }]);
  }
});

test('a run is found under the name of its own agent alone, and with its own agent id alone', async () => {
  await using engine = await openRestack();
  const { body } = await engine.call('POST', '/api/agents/echo', { input: {} });
  for (const path of [
    `/api/agents/fail/${body.runId}`,
    `/api/agents/ApprovalAgent/${body.runId}`,
    `/api/agents/echo/0193b3a0-6b7c-7d2e-8f00-00000000dead/${body.runId}`,
  ])
    expect((await engine.call('GET', path)).status).toBe(404);
});

test('both paths of the health of the engine say ok', async () => {
  await using engine = await openRestack();
  for (const path of ['/health', '/api/engine/health'])
    expect((await engine.call('GET', path)).body).toEqual({ status: 'ok' });
});
