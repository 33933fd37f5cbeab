import { expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { content, task } from '../adapters/mcp-rig.ts';
import { legacyMethods, startMcpServer, streamOf } from '../adapters/mcp-server.ts';
import { answer, type Reply, startVendor, type Vendor } from '../upstream/vendor-server.ts';
import { openSite } from './site.ts';

/** A vendor that answers by the path of the request, and is stopped at the end of the test. */
async function openVendor(answers: (received: Vendor['received'][number]) => Reply) {
  const vendor = await startVendor((response, received) => answers(received)(response, received));
  return Object.assign(vendor, { [Symbol.asyncDispose]: async () => await vendor.stop() });
}

const stream =
  (events: readonly Json[]): Reply =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`);
  };

const interrupts = (type: string) => ({ schemas: { interrupts: [{ interrupt_type: type }] } });

test('a run of Dify is started by the head of a stream, asks by a form and ends with the outputs of its workflow', async () => {
  const ids = { task_id: 't-1', workflow_run_id: 'w-1' };
  const form = { form_token: 'tok-1', form_content: 'Sure?', actions: [{ id: 'approve', title: 'Yes' }] };
  let run: JsonObject = { id: 'w-1', status: 'paused', outputs: {} };
  await using vendor = await openVendor(({ method, path }) => {
    if (path.endsWith('/workflows/run')) return stream([{ event: 'workflow_started', ...ids }]);
    if (path.includes('/events'))
      return stream([{ event: 'human_input_required', data: form }, { event: 'workflow_paused' }]);
    if (method === 'POST') run = { id: 'w-1', status: 'succeeded', outputs: { text: 'done' } };
    return answer(200, method === 'POST' ? {} : run);
  });
  await using site = await openSite({
    backends: { dify: { adapter: 'dify', baseUrl: vendor.url, apiKey: 'app-key' } },
    agents: [{ name: 'translator', backend: 'dify', target: {}, ...interrupts('form') }],
  });
  const asked = await site.client.run({ agent_id: 'translator', input: { draft: 'Hello' } });
  expect(asked).toMatchObject({ status: 'interrupted', interrupt: { content: 'Sure?', form_token: 'tok-1' } });
  await site.client.resume(asked.run_id, { inputs: { comment: 'fine' } });
  expect(await site.client.output(asked.run_id)).toMatchObject({ status: 'success', result: { text: 'done' } });
  const submitted = vendor.received.filter(({ path }) => path === '/form/human_input/tok-1');
  expect(submitted.map(({ body }) => JSON.parse(body))).toEqual([
    { inputs: { comment: 'fine' }, action: 'approve', user: asked.run_id },
  ]);
});

test('a task of an MCP server interrupts its run with the question of the server, and goes on with the answer', async () => {
  let status = 'input_required';
  const server = await startMcpServer({
    ...legacyMethods(),
    'tools/call': { result: { task: task('working') } },
    'tasks/get': () => ({ result: task(status, { pollInterval: 50 }) }),
    'tasks/result': () =>
      status === 'completed'
        ? { result: content('Paris it is') }
        : {
            reply: streamOf([
              { jsonrpc: '2.0', id: 7, method: 'elicitation/create', params: { message: 'which city?' } },
            ]),
          },
    answer: () => {
      status = 'completed';
      return { reply: (response) => void response.writeHead(202).end() };
    },
  });
  await using _ = { [Symbol.asyncDispose]: async () => await server.stop() };
  await using site = await openSite({
    backends: { tools: { adapter: 'mcp', baseUrl: `${server.url}/mcp` } },
    agents: [{ name: 'research', backend: 'tools', target: { tool: 'work' }, ...interrupts('elicitation') }],
  });
  const asked = await site.client.run({ agent_id: 'research', input: { topic: 'rain' } });
  expect(asked).toMatchObject({ status: 'interrupted', interrupt: { message: 'which city?' } });
  await site.client.resume(asked.run_id, { city: 'Paris' });
  expect(await site.client.output(asked.run_id)).toMatchObject({ status: 'success', result: { text: 'Paris it is' } });
  expect(server.called.filter(([method]) => method === 'answer')).toEqual([
    ['answer', { id: 7, result: { action: 'accept', content: { city: 'Paris' } } }],
  ]);
  expect(server.called.filter(([method]) => method === 'tools/call')).toHaveLength(1);
});

test('a run of AgentCore ends with the answer to its invocation, and one that is cancelled before is stopped there', async () => {
  let isSlow = false;
  let stop = (): void => {};
  await using vendor = await openVendor(({ path }) => {
    if (path.endsWith('/stopruntimesession')) stop();
    if (!isSlow || !path.endsWith('/invocations')) return answer(200, { reply: 'hi' });
    // As the vendor does, once the session is stopped.
    return (response) => {
      stop = () => response.socket?.destroy();
    };
  });
  const keys = { region: 'eu-central-1', accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'the-secret-access-key' };
  await using site = await openSite({
    backends: { aws: { adapter: 'agentcore', baseUrl: vendor.url, requestTimeoutSeconds: 2, ...keys } },
    agents: [{ name: 'support', backend: 'aws', target: { agentRuntimeArn: 'arn:aws:x:runtime/a', maxSeconds: 2 } }],
  });
  expect(await site.client.run({ agent_id: 'support', input: {} })).toMatchObject({
    status: 'success',
    result: { reply: 'hi' },
  });
  isSlow = true;
  const { run_id: runId } = await site.client.create({ agent_id: 'support', input: {} });
  await vi.waitFor(() => expect(vendor.received).toHaveLength(2));
  expect((await site.client.ask('POST', `/acp/v0.2/runs/${runId}/cancel?wait=true`)).status).toBe(204);
  await vi.waitFor(() => expect(vendor.received.at(-1)?.path).toMatch(/\/stopruntimesession$/));
  expect(vendor.received.at(-1)?.headers['x-amzn-bedrock-agentcore-runtime-session-id']).toBe(runId);
  expect(await site.client.read(runId)).toMatchObject({ status: 'error' });
  expect(vendor.received).toHaveLength(3);
});
