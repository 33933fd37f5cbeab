import { afterEach, beforeEach, expect, test } from 'vitest';
import { restack } from '../../adapters/restack/adapter.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { createLog } from '../../src/observability/log.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { answer, startVendor, type Vendor } from '../upstream/vendor-server.ts';
import { faultOf } from './adapter-contract.ts';

type Answer = readonly [status: number, body: Json];

const { signal } = new AbortController();
const documented = '/api/agents/A/r1';
const other = '/api/agents/A/a1/r1';
const lost: Answer = [404, { error: 'not found' }];
let vendor: Vendor;
let upstream: Upstream;
let logged: JsonObject[];

beforeEach(async () => {
  vendor = await startVendor();
  logged = [];
  const write = (line: string) => void logged.push(JSON.parse(line) as JsonObject);
  const log = createLog({ level: 'warn', secrets: [], destination: { write } });
  upstream = connectUpstream({ ...upstreamOptions, baseUrl: vendor.url, log });
});
afterEach(async () => {
  await vendor.stop();
  await upstream.close();
});

const connect = (settings: JsonObject = {}): Connection =>
  restack.connect(restack.settings.parse(settings), upstream.client, createExpressionCompiler());

const agent = (more: JsonObject = {}) => restack.target.parse({ agent: 'A', ...more });

/** Answers by method and path; what is not listed is not found. */
function serve(answers: Readonly<Record<string, Answer | (() => Answer)>>): void {
  vendor.reply = (response, received) => {
    const found = answers[`${received.method} ${received.path}`] ?? lost;
    answer(...(typeof found === 'function' ? found() : found))(response, received);
  };
}

const asked = () => vendor.received.splice(0).map(({ method, path }) => `${method} ${path}`);
const running: Answer = [200, { runId: 'r1', status: 'running' }];
const ref = { runId: 'r1', agentId: 'a1' };

test('a run that is not found where it is documented is looked for at the other path, which is remembered', async () => {
  serve({ [`GET ${other}`]: running });
  const connection = connect();
  expect((await connection.observe(agent(), ref, signal)).status).toBe('running');
  expect(asked()).toEqual([`GET ${documented}`, `GET ${other}`]);
  await connection.observe(agent(), ref, signal);
  expect(asked()).toEqual([`GET ${other}`]);
  expect(logged).toMatchObject([{ level: 'warn', path: documented, found_at: other }]);
});

test('an engine that has answered at the documented path is asked nowhere else for a run that is lost', async () => {
  serve({ [`GET ${documented}`]: running });
  const connection = connect();
  await connection.observe(agent(), ref, signal);
  serve({});
  asked();
  expect((await faultOf(connection.observe(agent(), ref, signal))).consequence).toBe('gone');
  expect(asked()).toEqual([`GET ${documented}`]);
  expect(logged).toEqual([]);
});

test.each<readonly [string, Answer, string]>([
  ['also not found', lost, 'gone'],
  ['not served', [405, {}], 'gone'],
  ['broken', [500, {}], 'retry'],
  ['refused', [401, {}], 'retry'],
])('a run that is at neither path is %s there, and that means %j: %s', async (_name, there, consequence) => {
  serve({ [`GET ${other}`]: there });
  const connection = connect();
  expect((await faultOf(connection.observe(agent(), ref, signal))).consequence).toBe(consequence);
  // It may turn up at either.
  asked();
  serve({ [`GET ${other}`]: running });
  expect((await connection.observe(agent(), ref, signal)).status).toBe('running');
});

test.each([
  ['the agent has no id', {}, { runId: 'r1' }],
  ['the settings name the path', { paths: { getAgent: '/api/agents/{agentName}/{runId}' } }, ref],
])('there is one path only where %s', async (_name, settings, upstreamRef) => {
  serve({ [`GET ${other}`]: running });
  const fault = await faultOf(connect(settings).observe(agent(), upstreamRef, signal));
  expect(fault.consequence).toBe('gone');
  expect(asked()).toEqual([`GET ${documented}`]);
});

test('a workflow is looked for at both paths too, and what is known of agents says nothing about workflows', async () => {
  serve({ [`GET ${documented}`]: running, 'GET /api/workflows/W/w1/r1': running });
  const connection = connect();
  await connection.observe(agent(), ref, signal);
  const workflow = restack.target.parse({ workflow: 'W' });
  expect((await connection.observe(workflow, { runId: 'r1', workflowId: 'w1' }, signal)).status).toBe('running');
  expect(asked()).toEqual([`GET ${documented}`, 'GET /api/workflows/W/r1', 'GET /api/workflows/W/w1/r1']);
});

const continued: Answer = [200, { runId: 'r1', agentId: 'a1', status: 'CONTINUED_AS_NEW' }];
const newest: Answer = [200, { runId: 'r2', agentId: 'a1', status: 'running' }];
const done: Answer = [200, { runId: 'r2', status: 'completed', output: 7 }];

test.each([
  ['the start answered', ref],
  ['the run answers', { runId: 'r1' }],
])('a run that was continued as new is followed by the agentId that %s', async (_name, upstreamRef) => {
  serve({ [`GET ${documented}`]: continued, 'GET /api/agents/A/a1': newest, 'GET /api/agents/A/r2': done });
  const connection = connect();
  expect(await connection.observe(agent(), upstreamRef, signal)).toEqual({ status: 'completed', raw: done[1] });
  asked();
  await connection.observe(agent(), upstreamRef, signal);
  expect(asked()).toEqual(['GET /api/agents/A/r2']);
});

test.each<readonly [string, Readonly<Record<string, Answer>>]>([
  ['the engine does not say which', {}],
  ['the newest is itself', { 'GET /api/agents/A/a1': [200, { runId: 'r1', status: 'x' }] }],
])('a run that was continued as new stays as it is where %s', async (_name, answers) => {
  serve({ [`GET ${documented}`]: continued, ...answers });
  expect((await connect().observe(agent(), ref, signal)).status).toBe('continued_as_new');
});

test('a run that was continued as new is asked for again while its newest run cannot be', async () => {
  serve({ [`GET ${documented}`]: continued, 'GET /api/agents/A/a1': [500, {}] });
  expect((await faultOf(connect().observe(agent(), ref, signal))).consequence).toBe('retry');
});

const put = (run: string) => `PUT /api/agents/A/a1/${run}`;
const completed: Answer = [404, { error: 'workflow execution already completed' }];

test.each<readonly [string, Answer]>([
  ['404', completed],
  ['410', [410, {}]],
  ['409 for a run that is over', [409, { error: 'run r1 is not running' }]],
  ['400 for a run that is over', [400, { error: 'workflow execution already completed' }]],
])('an event that is answered %s is sent once more, to the newest run of the agent', async (_name, refusal) => {
  serve({ [put('r1')]: refusal, 'GET /api/agents/A/a1': newest, [put('r2')]: [200, { said: 'yes' }] });
  const connection = connect();
  const thread = agent({ mode: 'thread' });
  const sent = await connection.session?.send(thread, ref, { input: 'Hi', messageId: 'm1' });
  expect(sent).toMatchObject({ status: 'completed', raw: { output: { said: 'yes' } } });
  expect(asked()).toEqual([put('r1'), 'GET /api/agents/A/a1', put('r2')]);
  await connection.session?.send(thread, ref, { input: 'Hi', messageId: 'm2' });
  expect(asked()).toEqual([put('r2')]);
});

test.each<readonly [string, Readonly<Record<string, Answer>>, string, readonly string[]]>([
  [
    'has no newer run',
    { 'GET /api/agents/A/a1': [200, { runId: 'r1' }] },
    'rejected',
    [put('r1'), 'GET /api/agents/A/a1'],
  ],
  ['does not say its newest run', {}, 'rejected', [put('r1'), 'GET /api/agents/A/a1']],
  ['cannot be asked now', { 'GET /api/agents/A/a1': [503, {}] }, 'retry', [put('r1'), 'GET /api/agents/A/a1']],
  [
    'refuses it in its newest run too',
    { 'GET /api/agents/A/a1': newest, [put('r2')]: completed },
    'rejected',
    [put('r1'), 'GET /api/agents/A/a1', put('r2')],
  ],
])('an event to an agent that %s is not sent again', async (_name, answers, consequence, calls) => {
  serve({ [put('r1')]: completed, ...answers });
  const fault = await faultOf(Promise.resolve(connect().resume?.(agent(), ref, { eventName: 'go' }, 'd1')));
  expect(fault.consequence).toBe(consequence);
  expect(asked()).toEqual(calls);
});

test.each<readonly [string, Answer]>([
  ['refused for itself', [400, { error: 'no such event' }]],
  ['without an answer that says so', [500, { error: 'already completed' }]],
])('an event that is %s is not sent to another run', async (_name, refusal) => {
  serve({ [put('r1')]: refusal, 'GET /api/agents/A/a1': newest, [put('r2')]: [200, {}] });
  await faultOf(Promise.resolve(connect().resume?.(agent(), ref, { eventName: 'go' }, 'd1')));
  expect(asked()).toEqual([put('r1')]);
});

test.each<readonly [Json, boolean]>([
  [{ updateId: 'u1', workflowId: 'local-a1', workflowRunId: 'r1' }, true],
  [{ agentId: 'a1', runId: 'r1', eventName: 'message' }, true],
  [{ updateId: 'u1', status: 'accepted' }, true],
  [{ updateId: 'u1', response: 'Hello' }, false],
  [{ status: 'accepted' }, false],
  [{}, false],
  [[{ updateId: 'u1' }], false],
])('the answer %j to a message is an acknowledgement: %j', async (body, isAcknowledged) => {
  serve({ [put('r1')]: [200, body] });
  const sending = connect().session?.send(agent({ mode: 'thread' }), ref, { input: 'Hi', messageId: 'm1' });
  if (sending === undefined) throw new Error('no session');
  if (!isAcknowledged) return expect(await sending).toMatchObject({ raw: { output: body } });
  expect(await faultOf(sending)).toMatchObject({ consequence: 'unknown', kind: 'malformed', httpStatus: 200 });
});
