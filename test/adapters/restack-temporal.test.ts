import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { restack } from '../../adapters/restack/adapter.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { faultOf } from './adapter-contract.ts';
import { payload, TestFrontend } from './temporal-frontend.ts';
import { never } from './temporal-rig.ts';

const runId = '0199f0c0-0000-7000-8000-000000000002';
const workflowId = `local-${runId}`;
const sensitiveKey = Buffer.alloc(32, 7).toString('base64');
/** AESGCM(bytes([7] * 32)).encrypt(bytes(range(12)), b'{"pin": 1234}', None), of Python's cryptography. */
const vendorCiphertext = 'Y6OZGXMr42lGgNaon5RHcPdrI0qLFhmId0Rjh3c=';

let frontend: TestFrontend;
let upstream: Upstream;
let connect: (settings?: JsonObject) => Connection;

beforeEach(async () => {
  frontend = new TestFrontend();
  const { grpc } = await frontend.listen();
  upstream = connectUpstream({ ...upstreamOptions, baseUrl: grpc });
  connect = (settings = {}) =>
    restack.connect(
      restack.settings.parse({ transport: 'temporal', ...settings }),
      upstream.client,
      createExpressionCompiler(),
    );
});
afterEach(async () => {
  await upstream.close();
  await frontend.close();
});

const targetOf = (more: JsonObject = {}) => restack.target.parse({ agent: 'ChatAgent', ...more });
const start = async (connection: Connection, target = targetOf(), input: Json = { name: 'Ann' }) =>
  (await connection.start({ target, input, config: {}, runId })).upstream ?? never();
const inputOf = () =>
  (frontend.received[0]?.message.input as { payloads: JsonObject[] } | undefined)?.payloads[0] ?? {};
const jsonOf = ({ data }: JsonObject): Json => JSON.parse(Buffer.from(String(data), 'base64').toString()) as Json;

describe('a start at an engine of Restack', () => {
  test("has the ids, the task queue, the memo and the search attribute of the vendor's clients", async () => {
    const connection = connect({ token: 'restack-token-1' });
    expect(await start(connection)).toMatchObject({ workflowId });
    expect(frontend.received[0]).toMatchObject({
      headers: { 'restack-engineid': 'local', authorization: 'Bearer restack-token-1' },
      message: {
        namespace: 'default',
        workflowId,
        workflowType: { name: 'ChatAgent' },
        taskQueue: { name: 'local-restack' },
        input: { payloads: [payload({ name: 'Ann' })] },
        memo: { fields: { engineId: payload('local') } },
        searchAttributes: { indexedFields: { engineId: { metadata: { type: 'VGV4dA==' } } } },
      },
    });
  });

  test.each([[{}], [null]])('has no argument for the input %j', async (input) => {
    await start(connect({ engineId: 'e1' }), targetOf({ queue: 'q' }), input);
    expect(frontend.received[0]?.message).not.toHaveProperty('input');
    expect(frontend.received[0]?.message).toMatchObject({ taskQueue: { name: 'e1-q' } });
  });
});

describe('what is seen of an execution', () => {
  test("has the shape of the engine's HTTP API, so that one mapping reads both", async () => {
    const connection = connect();
    const ref = await start(connection);
    expect(await connection.observe(targetOf(), ref)).toMatchObject({
      status: 'running',
      raw: {
        agentId: workflowId,
        agentName: 'ChatAgent',
        runId: ref.runId,
        status: 'running',
        vendorStatus: 'RUNNING',
      },
    });
    frontend.complete(workflowId, { response: 'Hi' });
    expect(await connection.attend?.(targetOf(), ref)).toMatchObject({
      status: 'completed',
      raw: { output: { response: 'Hi' } },
    });
  });

  test('names a workflow as one, and has its failure', async () => {
    const connection = connect();
    const target = restack.target.parse({ workflow: 'Order' });
    const ref = await start(connection, target);
    frontend.fail(workflowId, { message: 'Activity task failed', cause: { message: 'step said no' } });
    expect(await connection.observe(target, ref)).toMatchObject({
      status: 'failed',
      raw: { workflowId, workflowName: 'Order', error: { message: 'step said no' } },
    });
  });
});

describe('events', () => {
  test('are updates with one argument and an id, heard once', async () => {
    const heard: Json[] = [];
    frontend.answerUpdate = (name, input) => {
      heard.push([name, input]);
      return { ok: true };
    };
    const connection = connect();
    const ref = await start(connection);
    await connection.resume?.(targetOf(), ref, { eventName: 'approve', eventInput: { yes: true } }, 'd.1');
    await connection.resume?.(targetOf(), ref, { eventName: 'approve', eventInput: { yes: true } }, 'd.1');
    await connection.resume?.(targetOf(), ref, { eventName: 'end' }, 'd.2');
    expect(heard).toEqual([
      ['approve', [{ yes: true }]],
      ['end', [null]],
    ]);
  });

  test('are the messages of a session, whose answers are the outputs', async () => {
    frontend.answerUpdate = (_name, input) => ({ said: input });
    const connection = connect();
    const target = targetOf({ mode: 'thread', openingInput: {} });
    const ref = await start(connection, target);
    const { session } = connection;
    expect(session?.repeatable).toBe(true);
    expect(await session?.send(target, ref, { input: { text: 'a' }, messageId: 'm1' })).toMatchObject({
      status: 'completed',
      raw: { output: { said: [{ text: 'a' }] } },
    });
    await session?.end(target, ref);
    frontend.complete(workflowId, null);
    const fault = await faultOf(Promise.resolve(session?.send(target, ref, { input: 1, messageId: 'm2' })));
    expect(fault.consequence).toBe('gone');
  });
});

describe('a stop', () => {
  test.each([
    ['cancel', 'RequestCancelWorkflowExecution', 30_000],
    ['terminate', 'TerminateWorkflowExecution', null],
  ])('by %s is a call of the engine', async (stopBy, method, graceMs) => {
    const connection = connect();
    const ref = await start(connection);
    await connection.cancel?.(targetOf({ stopBy }), ref);
    expect(frontend.methods().at(-1)).toBe(method);
    expect(connection.termination?.graceMsOf(targetOf({ stopBy }))).toBe(graceMs);
  });

  test('by a cancelEvent is an update, and without either it is refused', async () => {
    const connection = connect();
    const ref = await start(connection);
    await connection.cancel?.(targetOf({ cancelEvent: { eventName: 'end' } }), ref);
    expect(frontend.methods().at(-1)).toBe('UpdateWorkflowExecution');
    expect(await faultOf(Promise.resolve(connection.cancel?.(targetOf(), ref)))).toMatchObject({
      consequence: 'rejected',
    });
  });
});

describe('values that are marked as sensitive', () => {
  const marked = { email: 'a@b.example', password: { __restack_sensitive__: true, value: { pin: 1234 } } };

  test('are encrypted on their way, and nothing else is', async () => {
    await start(connect({ sensitiveKey }), targetOf(), marked);
    const sent = jsonOf(inputOf()) as typeof marked;
    expect(sent).toMatchObject({ email: 'a@b.example', password: { __restack_encrypted__: 'v1', alg: 'AES-256-GCM' } });
    expect(JSON.stringify(sent)).not.toContain('1234');
    const connection = connect({ sensitiveKey });
    frontend.complete(workflowId, sent);
    expect(await connection.observe(targetOf(), { runId: workflowId, workflowId })).toMatchObject({
      raw: { output: marked },
    });
  });

  test("that the vendor's own codec has encrypted are decrypted", async () => {
    const iv = Buffer.from([...Array(12).keys()]).toString('base64');
    const connection = connect({ sensitiveKey });
    const ref = await start(connection);
    frontend.complete(workflowId, [{ __restack_encrypted__: 'v1', alg: 'AES-256-GCM', iv, ct: vendorCiphertext }]);
    expect(await connection.observe(targetOf(), ref)).toMatchObject({
      raw: { output: [{ __restack_sensitive__: true, value: { pin: 1234 } }] },
    });
  });

  test('that another key has encrypted make the answer unreadable, in words', async () => {
    const connection = connect({ sensitiveKey: Buffer.alloc(32, 8).toString('base64') });
    const ref = await start(connection);
    const iv = Buffer.from([...Array(12).keys()]).toString('base64');
    frontend.complete(workflowId, { __restack_encrypted__: 'v1', alg: 'AES-256-GCM', iv, ct: vendorCiphertext });
    const fault = await faultOf(connection.observe(targetOf(), ref));
    expect([fault.kind, fault.message]).toEqual(['malformed', expect.stringContaining('another key')]);
  });

  test('pass as they are without a key', async () => {
    await start(connect(), targetOf(), marked);
    expect(jsonOf(inputOf())).toEqual(marked);
  });
});

describe('large payloads', () => {
  const large = { text: 'x'.repeat(200_000) };

  test('are kept in the blob store, and come back whole', async () => {
    const blobs = new Map<string, Buffer>();
    const store = createServer(async (request, response) => {
      const url = new URL(request.url ?? '', 'http://x');
      const body = await buffer(request);
      if (request.method === 'PUT') blobs.set(url.searchParams.get('digest') ?? '', body);
      const answer = request.method === 'PUT' ? { Key: url.searchParams.get('digest') } : null;
      response.end(answer === null ? blobs.get(url.searchParams.get('key') ?? '') : JSON.stringify(answer));
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void store.close());
    await new Promise((resolve) => store.once('listening', resolve));
    const connection = connect({ codecUrl: `http://127.0.0.1:${(store.address() as AddressInfo).port}` });
    const ref = await start(connection, targetOf(), large);
    const [digest = ''] = blobs.keys();
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(blobs.get(digest)?.toString()).toBe(JSON.stringify(large));
    expect(inputOf().metadata).toMatchObject({ 'temporal.io/remote-codec': 'djI=' });
    expect(jsonOf(inputOf())).toEqual({ metadata: { encoding: 'json/plain' }, size: 200_011, digest, key: digest });
    frontend.end(workflowId, {
      eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
      workflowExecutionCompletedEventAttributes: { result: { payloads: [inputOf()] } },
    });
    expect(await connection.observe(targetOf(), ref)).toMatchObject({ raw: { output: large } });
  });

  test('of a store that the backend does not name make the answer unreadable, in words', async () => {
    const connection = connect();
    const ref = await start(connection);
    const moved = {
      ...payload({ key: 'k' }),
      metadata: { encoding: 'anNvbi9wbGFpbg==', 'temporal.io/remote-codec': 'djI=' },
    };
    frontend.end(workflowId, {
      eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
      workflowExecutionCompletedEventAttributes: { result: { payloads: [moved] } },
    });
    expect((await faultOf(connection.observe(targetOf(), ref))).message).toContain('blob store');
  });
});
