import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { codedVendors } from '../../src/sandbox/faults.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { openSite, type Site } from '../gateway/site.ts';

vi.setConfig({ testTimeout: 60_000 });

const scripts = ['echo', 'fail', 'hang', 'approve', 'vanish', 'nothing'] as const;
type Vendor = (typeof codedVendors)[number];

const targets: Readonly<Record<Vendor, (script: string) => JsonObject>> = {
  agentcore: (script) => ({ agentRuntimeArn: `arn:aws:bedrock-agentcore:x:0:runtime/${script}`, maxSeconds: 60 }),
  dify: (script) => ({ workflowId: script }),
  mcp: (script) => ({ tool: script }),
};

let sandbox: Sandbox;
let site: Site;

beforeAll(async () => {
  sandbox = await startSandbox();
  const at = (vendor: Vendor) => ({ adapter: vendor, baseUrl: `${sandbox.vendorsUrl}/${vendor}` });
  const signed = { region: 'eu-central-1', secretAccessKey: 'any' };
  const backends = {
    agentcore: { ...at('agentcore'), ...signed, accessKeyId: 'sandbox-key' },
    dify: { ...at('dify'), apiKey: 'sandbox-key' },
    mcp: { ...at('mcp'), token: 'sandbox-key' },
    'agentcore-stranger': { ...at('agentcore'), ...signed, accessKeyId: 'another-key' },
    'dify-stranger': { ...at('dify'), apiKey: 'another-key' },
    'mcp-stranger': { ...at('mcp'), token: 'another-key' },
  };
  const agents = codedVendors.flatMap((vendor) => [
    { name: `${vendor}-stranger`, backend: `${vendor}-stranger`, target: targets[vendor]('echo'), timeoutSeconds: 20 },
    ...scripts.map((script) => ({
      name: `${vendor}-${script}`,
      backend: vendor,
      target: targets[vendor](script),
      lostAfterSeconds: 0.2,
    })),
  ]);
  site = await openSite({ backends, agents });
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await sandbox.close();
});

const run = (agent: string, input: Json = {}) => site.client.run({ agent_id: agent, input });

test.each(codedVendors)('a run at the stand-in of %s has the output of its script', async (vendor) => {
  expect(await run(`${vendor}-echo`, { ms: 50, marker: 'the very input' })).toMatchObject({
    status: 'success',
    result: { marker: 'the very input' },
  });
});

test.each(codedVendors)('a run that fails at the stand-in of %s says why', async (vendor) => {
  expect(await run(`${vendor}-fail`, { message: 'no such page' })).toMatchObject({
    status: 'error',
    description: expect.stringContaining('no such page'),
  });
});

test.each(codedVendors)('the stand-in of %s wants its key, and an agent that it has', async (vendor) => {
  expect(await run(`${vendor}-nothing`)).toMatchObject({ status: 'error', errcode: 1003 });
  expect(await run(`${vendor}-stranger`)).toMatchObject({ status: 'error' });
});

test.each(codedVendors)('a live run at the stand-in of %s is stopped there', async (vendor) => {
  const { run_id: runId } = await site.client.create({ agent_id: `${vendor}-hang`, input: { key: vendor } });
  const noted = () => sandbox.runs(vendor);
  await vi.waitFor(() => expect(noted()).toHaveLength(1));
  // AgentCore names no run; the others' is observed once its name is known.
  if (vendor !== 'agentcore') await vi.waitFor(() => expect(noted()[0]?.observes).toBeGreaterThan(0));
  expect((await site.client.ask('POST', `/acp/v0.2/runs/${runId}/cancel?wait=true`)).status).toBe(204);
  await vi.waitFor(() => expect(noted()[0]).toMatchObject({ status: 'canceled' }));
});

test.each(['dify', 'mcp'] as const)('a run at the stand-in of %s asks, and goes on with the answer', async (vendor) => {
  const asked = await run(`${vendor}-approve`, { question: 'Shall I book it?' });
  expect(asked).toMatchObject({ status: 'interrupted' });
  expect(JSON.stringify(asked)).toContain('Shall I book it?');
  await site.client.resume(asked.run_id, vendor === 'dify' ? { action: 'approve' } : { approved: true });
  expect(await site.client.output(asked.run_id)).toMatchObject({ status: 'success', result: { approved: true } });
});

test.each(['dify', 'mcp'] as const)('the stand-in of %s forgets a run as its script says', async (vendor) => {
  expect(await run(`${vendor}-vanish`)).toMatchObject({ status: 'error', errcode: 1004 });
});

test('a start at the stand-in of dify whose answer was lost is found by its end user', async () => {
  await sandbox.orderFault({ vendor: 'dify', operation: 'start', kind: 'cut-after', times: 1 });
  expect(await run('dify-echo', { key: 'lost', marker: 'kept' })).toMatchObject({ result: { marker: 'kept' } });
  expect(sandbox.starts().get('lost')).toBe(1);
});
