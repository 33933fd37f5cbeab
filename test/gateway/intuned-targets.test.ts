import { expect, onTestFinished, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { openSite, type Site, scraper } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

const agentOf = (name: string, target: JsonObject): JsonObject => ({ name, backend: 'shop', target });

/** A gateway in front of the sandbox's Intuned. */
async function openShop(agents: readonly JsonObject[]): Promise<{ readonly site: Site; readonly sandbox: Sandbox }> {
  const sandbox = await startSandbox();
  onTestFinished(() => sandbox.close());
  const shop = { adapter: 'intuned', baseUrl: sandbox.intunedUrl, workspaceId: 'w', apiKey: 'sandbox-key' };
  const site = await openSite({ agents, backends: { shop } });
  onTestFinished(() => site[Symbol.asyncDispose]());
  return { site, sandbox };
}

async function jobRunsOf(sandbox: Sandbox, job: string): Promise<readonly JsonObject[]> {
  const url = `${sandbox.intunedUrl}/w/projects/shop/jobs/${job}/runs`;
  const answer = await fetch(url, { headers: { 'x-api-key': 'sandbox-key' } });
  return ((await answer.json()) as { readonly jobRuns: readonly JsonObject[] }).jobRuns;
}

test('a run of a job is triggered once and ends with the file of its results', async () => {
  const { site, sandbox } = await openShop([agentOf('echo-job', { project: 'shop', job: 'echo' })]);
  const { run_id } = await site.client.create({ agent_id: 'echo-job' });
  expect(await site.client.output(run_id)).toMatchObject({
    type: 'result',
    result: { results: { format: 'json' }, payloads: 1, successful_runs: 1, failed_runs: 0 },
  });
  expect(await jobRunsOf(sandbox, 'echo')).toHaveLength(1);
});

test('a run of a job that is cancelled is terminated at the vendor', async () => {
  const { site, sandbox } = await openShop([agentOf('long-job', { project: 'shop', job: 'hang' })]);
  const { run_id } = await site.client.create({ agent_id: 'long-job' });
  await expect.poll(() => jobRunsOf(sandbox, 'hang')).toMatchObject([{ status: 'PENDING' }]);
  await expect.poll(async () => (await site.client.ask('POST', `/acp/v0.2/runs/${run_id}/cancel`)).status).toBe(204);
  await expect.poll(() => jobRunsOf(sandbox, 'hang')).toMatchObject([{ status: 'TERMINATED' }]);
});

test('an input for a job is refused, because nothing would read it', async () => {
  const { site, sandbox } = await openShop([agentOf('echo-job', { project: 'shop', job: 'echo' })]);
  const { run_id } = await site.client.create({ agent_id: 'echo-job', input: { page: 2 } });
  expect(await site.client.output(run_id)).toMatchObject({ errcode: 1003 });
  expect(sandbox.stats().starts).toBe(0);
});

test.each<readonly [string, JsonObject, JsonObject, JsonObject]>([
  ['a success', { task: 'Read' }, { a: 1 }, { type: 'result', result: { a: 1 } }],
  ['a file', { task: 'Read' }, { asFile: true }, { type: 'result', result: { contentType: 'application/json' } }],
  ['a failure', { task: 'fail' }, { code: 'rejected', message: 'no' }, { errcode: 2205, description: 'no' }],
  ['a timeout', { task: 'fail' }, { code: 'timeout', message: 'slow' }, { errcode: 2204, status: 'timeout' }],
  ['a cancellation', { task: 'cancel' }, {}, { errcode: 2100 }],
])('a web task that ends as %s says so by its outcome, and its cost is kept', async (end, webTask, input, output) => {
  const { site } = await openShop([agentOf('task', { webTask })]);
  const { run_id } = await site.client.create({ agent_id: 'task', input });
  expect(await site.client.output(run_id)).toMatchObject(output);
  const { metadata } = (await site.client.read(run_id)) as unknown as { readonly metadata: JsonObject };
  const cost: Json = end === 'a cancellation' ? {} : { cost: { aiUsd: 0.0125 } };
  expect(metadata['rungate.vendor']).toMatchObject(cost as JsonObject);
});

test('a start waits while its auth session is in use, and is sent again then', async () => {
  const agent = agentOf('echo', { project: 'shop', api: 'echo', authSession: { id: 'login' } });
  const { site, sandbox } = await openShop([agent]);
  const code = 'auth-session-already-in-use';
  await sandbox.orderFault({ vendor: 'intuned', operation: 'start', kind: 'status', status: 409, code, times: 1 });
  const { run_id } = await site.client.create({ agent_id: 'echo', input: { a: 1 } });
  expect(await site.client.output(run_id)).toMatchObject({ type: 'result', result: { a: 1 } });
  expect(sandbox.stats()).toMatchObject({ starts: 1, requests: { intuned: { start: 2 } } });
});

const secret = 'pass-word-1';
const config: JsonObject = {
  proxy: `http://robot:${secret}@proxy.example.com:3128`,
  authSession: {
    id: 'login',
    proxy: `http://robot:${secret}@proxy.example.com:3128`,
    runtimeInput: { password: secret },
  },
  sink: { type: 's3', bucket: 'b', region: 'r', accessKeyId: 'i', secretAccessKey: secret },
};

test('the secrets in the config of a run reach the vendor, and no answer shows them', async () => {
  await using intuned = await IntunedStandIn.open();
  intuned.plan = () => ({ status: 'completed', result: 1 });
  await using site = await openSite({ intuned, agents: [scraper] });
  const { run_id } = await site.client.create({ agent_id: 'price-scraper', config, metadata: { mark: 'it' } });
  await site.client.output(run_id);
  expect(JSON.stringify(intuned.runs[0]?.asked)).toContain(secret);
  const views: readonly (readonly [string, string, Json | undefined])[] = [
    ['GET', `/acp/v0.1/runs/${run_id}`, undefined],
    ['POST', '/acp/v0.1/runs/search', { metadata: { mark: 'it' } }],
    ['GET', `/acp/v0.2/runs/${run_id}`, undefined],
    ['GET', `/acp/v0.2/runs/${run_id}/wait`, undefined],
    ['GET', `/agent-protocol/runs/${run_id}`, undefined],
    ['POST', '/agent-protocol/runs/search', { metadata: { mark: 'it' } }],
  ];
  for (const [method, path, body] of views) {
    const shown = JSON.stringify((await site.client.ask(method, path, body)).body);
    expect(shown, path).toContain('accessKeyId');
    expect(shown, path).not.toContain(secret);
  }
  expect(JSON.stringify(site.log)).not.toContain(secret);
});
