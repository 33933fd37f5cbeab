import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { eventually, type McpSite, openMcp, type Rpc, stateless, version } from './mcp-site.ts';
import { openSite, type Site } from './site.ts';

vi.setConfig({ testTimeout: 60_000 });

let back: McpSite;
let front: Site;

const tool = (name: string): JsonObject => ({ name, backend: 'back', target: { tool: name } });

beforeAll(async () => {
  back = await openMcp();
  const agents = [...['blocks', 'echo', 'fail', 'hang', 'required'].map(tool), { ...tool('approval') }];
  front = await openSite({ backends: { back: { adapter: 'mcp', baseUrl: `${back.url}/mcp` } }, agents });
});
afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await back[Symbol.asyncDispose]();
});

test('a gateway that is the MCP server of another gives its result, at once or by a task', async () => {
  for (const name of ['echo', 'required'])
    expect(await front.client.run({ agent_id: name, input: { count: 1 } })).toMatchObject({
      type: 'result',
      result: { count: 1 },
    });
});

test('pictures of a tool behind another gateway are content of the outer one', async () => {
  const image = { type: 'image', data: 'aGk=', mimeType: 'image/png' };
  const output = await front.client.run({ agent_id: 'blocks', input: { content: [image] } });
  expect(output).toMatchObject({ type: 'result', result: { content: [image] } });
  const headers = { 'content-type': 'application/json', 'mcp-protocol-version': version, 'mcp-method': 'tools/call' };
  const params = { name: 'blocks', arguments: { content: [image] } };
  const answer = await fetch(`${front.client.url}/mcp`, {
    method: 'POST',
    headers: { ...headers, 'mcp-name': 'blocks' },
    body: JSON.stringify(stateless('tools/call', params, {})),
  });
  expect(((await answer.json()) as Rpc).result?.content).toEqual([image]);
});

test('what failed behind another gateway fails in its words', async () => {
  const failed = await front.client.run({ agent_id: 'fail', input: { message: 'no bread' } });
  expect(failed).toMatchObject({ type: 'error', description: expect.stringContaining('no bread') });
});

test('a question of an agent behind another gateway is answered through both', async () => {
  const { run_id: runId } = await front.client.create({ agent_id: 'approval', input: { question: 'Shall I?' } });
  expect(await front.client.output(runId)).toMatchObject({
    type: 'interrupt',
    interrupt: { interrupt_type: 'elicitation', message: 'Shall I?', schema: { required: ['approved'] } },
  });
  await front.client.resume(runId, { approved: true });
  expect(await front.client.output(runId)).toMatchObject({ type: 'result', result: { approved: true } });
});

test('a run that is cancelled in front is cancelled behind, and was started once', async () => {
  const { run_id: runId } = await front.client.create({ agent_id: 'hang', input: { key: 'behind' } });
  await eventually(() => expect(back.sandbox.starts().get('behind')).toBe(1));
  await eventually(async () => expect(JSON.stringify(front.log)).toContain('run started'));
  await fetch(`${front.client.url}/acp/v0.2/runs/${runId}/cancel`, { method: 'POST' });
  await eventually(async () => {
    const [run] = await back.site.client.search({ limit: 1 });
    expect(run?.status).toBe('error');
  });
  expect(back.sandbox.starts().get('behind')).toBe(1);
});
