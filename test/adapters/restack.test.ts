import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { restack } from '../../adapters/restack/adapter.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isRepeatable } from '../../src/engine/sessions/sessions.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { answer, startVendor, type Vendor } from '../upstream/vendor-server.ts';
import { faultOf, testAdapter } from './adapter-contract.ts';

const token = 'restack-token-1234567890';
const headers = { authorization: `Bearer ${token}` };
const errorBodies: readonly Json[] = [
  { error: 'no such thing' },
  { message: 'no such thing' },
  { detail: 'no such thing' },
];
const { signal } = new AbortController();

describe('agents, as the engine answers', () => {
  const runId = '0199f0c0-0000-7000-8000-000000000001';
  testAdapter({
    adapter: restack,
    settings: { token },
    secret: token,
    target: { agent: 'Customer/Support Agent' },
    input: { question: 'why?' },
    config: { anything: 1 },
    start: {
      wire: {
        method: 'POST',
        path: '/api/agents/Customer%2FSupport%20Agent',
        headers,
        body: { input: { question: 'why?' } },
      },
      answer: [200, { agentId: 'agent-7', runId, more: true }],
      upstream: { runId, agentId: 'agent-7' },
    },
    observe: {
      wire: { method: 'GET', path: `/api/agents/Customer%2FSupport%20Agent/${runId}`, headers, body: undefined },
      answer: { runId, agentName: 'A', status: 'running', input: {}, output: { partial: 1 }, error: null },
      status: 'running',
    },
    looksForGone: 2,
    errorBodies,
  });
});

describe('workflows, as documented', () => {
  testAdapter({
    adapter: restack,
    settings: { token },
    secret: token,
    target: { workflow: 'OrderFulfillmentWorkflow' },
    input: null,
    config: {},
    start: {
      wire: { method: 'POST', path: '/api/workflows/OrderFulfillmentWorkflow', headers, body: { input: null } },
      answer: [200, { runId: 'run_1', status: 'completed' }],
      upstream: { runId: 'run_1' },
    },
    observe: {
      wire: { method: 'GET', path: '/api/workflows/OrderFulfillmentWorkflow/run_1', headers, body: undefined },
      answer: { runId: 'run_1', workflowName: 'W', status: 'completed', output: {}, completedAt: '2026-11-22' },
      status: 'completed',
    },
    errorBodies,
  });
});

describe('events', () => {
  let vendor: Vendor;
  let upstream: Upstream;

  beforeEach(async () => {
    vendor = await startVendor();
    upstream = connectUpstream({ ...upstreamOptions, baseUrl: vendor.url });
  });
  afterEach(async () => {
    await vendor.stop();
    await upstream.close();
  });

  const connect = (settings: JsonObject = {}): Connection =>
    restack.connect(restack.settings.parse(settings), upstream.client, createExpressionCompiler());
  const agent = (more: JsonObject = {}) => restack.target.parse({ agent: 'Support', ...more });
  const seen = () => vendor.received.map(({ method, path, body }) => ({ method, path, body }));

  async function resume(connection: Connection, target: unknown, ref: { runId: string }, event: Json): Promise<void> {
    if (connection.resume === undefined) throw new Error('no resume');
    await connection.resume(target, ref, event, 'delivery-1');
  }

  async function cancel(connection: Connection, target: unknown): Promise<void> {
    if (connection.cancel === undefined) throw new Error('no cancel');
    await connection.cancel(target, { runId: 'r1', agentId: 'a1' });
  }

  test('resume sends the event to the agentId that the engine answered', async () => {
    const event = { eventName: 'approve', eventInput: { yes: true } };
    const ref = { runId: 'r 1', agentId: 'a/1' };
    await resume(connect(), agent(), ref, event);
    expect(seen()).toEqual([{ method: 'PUT', path: '/api/agents/Support/a%2F1/r%201', body: JSON.stringify(event) }]);
    expect(vendor.received[0]?.headers.authorization).toBeUndefined();
  });

  test.each([
    ['a start', (c: Connection) => c.start({ target: agent(), input: 1, config: {}, runId: 'key-1' })],
    ['a resume', (c: Connection) => c.resume?.(agent(), { runId: 'r', agentId: 'a' }, { eventName: 'yes' }, 'key-1')],
    [
      'a message',
      (c: Connection) =>
        c.session?.send(agent({ mode: 'thread' }), { runId: 'r', agentId: 'a' }, { input: 1, messageId: 'key-1' }),
    ],
  ])('%s has its key in the header that the settings name, and none without', async (_name, send) => {
    vendor.reply = answer(200, { runId: 'r', agentId: 'a', said: 1 });
    await send(connect({ idempotencyHeader: 'X-Once' }));
    await send(connect());
    expect(vendor.received.map(({ headers }) => headers['x-once'])).toEqual(['key-1', undefined]);
    const able = ({ adoption, resumesOnce, session }: Connection) => [
      adoption !== undefined,
      resumesOnce === true,
      isRepeatable(session, agent({ mode: 'thread' })),
    ];
    expect(able(connect({ idempotencyHeader: 'X-Once' }))).toEqual([true, true, true]);
    expect(able(connect())).toEqual([false, false, false]);
    const later = agent({ mode: 'thread', eventAnswers: 'accepted' });
    expect(isRepeatable(connect({ idempotencyHeader: 'X-Once' }).session, later)).toBe(false);
  });

  test('without an agentId the run is asked for it', async () => {
    vendor.reply = (response, { method }) =>
      answer(200, method === 'GET' ? { status: 'running', agentId: 'a9' } : '')(
        response,
        vendor.received[0] ?? never(),
      );
    await resume(connect(), agent(), { runId: 'r1' }, { eventName: 'end' });
    expect(seen()).toEqual([
      { method: 'GET', path: '/api/agents/Support/r1', body: '' },
      { method: 'PUT', path: '/api/agents/Support/a9/r1', body: '{"eventName":"end"}' },
    ]);
  });

  test.each([
    ['does not tell', 200, { status: 'running' }],
    ['is not found', 404, { error: 'not found' }],
  ])('a run that %s it is addressed by its own id', async (_case, status, body) => {
    vendor.reply = (response, received) =>
      answer(received.method === 'GET' ? status : 200, received.method === 'GET' ? body : {})(response, received);
    await resume(connect(), agent(), { runId: 'r1' }, { eventName: 'end' });
    expect(vendor.received.at(-1)?.path).toBe('/api/agents/Support/r1/r1');
  });

  test('nothing is delivered while the run cannot be asked for its agentId', async () => {
    vendor.reply = answer(500, {});
    const fault = await faultOf(resume(connect(), agent(), { runId: 'r1' }, { eventName: 'end' }));
    expect(fault.consequence).toBe('retry');
    expect(seen().map(({ method }) => method)).toEqual(['GET']);
  });

  test.each([
    [400, 'rejected'],
    [404, 'rejected'],
    [409, 'rejected'],
    [429, 'retry'],
    [500, 'unknown'],
  ])('a resume that is answered %i is %s', async (status, consequence) => {
    vendor.reply = answer(status, { error: 'the agent says no' });
    const fault = await faultOf(resume(connect(), agent(), { runId: 'r1', ...{ agentId: 'a' } }, { eventName: 'end' }));
    expect(fault).toMatchObject({ consequence, message: 'the agent says no' });
  });

  test('a resume needs no answer that can be read', async () => {
    vendor.reply = answer(200, 'OK');
    await resume(connect(), agent(), { runId: 'r1', ...{ agentId: 'a' } }, { eventName: 'end' });
    expect(vendor.received).toHaveLength(1);
  });

  test.each<Json>([null, 'approve', [], {}, { eventName: '' }, { eventName: 7 }])(
    'a resumption that is no event is refused: %j',
    async (event) => {
      const fault = await faultOf(resume(connect(), agent(), { runId: 'r1' }, event));
      expect(fault.consequence).toBe('rejected');
      expect(vendor.accepted).toBe(0);
    },
  );

  test('cancel sends the configured event', async () => {
    const cancelEvent = { eventName: 'end', eventInput: { why: 'cancelled' } };
    await cancel(connect(), agent({ cancelEvent }));
    expect(seen()).toEqual([{ method: 'PUT', path: '/api/agents/Support/a1/r1', body: JSON.stringify(cancelEvent) }]);
  });

  test.each([
    [404, 'gone'],
    [409, 'rejected'],
    [500, 'retry'],
  ])('a cancel that is answered %i is %s', async (status, consequence) => {
    vendor.reply = answer(status, {});
    const fault = await faultOf(cancel(connect(), agent({ cancelEvent: { eventName: 'end' } })));
    expect(fault.consequence).toBe(consequence);
  });

  test('neither a workflow nor an agent without cancelEvent is cancelled', async () => {
    expect((await faultOf(cancel(connect(), agent()))).consequence).toBe('rejected');
    const workflow = restack.target.parse({ workflow: 'W' });
    expect((await faultOf(resume(connect(), workflow, { runId: 'r' }, { eventName: 'e' }))).consequence).toBe(
      'rejected',
    );
    expect(vendor.accepted).toBe(0);
  });

  test('paths can be corrected', async () => {
    const paths = {
      startAgent: '/v2/agents/{agentName}/runs',
      getAgent: '/v2/agents/{agentName}/{agentId}/{runId}?full=1',
      sendEvent: '/v2/events/{runId}',
    };
    const connection = connect({ paths });
    vendor.reply = answer(200, { runId: 'r1', agentId: 'a1', status: 'running' });
    const { upstream: ref } = await connection.start({ target: agent(), input: 1, config: {}, runId: 'run-1' });
    if (ref === null) throw new Error('no run');
    await connection.observe(agent(), ref, signal);
    await resume(connection, agent(), ref, { eventName: 'end' });
    const bare = { runId: 'r1' };
    await connection.observe(agent(), bare, signal);
    expect(seen().map(({ path }) => path)).toEqual([
      '/v2/agents/Support/runs',
      '/v2/agents/Support/a1/r1?full=1',
      '/v2/events/r1',
      '/v2/agents/Support/r1/r1?full=1',
    ]);
  });

  test('an empty token is no token', async () => {
    vendor.reply = answer(200, { runId: 'r1', agentId: null });
    const ref = await connect({ token: '' }).start({ target: agent(), input: {}, config: {}, runId: 'run-1' });
    expect(ref).toStrictEqual({ upstream: { runId: 'r1' } });
    expect(vendor.received[0]?.headers.authorization).toBeUndefined();
  });
});

describe('the config', () => {
  test.each([
    {},
    { agent: 'A', workflow: 'W' },
    { agent: '' },
    { agent: '..' },
    { workflow: 'W', cancelEvent: { eventName: 'end' } },
    { agent: 'A', cancelEvent: {} },
    { agent: 'A', cancelevent: { eventName: 'end' } },
    { workflow: 'W', mode: 'thread' },
    { agent: 'A', openingInput: {} },
    { agent: 'A', eventAnswers: 'accepted' },
    { agent: 'A', mode: 'thread', eventAnswers: 'later' },
    { agent: 'A', mode: 'thread', cancelEvent: { eventName: 'stop' } },
  ])('the target %j is refused', (wrong) => {
    expect(restack.target.safeParse(wrong).success).toBe(false);
  });

  test.each([
    { token: 'two words' },
    { tokn: 'x' },
    { paths: { getAgent: 'api/{runId}' } },
    { paths: { getAgent: '/api/{agentName}' } },
    { paths: { startAgent: '/api/{runId}' } },
    { paths: { other: '/x' } },
  ])('settings %j are refused', (wrong) => {
    expect(restack.settings.safeParse(wrong).success).toBe(false);
  });

  test('capabilities follow the target', () => {
    const of = (target: JsonObject) => ({
      ...restack.capabilities,
      ...restack.capabilitiesOf?.(restack.target.parse(target)),
    });
    const none = { resume: false, cancel: false, push: false, session: false, adopt: 'start', attend: true };
    expect(of({ agent: 'A' })).toEqual({ ...none, resume: true });
    expect(of({ agent: 'A', cancelEvent: { eventName: 'end' } })).toEqual({ ...none, resume: true, cancel: true });
    expect(of({ agent: 'A', stopBy: 'terminate' })).toEqual({ ...none, resume: true, cancel: true });
    const session = { ...none, resume: true, session: true, attend: false };
    expect(of({ agent: 'A', mode: 'thread', openingInput: null })).toEqual(session);
    expect(of({ agent: 'A', state: 'waiting_for' })).toEqual({ ...none, resume: true, attend: false });
    expect(of({ workflow: 'W' })).toEqual(none);
  });
});

function never(): never {
  throw new Error('no request was received');
}
