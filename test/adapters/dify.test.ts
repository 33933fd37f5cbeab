import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dify } from '../../adapters/dify/adapter.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { answer, type Reply, startVendor, type Vendor } from '../upstream/vendor-server.ts';
import { faultOf, testAdapter } from './adapter-contract.ts';

const apiKey = 'app-key-1234567890';
const runId = 'fb47b2e6-5e43-4f90-be01-d5c5a088d156';
const taskId = 'c3800678-a077-43df-a102-53f23ed20b88';
const ids = { task_id: taskId, workflow_run_id: runId };
const started = { event: 'workflow_started', ...ids, data: { id: runId, inputs: {} } };

/** A stream as Dify writes it; `open`: it goes on for as long as it is listened to. */
function stream(events: readonly Json[], open = false): Reply {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('event: ping\n\n');
    for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`);
    if (!open) response.end();
  };
}

describe('the contract', () => {
  testAdapter({
    adapter: dify,
    settings: { apiKey },
    secret: apiKey,
    target: { user: 'customer-7' },
    input: { query: 'why?' },
    config: { files: [{ type: 'image' }] },
    start: {
      wire: {
        method: 'POST',
        path: '/workflows/run',
        headers: { authorization: `Bearer ${apiKey}`, accept: 'application/json, text/event-stream' },
        body: { inputs: { query: 'why?' }, response_mode: 'streaming', user: 'customer-7', files: [{ type: 'image' }] },
      },
      answer: stream([started], true),
      upstream: { runId, taskId, user: 'customer-7' },
    },
    observe: {
      wire: {
        method: 'GET',
        path: `/workflows/run/${runId}`,
        headers: { authorization: `Bearer ${apiKey}` },
        body: undefined,
      },
      answer: { id: runId, status: 'succeeded', outputs: { text: 'because' }, error: null },
      status: 'succeeded',
    },
    namesRuns: false,
    errorBodies: [{ code: 'not_found', message: 'no such thing', status: 404 }, { message: 'no such thing' }],
  });
});

describe('an app', () => {
  let vendor: Vendor;
  let upstream: Upstream;
  let connection: Connection;

  beforeEach(async () => {
    vendor = await startVendor();
    upstream = connectUpstream({ ...upstreamOptions, timeoutMs: 500, baseUrl: `${vendor.url}/v1` });
    connection = dify.connect({ apiKey }, upstream.client, createExpressionCompiler());
  });
  afterEach(async () => {
    await vendor.stop();
    await upstream.close();
  });

  const targetOf = (target: JsonObject = {}) => dify.target.parse(target);
  const start = (target: JsonObject = {}, input: Json = {}, config: JsonObject = {}) =>
    connection.start({ target: targetOf(target), input, config, runId: 'our-run' });
  const sent = () =>
    vendor.received.map(({ method, path, body }) => [method, path, body === '' ? null : JSON.parse(body)]);

  test.each([
    ['an object', { a: 1 }, { a: 1 }],
    ['a text', 'why?', { input: 'why?' }],
    ['a list', [1], { input: [1] }],
  ])('a workflow gets an input that is %s as its variables, and the run as its end user', async (_, input, inputs) => {
    vendor.reply = stream([started]);
    expect(await start({}, input)).toEqual({ upstream: { runId, taskId, user: 'our-run' } });
    expect(sent()).toEqual([['POST', '/v1/workflows/run', { inputs, response_mode: 'streaming', user: 'our-run' }]]);
  });

  test('a published version of a workflow is run by its id', async () => {
    vendor.reply = stream([started]);
    await start({ workflowId: 'v 1' });
    expect(vendor.received[0]?.path).toBe('/v1/workflows/v%201/run');
  });

  test.each<[Json, JsonObject]>([
    ['why?', { query: 'why?', inputs: {} }],
    [
      { query: 'why?', inputs: { tone: 'kind' }, conversation_id: 'c-1' },
      { query: 'why?', inputs: { tone: 'kind' }, conversation_id: 'c-1' },
    ],
    [{ topic: 1 }, { query: '{"topic":1}', inputs: {} }],
  ])('a chatflow gets the input %j as its query', async (input, body) => {
    vendor.reply = stream([started]);
    await start({ app: 'chatflow' }, input, { user: 'customer-9' });
    expect(sent()).toEqual([
      ['POST', '/v1/chat-messages', { ...body, response_mode: 'streaming', user: 'customer-9' }],
    ]);
  });

  test.each([
    ['400', { status: 400, code: 'invalid_param' }, 'rejected'],
    ['404', { status: 404 }, 'rejected'],
    ['without a status', {}, 'rejected'],
    ['429', { status: 429, code: 'too_many_requests' }, 'retry'],
    ['500', { status: 500, code: 'internal_server_error' }, 'unknown'],
  ])('an error %s in the stream of a start means what the status of an answer would', async (_, error, consequence) => {
    vendor.reply = stream([{ event: 'error', message: 'no such thing', ...error }], true);
    const fault = await faultOf(start());
    expect(fault).toMatchObject({ consequence, message: 'no such thing', answer: error });
  });

  test('a stream that ends before it names a run leaves the start unknown', async () => {
    vendor.reply = stream([{ event: 'node_started', task_id: taskId }]);
    expect(await faultOf(start())).toMatchObject({ consequence: 'unknown', kind: 'malformed' });
  });

  test('a start that is held reads the stream to its end, and ends the run', async () => {
    const data = { id: runId, status: 'succeeded', outputs: { text: 'hi' }, error: null };
    vendor.reply = stream([started, { event: 'text_chunk', ...ids }, { event: 'workflow_finished', ...ids, data }]);
    expect(await start({ holdSeconds: 5 })).toEqual({
      upstream: { runId, taskId, user: 'our-run' },
      observation: { status: 'succeeded', raw: data },
    });
  });

  test('a start that is held until its run pauses leaves the rest to be asked for', async () => {
    vendor.reply = stream([started, { event: 'workflow_paused', ...ids, data: { status: 'paused' } }]);
    expect(await start({ holdSeconds: 5 })).toEqual({ upstream: { runId, taskId, user: 'our-run' } });
  });

  test('a start that is held waits for longer than the time-out of the backend, and a start that is not does not', async () => {
    vendor.reply = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      setTimeout(() => response.end(`data: ${JSON.stringify(started)}\n\n`), 900);
    };
    expect(await start({ holdSeconds: 5 })).toMatchObject({ upstream: { runId } });
    expect(await faultOf(start())).toMatchObject({ consequence: 'unknown', kind: 'timeout' });
  });

  const form = { form_token: 'tok-1', form_content: 'Sure?', actions: [{ id: 'yes' }] };

  test.each([
    [
      'events of their own',
      [
        { event: 'human_input_required', ...ids, data: form },
        { event: 'workflow_paused', ...ids, data: {} },
      ],
    ],
    ['the reasons of the pause', [{ event: 'workflow_paused', ...ids, data: { reasons: [form] } }]],
  ])('a paused run shows the forms that it waits for, from %s', async (_, events) => {
    const run = { id: runId, status: 'paused', outputs: {} };
    vendor.reply = (response, received) => {
      const reply = received.path.includes('/events') ? stream([started, ...events], true) : answer(200, run);
      reply(response, received);
    };
    const seen = await connection.observe(targetOf(), { runId, user: 'us er' });
    expect(seen).toEqual({ status: 'paused', raw: { ...run, forms: [form] } });
    expect(sent()).toEqual([
      ['GET', `/v1/workflows/run/${runId}`, null],
      ['GET', `/v1/workflow/${runId}/events?user=us+er&include_state_snapshot=true`, null],
    ]);
  });

  test('an observation of another run is refused', async () => {
    vendor.reply = answer(200, { id: 'another', status: 'succeeded' });
    expect(await faultOf(connection.observe(targetOf(), { runId }))).toMatchObject({
      consequence: 'retry',
      kind: 'malformed',
    });
  });

  test('a resume submits the form in the name of the end user that the run has', async () => {
    const resumption = { formToken: 'tok/1', action: 'yes', inputs: { comment: 'good' } };
    await connection.resume?.(targetOf(), { runId, user: 'u' }, resumption, 'delivery');
    expect(sent()).toEqual([
      ['POST', '/v1/form/human_input/tok%2F1', { inputs: { comment: 'good' }, action: 'yes', user: 'u' }],
    ]);
  });

  test.each<Json>([null, {}, { formToken: 'tok' }, { formToken: '..', action: 'yes' }])(
    'a resumption that submits no form is refused before anything is sent: %j',
    async (resumption) => {
      const resume = connection.resume?.(targetOf(), { runId }, resumption, 'delivery');
      expect(await faultOf(resume as Promise<unknown>)).toMatchObject({ consequence: 'rejected' });
      expect(vendor.accepted).toBe(0);
    },
  );

  test.each([
    ['workflow', `/v1/workflows/tasks/${taskId}/stop`],
    ['chatflow', `/v1/chat-messages/${taskId}/stop`],
  ])('a cancel stops the task of a %s', async (app, path) => {
    await connection.cancel?.(targetOf({ app }), { runId, taskId, user: 'u' });
    expect(sent()).toEqual([['POST', path, { user: 'u' }]]);
  });

  test('a run without a task cannot be stopped', async () => {
    const cancel = connection.cancel?.(targetOf(), { runId });
    expect(await faultOf(cancel as Promise<unknown>)).toMatchObject({ consequence: 'rejected' });
    expect(vendor.accepted).toBe(0);
  });

  describe('a start whose answer was lost', () => {
    const entry = (id: string, user: string | null) => ({
      workflow_run: { id },
      created_by_end_user: user === null ? null : { session_id: user },
    });
    const find = (config: JsonObject = {}) =>
      connection.adoption?.find?.({ target: targetOf(), config, runId: 'our-run', sentAtMs: 0 });

    test('a start whose answer was lost is found by the end user of its own', async () => {
      vendor.reply = answer(200, { data: [entry('other', 'another'), entry(runId, 'our-run'), entry('third', null)] });
      expect(await find()).toEqual({ runId, user: 'our-run' });
      expect(vendor.received[0]?.path).toBe('/v1/workflows/logs?created_by_end_user_session_id=our-run&limit=20');
    });

    test.each([
      ['absent where no run is its own', [entry('other', 'another')], 'absent'],
      ['unclear where several are', [entry('a', 'our-run'), entry('b', 'our-run')], 'unclear'],
    ])('a start whose answer was lost is %s', async (_, data, found) => {
      vendor.reply = answer(200, { data });
      expect(await find()).toBe(found);
    });

    test('a start whose answer was lost is not looked for where its end user has other runs', async () => {
      expect(await find({ user: 'customer-9' })).toBe('unclear');
      expect(vendor.accepted).toBe(0);
    });

    test.each([
      [{}, 'find'],
      [{ user: 'customer-9' }, 'none'],
      [{ app: 'chatflow' }, 'none'],
    ])('the target %j says whether a lost start can be found', (target, adopt) => {
      expect(dify.capabilitiesOf?.(targetOf(target))).toEqual({ adopt });
    });
  });
});

test.each([{ app: 'chat' }, { app: 'chatflow', workflowId: 'v' }, { user: '' }, { holdSeconds: 0 }, { usr: 'x' }])(
  'the target %j is refused',
  (wrong) => {
    expect(dify.target.safeParse(wrong).success).toBe(false);
  },
);

test.each([{ user: 7 }, { files: 'x' }])('the config %j of a run is refused', (wrong) => {
  expect(dify.runConfig.safeParse(wrong).success).toBe(false);
});
