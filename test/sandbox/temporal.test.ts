import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import type { FrontendFault } from '../../src/sandbox/temporal/faults.ts';
import { payloadsOf } from '../../src/sandbox/temporal/plan.ts';
import {
  startTemporal,
  type TemporalOptions,
  type TemporalServer,
} from '../../src/sandbox/temporal/temporal-server.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { type Ask, askOver } from '../adapters/temporal-contract.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';

let server: TemporalServer;
const opened: Upstream[] = [];
/** What spoils the next calls, in order; null: nothing. */
let faults: (FrontendFault | null)[];

const namespace = 'default';
const [completed, waitingFor] = ['UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED', 'waiting_for'];
const own = (workflowId: string) => ({ namespace, workflowExecution: { workflowId } });
const at = (workflowId: string) => ({ namespace, execution: { workflowId } });

async function open(options: TemporalOptions = {}): Promise<void> {
  faults = [];
  server = await startTemporal({ holdMs: 5000, faults: () => faults.shift() ?? null, ...options });
}
beforeEach(() => open());
afterEach(async () => {
  await server.close();
  for (const upstream of opened.splice(0)) await upstream.close();
});

function reach(baseUrl: string, timeoutMs = 10_000): Upstream {
  const upstream = connectUpstream({ ...upstreamOptions, baseUrl, timeoutMs });
  opened.push(upstream);
  return upstream;
}

/** The HTTP paths of the methods that the tests ask. */
const paths: Readonly<Record<string, (id: string, message: JsonObject) => readonly ['GET' | 'POST', string]>> = {
  StartWorkflowExecution: (id) => ['POST', id],
  DescribeWorkflowExecution: (id) => ['GET', id],
  GetWorkflowExecutionHistory: (id) => [
    'GET',
    `${id}/history?waitNewEvent=true&historyEventFilterType=HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT`,
  ],
  QueryWorkflow: (id, { query }) => ['POST', `${id}/query/${textOf(query, 'queryType')}`],
  SignalWorkflowExecution: (id, { signalName }) => ['POST', `${id}/signal/${signalName}`],
  UpdateWorkflowExecution: (id, { request }) => [
    'POST',
    `${id}/update/${textOf(isJsonObject(request) ? request.input : null, 'name')}`,
  ],
  RequestCancelWorkflowExecution: (id) => ['POST', `${id}/cancel`],
  TerminateWorkflowExecution: (id) => ['POST', `${id}/terminate`],
};

function askOverHttp({ client }: Upstream): Ask {
  return async (method, message) => {
    const id =
      textOf(message.execution, 'workflowId') || textOf(message.workflowExecution, 'workflowId') || message.workflowId;
    const [verb, path] = paths[method]?.(String(id), message) ?? ['GET', ''];
    const { raw } = await client.call({
      ...{ purpose: 'probe', retry: 'safe', method: verb, path: `/api/v1/namespaces/${namespace}/workflows/${path}` },
      ...(verb === 'POST' ? { body: message } : {}),
      ...{ answer: z.unknown(), readsBody: true, errorMessage: (body) => textOf(body, 'message') },
    });
    return isJsonObject(raw) ? raw : {};
  };
}

function textOf(value: Json | undefined, member: string): string {
  const found = isJsonObject(value) ? value[member] : undefined;
  return typeof found === 'string' ? found : '';
}

const startOf = (workflowId: string, plan: JsonObject): JsonObject => ({
  ...{ namespace, workflowId, requestId: `request of ${workflowId}` },
  ...{ workflowType: { name: 'Planned' }, taskQueue: { name: 'q' }, input: payloadsOf(plan) },
});
const updateOf = (workflowId: string, updateId: string, value: Json, name = 'resume'): JsonObject => ({
  ...own(workflowId),
  waitPolicy: { lifecycleStage: completed },
  request: { meta: { updateId }, input: { name, args: payloadsOf(value) } },
});

function readValue(payloads: Json | undefined): Json {
  const [first] = isJsonObject(payloads) ? (payloads.payloads as readonly JsonObject[]) : [];
  return JSON.parse(Buffer.from(String(first?.data), 'base64').toString()) as Json;
}

async function faultOf(call: Promise<unknown>): Promise<UpstreamFault> {
  const fault: unknown = await call.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason,
  );
  if (fault instanceof UpstreamFault) return fault;
  throw fault;
}

describe.each([
  ['gRPC', (timeoutMs?: number) => askOver(reach(server.grpcUrl, timeoutMs), { holdMs: 0 })],
  ['HTTP', (timeoutMs?: number) => askOverHttp(reach(server.httpUrl, timeoutMs))],
] as const)('over %s', (wire, connect) => {
  const isGrpc = wire === 'gRPC';
  let ask: Ask;
  beforeEach(() => {
    ask = connect();
  });

  const start = async (plan: JsonObject, id = 'w') => await ask('StartWorkflowExecution', startOf(id, plan));
  const closeOf = async (id = 'w'): Promise<JsonObject> => {
    const filter = { waitNewEvent: true, historyEventFilterType: 'HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT' };
    const { history } = await ask('GetWorkflowExecutionHistory', { ...at(id), ...filter });
    return ((isJsonObject(history) ? history.events : []) as readonly JsonObject[]).at(-1) ?? {};
  };
  const statusOf = async (id = 'w') =>
    textOf((await ask('DescribeWorkflowExecution', at(id))).workflowExecutionInfo, 'status').slice(26);

  test('a workflow completes after its time, with its input or what the plan says', async () => {
    await start({ ms: 400, n: 1 });
    expect(await statusOf()).toBe('RUNNING');
    const { eventType, workflowExecutionCompletedEventAttributes: close } = await closeOf();
    expect(eventType).toBe('EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED');
    expect(readValue(isJsonObject(close) ? close.result : null)).toEqual({ ms: 400, n: 1 });
    expect(await statusOf()).toBe('COMPLETED');
    await start({ ms: 0, result: [7] }, 'other');
    const { workflowExecutionCompletedEventAttributes: second } = await closeOf('other');
    expect(readValue(isJsonObject(second) ? second.result : null)).toEqual([7]);
  });

  test.each([
    ['fail', 'FAILED'],
    ['cancel', 'CANCELED'],
    ['time-out', 'TIMED_OUT'],
  ])('a workflow that is planned to %s ends as %s', async (end, word) => {
    await start({ ms: 0, end, failure: ['outer', 'inner'] });
    const event = await closeOf();
    expect(event.eventType).toBe(`EVENT_TYPE_WORKFLOW_EXECUTION_${word}`);
    if (end === 'fail') expect(JSON.stringify(event)).toMatch(/"outer".*"inner"/);
    expect(await statusOf()).toBe(word);
  });

  test('a workflow that waits for an approval shows its question, and goes on with an update, once by its id', async () => {
    await start({ ms: 0, approval: { amount: 12 } });
    const question = async () =>
      readValue((await ask('QueryWorkflow', { ...at('w'), query: { queryType: waitingFor } })).queryResult);
    expect(await question()).toEqual({ amount: 12 });
    const refused = await ask('UpdateWorkflowExecution', updateOf('w', 'u0', { refuse: 'too much' }));
    expect(JSON.stringify(refused.outcome)).toContain('too much');
    expect(await question()).toEqual({ amount: 12 });
    const first = await ask('UpdateWorkflowExecution', updateOf('w', 'u1', { ok: true }));
    expect(await ask('UpdateWorkflowExecution', updateOf('w', 'u1', { ok: false }))).toEqual(first);
    expect(await question()).toBe(null);
    const { workflowExecutionCompletedEventAttributes: close } = await closeOf();
    expect(readValue(isJsonObject(close) ? close.result : null)).toEqual({ approved: { ok: true } });
    const late = ask('UpdateWorkflowExecution', updateOf('w', 'u2', 1));
    expect(await faultOf(late)).toMatchObject({ httpStatus: 404 });
  });

  test('an approval may come by signal, and a handler that the workflow does not have fails', async () => {
    await start({ ms: 0, approval: 'sure?' });
    const unknown = await ask('UpdateWorkflowExecution', updateOf('w', 'u', 1, 'other'));
    expect(JSON.stringify(unknown.outcome)).toContain('expected but not found');
    const query = ask('QueryWorkflow', { ...at('w'), query: { queryType: 'other' } });
    expect(await faultOf(query)).toMatchObject({ httpStatus: 400 });
    const signal = { ...own('w'), signalName: 'resume', input: payloadsOf('yes'), requestId: 's' };
    expect(await ask('SignalWorkflowExecution', signal)).toEqual({});
    const { workflowExecutionCompletedEventAttributes: close } = await closeOf();
    expect(readValue(isJsonObject(close) ? close.result : null)).toEqual({ approved: 'yes' });
  });

  test('a cancel ends a workflow that heeds it, and the reason of an end is told', async () => {
    await start({ end: 'never' });
    const held = closeOf();
    await ask('RequestCancelWorkflowExecution', own('w'));
    expect((await held).eventType).toBe('EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED');
    await start({ end: 'never', heedsCancel: false }, 'deaf');
    await ask('RequestCancelWorkflowExecution', own('deaf'));
    expect(await statusOf('deaf')).toBe('RUNNING');
    await ask('TerminateWorkflowExecution', { ...own('deaf'), reason: 'enough' });
    expect(JSON.stringify(await closeOf('deaf'))).toContain('enough');
  });

  test('a workflow that goes on in three runs is found by its id', async () => {
    const { runId } = await start({ ms: 10, runs: 3, result: 'last' });
    await expect.poll(() => statusOf()).toBe('COMPLETED');
    const info = (await ask('DescribeWorkflowExecution', at('w'))).workflowExecutionInfo;
    expect(textOf(isJsonObject(info) ? info.execution : null, 'runId')).not.toBe(runId);
    expect(server.calls.get('StartWorkflowExecution')).toBe(1);
  });

  test('a workflow whose code fails shows how often, and answers no query', async () => {
    await start({ failedTasks: 4 });
    expect((await ask('DescribeWorkflowExecution', at('w'))).pendingWorkflowTask).toMatchObject({ attempt: 5 });
    const query = connect(500)('QueryWorkflow', { ...at('w'), query: { queryType: waitingFor } });
    expect(await faultOf(query)).toMatchObject({ kind: 'timeout' });
    await ask('RequestCancelWorkflowExecution', own('w'));
    expect(await statusOf()).toBe('RUNNING');
  });

  test('a start is counted once by its key, however often it is sent, until the workflow is forgotten', async () => {
    const first = await start({ key: 'k' });
    expect((await start({ key: 'k' })).runId).toBe(first.runId);
    expect(server.starts().get('k')).toBe(1);
    server.forget();
    expect(await faultOf(ask('DescribeWorkflowExecution', at('w')))).toMatchObject({ httpStatus: 404 });
    await start({ key: 'k' });
    expect(server.starts().get('k')).toBe(2);
  });

  test.each([
    [{ kind: 'status', code: 14, message: 'away', retryAfterMs: 2000 }, 'http-status', 0],
    [{ kind: 'cut-before' }, 'cut', 0],
    [{ kind: 'cut-after' }, 'cut', 1],
    [{ kind: 'refuse-stream' }, isGrpc ? 'reset' : 'cut', 0],
    [{ kind: 'malformed' }, 'malformed', 1],
  ] as const)('the fault %j is a %s, with %i start', async (fault, kind, starts) => {
    faults.push(fault);
    const seen = await faultOf(start({ key: 'k' }));
    expect(seen.kind).toBe(kind);
    if (fault.kind === 'status') expect(seen).toMatchObject({ httpStatus: 503, message: 'away', retryAfterMs: 2000 });
    expect(server.starts().get('k') ?? 0).toBe(starts);
    await start({ key: 'k' });
    expect(server.starts().get('k')).toBe(1);
  });

  test('an answer may hang, come late, or be the last of its connection', async () => {
    faults.push({ kind: 'hang' }, { kind: 'late', ms: 100 }, { kind: 'goaway' });
    const hanging = connect(500)('StartWorkflowExecution', startOf('w', { key: 'k' }));
    expect(await faultOf(hanging)).toMatchObject({ kind: 'timeout' });
    const sinceMs = performance.now();
    const { runId } = await start({ key: 'k' });
    expect(performance.now() - sinceMs).toBeGreaterThanOrEqual(95);
    const before = server.grpcConnections;
    expect((await start({ key: 'k' })).runId).toBe(runId);
    expect((await start({ key: 'k' })).runId).toBe(runId);
    if (isGrpc) expect(server.grpcConnections).toBe(before + 1);
  });
});

test('a call without one of the keys is refused, and with one it is answered', async () => {
  await server.close();
  await open({ apiKeys: ['sesame'] });
  const upstream = reach(server.grpcUrl);
  expect(await faultOf(askOver(upstream)('GetSystemInfo', {}))).toMatchObject({ rpc: { code: 7 } });
  const { body } = await upstream.client.call({
    ...{ purpose: 'probe', retry: 'safe', method: 'GET', path: '/api/v1/system-info', answer: z.unknown() },
    ...{ headers: { authorization: 'Bearer sesame' }, errorMessage: () => null },
    base: { kind: 'configured', url: server.httpUrl },
  });
  expect(body).toEqual({ serverVersion: '1.25.1' });
});

test('a path and a method that the frontend does not have are refused', async () => {
  const upstream = reach(server.httpUrl);
  const get = (path: string) =>
    upstream.client.call({
      ...{ purpose: 'probe', retry: 'safe', method: 'GET', path, answer: z.unknown(), errorMessage: () => null },
    });
  for (const path of ['/', '/api/v1/namespaces/default/workflows', '/api/v1/namespaces/default/workflows/w/restart'])
    expect(await faultOf(get(path))).toMatchObject({ httpStatus: 404 });
  const grpc = reach(server.grpcUrl);
  const call = grpc.client.rpc({
    ...{ purpose: 'probe', retry: 'safe', path: '/other.Service/Start', message: new Uint8Array() },
    ...{ decode: () => null, answer: z.json() },
  });
  expect(await faultOf(call)).toMatchObject({ rpc: { code: 12 } });
});

test.each([
  ['a workflow id', { workflowId: '' }],
  ['a type', { workflowType: {} }],
  ['a task queue', { taskQueue: {} }],
])('a start without %s is refused', async (_what, lacking) => {
  const ask = askOver(reach(server.grpcUrl));
  const start = ask('StartWorkflowExecution', { ...startOf('w', {}), ...lacking });
  expect(await faultOf(start)).toMatchObject({ rpc: { code: 3 } });
});

test('bytes that are no message are refused', async () => {
  const call = reach(server.grpcUrl).client.rpc({
    ...{ purpose: 'probe', retry: 'safe', message: Uint8Array.of(0xff) },
    path: '/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution',
    ...{ decode: () => null, answer: z.json() },
  });
  expect(await faultOf(call)).toMatchObject({ rpc: { code: 13 } });
});

test('a hundred held calls share one connection, and are answered the moment that their runs end', async () => {
  const ask = askOver(reach(server.grpcUrl));
  const ids = Array.from({ length: 100 }, (_, index) => `w${index}`);
  await Promise.all(ids.map((id) => ask('StartWorkflowExecution', startOf(id, { ms: 300 }))));
  const closes = await Promise.all(
    ids.map((id) => ask('GetWorkflowExecutionHistory', { ...at(id), waitNewEvent: true })),
  );
  expect(closes.filter(({ history }) => JSON.stringify(history).includes('COMPLETED'))).toHaveLength(100);
  expect(server.calls.get('GetWorkflowExecutionHistory')).toBe(100);
  expect(server.grpcConnections).toBe(1);
});
