import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { restack } from '../../adapters/restack/adapter.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { compileMapping } from '../../src/mapping/compile.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { answer, startVendor, type Vendor } from '../upstream/vendor-server.ts';

const shipped: unknown = parse(readFileSync(new URL('../../mappings/restack.yaml', import.meta.url), 'utf8'));
const target = restack.target.parse({ agent: 'A' });
const { signal } = new AbortController();
let vendor: Vendor;
let upstream: Upstream;
let connection: Connection;

beforeEach(async () => {
  vendor = await startVendor();
  upstream = connectUpstream({ ...upstreamOptions, baseUrl: vendor.url });
  connection = restack.connect(restack.settings.parse({}), upstream.client, createExpressionCompiler());
});
afterEach(async () => {
  await vendor.stop();
  await upstream.close();
});

/** What the engine's answer comes to, through the adapter and the shipped mapping. */
async function read(body: JsonObject): Promise<JsonObject> {
  const compilation = compileMapping([{ source: 'restack.yaml', mapping: shipped }]);
  if (compilation.kind !== 'compiled') throw new Error(JSON.stringify(compilation.problems));
  vendor.reply = answer(200, body);
  const observation = await connection.observe(target, { runId: 'r1' }, signal);
  return (await compilation.mapping.read(observation)) as unknown as JsonObject;
}

const success = { kind: 'success', output: { r: 1 } };
const failed = (errcode: number, status = 'error') => ({ kind: 'failed', status, errcode });
const pending = { kind: 'pending' };

test.each<readonly [Json, JsonObject]>([
  ['completed', success],
  ['COMPLETED', success],
  ['Completed', success],
  ['WORKFLOW_EXECUTION_STATUS_COMPLETED', success],
  [2, success],
  ['failed', failed(3000)],
  ['FAILED', failed(3000)],
  ['WORKFLOW_EXECUTION_STATUS_FAILED', failed(3000)],
  [3, failed(3000)],
  ['CANCELED', failed(3001)],
  ['canceled', failed(3001)],
  ['cancelled', failed(3001)],
  ['Cancelled', failed(3001)],
  ['WORKFLOW_EXECUTION_STATUS_CANCELED', failed(3001)],
  ['terminated', failed(3002)],
  ['TERMINATED', failed(3002)],
  ['WORKFLOW_EXECUTION_STATUS_TERMINATED', failed(3002)],
  ['timed_out', failed(3003, 'timeout')],
  ['TIMED_OUT', failed(3003, 'timeout')],
  ['TimedOut', failed(3003, 'timeout')],
  ['WORKFLOW_EXECUTION_STATUS_TIMED_OUT', failed(3003, 'timeout')],
  ['CONTINUED_AS_NEW', pending],
  ['ContinuedAsNew', pending],
  ['WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW', pending],
  ['RUNNING', pending],
  ['running', pending],
  ['queued', pending],
  [1, pending],
])('the status %j of an engine means %j', async (status, meaning) => {
  const isOver = meaning === success;
  expect(await read({ runId: 'r1', status, ...(isOver ? { output: { r: 1 } } : {}) })).toMatchObject(meaning);
});

test.each<readonly [JsonObject, Json]>([
  [{ output: { r: 1 } }, { r: 1 }],
  [{ result: { r: 1 } }, { r: 1 }],
  [{ result: null }, null],
  [{ output: { r: 1 }, result: { r: 2 } }, { r: 1 }],
  [{ output: null, result: { r: 2 } }, { r: 2 }],
  [{ output: null, result: null }, null],
  [{ output: null }, null],
  [{ output: false, result: 1 }, false],
  [{}, {}],
])('the output of a completed run with %j is %j', async (members, output) => {
  expect(await read({ runId: 'r1', status: 'completed', ...members })).toEqual({ kind: 'success', output });
  expect(await read({ runId: 'r1', status: 'COMPLETED', ...members })).toEqual({ kind: 'success', output });
});

test.each(['waiting_for_human', 'WaitingForHuman', 'COMPLETED_WITH_WARNINGS', 9])(
  'a status that is none of the engine, such as %j, reaches the mapping as it is',
  async (status) => {
    vendor.reply = answer(200, { runId: 'r1', status });
    const seen = await connection.observe(target, { runId: 'r1' }, signal);
    expect(seen.status).toBe(String(status));
    expect(await read({ runId: 'r1', status })).toMatchObject({ kind: 'unmapped', vendorStatus: String(status) });
  },
);

test("the engine's own spelling of a status is kept beside the usual one", async () => {
  vendor.reply = answer(200, { runId: 'r1', status: 'WORKFLOW_EXECUTION_STATUS_FAILED', error: 'boom' });
  const { raw } = await connection.observe(target, { runId: 'r1' }, signal);
  expect(raw).toEqual({
    runId: 'r1',
    status: 'failed',
    vendorStatus: 'WORKFLOW_EXECUTION_STATUS_FAILED',
    error: 'boom',
  });
});
