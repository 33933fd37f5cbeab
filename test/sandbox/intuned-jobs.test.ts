import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { idOf, intunedKey, send, type VendorAnswer } from './client.ts';

let sandbox: Sandbox;
let nowMs = 1_800_000_000_000;

beforeEach(async () => {
  sandbox = await startSandbox({ seed: 7, nowMs: () => nowMs });
});
afterEach(() => sandbox.close());

function call(method: string, path: string, body?: unknown): Promise<VendorAnswer> {
  const options = { method, headers: intunedKey, ...(body === undefined ? {} : { body }) };
  return send(`${sandbox.intunedUrl}/ws-1/${path}`, options);
}

async function trigger(job: string): Promise<string> {
  const { status, body } = await call('POST', `projects/shop/jobs/${job}/trigger`);
  expect(status).toBe(200);
  return idOf(body, 'jobRunId');
}

const runOf = (job: string, id: string) => call('GET', `projects/shop/jobs/${job}/runs/${id}`);

it('a triggered job run is pending until its time is over, and then has its results as a file', async () => {
  const id = await trigger('slow');
  expect(await runOf('slow', id)).toMatchObject({
    status: 200,
    body: { jobRun: { id, job_id: 'slow', type: 'MANUAL', status: 'PENDING', end_time: null, payloads: 1 } },
  });
  nowMs += 5_000;
  const { body } = await runOf('slow', id);
  expect(body).toMatchObject({
    jobRun: { status: 'SUCCESS', successful_runs: 1, failed_runs: 0 },
    results: { signed_url: expect.stringContaining(id), format: 'json' },
  });
  expect(await call('GET', 'projects/shop/jobs/slow/runs')).toMatchObject({
    body: { totalCount: 1, jobRuns: [{ id, status: 'SUCCESS' }] },
  });
});

it('a job run is terminated once, and says so from then on', async () => {
  const id = await trigger('hang');
  const path = `projects/shop/jobs/hang/runs/${id}/terminate`;
  expect(await call('POST', path)).toMatchObject({ status: 200, body: { message: expect.any(String) } });
  expect(await runOf('hang', id)).toMatchObject({
    body: { jobRun: { status: 'TERMINATED', reason: { type: 'user-request' } } },
  });
  expect(await call('POST', path)).toMatchObject({ status: 409, body: { code: 'conflict' } });
  expect(await call('POST', 'projects/shop/jobs/hang/runs/none/terminate')).toMatchObject({ status: 404 });
});

it.each([
  ['fail', { code: 'internal-server-error', category: 'infrastructure' }, 'FAILURE', { code: 'internal-server-error' }],
  ['fail', {}, 'FAILURE', undefined],
  ['cancel', { reason: 'auth-session-locked' }, 'CANCELED', undefined],
])('a job run of %s with the parameters %j ends as %s', async (apiName, parameters, status, error) => {
  const body = { id: 'own', payload: [{ apiName, parameters }], configuration: {} };
  expect(await call('POST', 'projects/shop/jobs', body)).toMatchObject({ status: 201, body: { message: 'created' } });
  const { body: answer } = await runOf('own', await trigger('own'));
  expect(answer).toMatchObject({ jobRun: { status, failed_runs: status === 'FAILURE' ? 1 : 0 } });
  expect(answer).not.toHaveProperty('results');
  if (error === undefined) expect(answer).not.toHaveProperty('jobRun.error');
  else expect(answer).toHaveProperty('jobRun.error.code', error.code);
});

it('a job is created, read, changed, paused, resumed, listed and removed', async () => {
  const body = { id: 'own', payload: [{ apiName: 'echo', parameters: { a: 1 } }], configuration: { maxRuns: 2 } };
  expect((await call('POST', 'projects/shop/jobs', body)).status).toBe(201);
  const read = async () => (await call('GET', 'projects/shop/jobs/own')).body;
  expect(await read()).toMatchObject({ id: 'own', projectId: 'shop', state: 'ACTIVE', configuration: { maxRuns: 2 } });
  expect((await call('POST', 'projects/shop/jobs/own/pause')).body).toEqual({ message: 'Paused' });
  expect(await read()).toMatchObject({ state: 'PAUSED' });
  expect((await call('POST', 'projects/shop/jobs/own/resume')).body).toEqual({ message: 'Resumed' });
  expect((await call('PUT', 'projects/shop/jobs/own', { ...body, configuration: {} })).body).toMatchObject({
    id: 'own',
  });
  expect((await call('GET', 'projects/shop/jobs')).body).toMatchObject([{ id: 'own', project_id: 'shop' }]);
  expect((await call('GET', 'projects/other/jobs')).body).toEqual([]);
  const answer = await fetch(`${sandbox.intunedUrl}/ws-1/projects/shop/jobs/own`, {
    method: 'DELETE',
    headers: intunedKey,
  });
  expect([answer.status, await answer.text()]).toEqual([204, '']);
  expect((await call('GET', 'projects/shop/jobs/own')).status).toBe(404);
});

it.each([
  ['POST', 'projects/shop/jobs', { id: 'own', payload: [], configuration: {} }, 400],
  ['POST', 'projects/shop/jobs', { id: 'own', payload: [{ apiName: 'none', parameters: {} }], configuration: {} }, 404],
  ['POST', 'projects/shop/jobs/none/trigger', undefined, 404],
  ['GET', 'projects/shop/jobs/echo/runs/none', undefined, 404],
  ['DELETE', 'projects/shop/jobs/echo', undefined, 404],
  ['GET', 'projects/shop/jobs/echo/runs/x/terminate', undefined, 404],
  ['POST', 'web-tasks/start', { parameters: {} }, 400],
  ['GET', 'web-tasks/none/result', undefined, 404],
] as const)('%s %s with the body %j is refused with %i', async (method, path, body, status) => {
  expect(await call(method, path, body)).toMatchObject({ status, body: { message: expect.any(String) } });
  expect(sandbox.stats().starts).toBe(0);
});

async function runTask(task: string, parameters: object) {
  const { status, body } = await call('POST', 'web-tasks/start', { task, parameters });
  expect({ status, body }).toMatchObject({ status: 200, body: { status: 'pending' } });
  return (await call('GET', `web-tasks/${idOf(body, 'webTaskId')}/result`)).body;
}

it('a web task that is over says by its outcome whether it succeeded, and what it cost', async () => {
  const base = { status: 'completed', cost: { aiUsd: expect.any(Number) }, completedAt: expect.any(String) };
  const inline = { type: 'inline', data: { a: 1 } };
  expect(await runTask('Read the prices', { a: 1 })).toMatchObject({ ...base, outcome: 'success', result: inline });
  const file = { type: 'file', file: { url: expect.stringContaining('https://'), sizeBytes: 15 } };
  expect(await runTask('echo', { asFile: true })).toMatchObject({ ...base, outcome: 'success', result: file });
  const error = { code: 'timeout', message: 'too slow' };
  expect(await runTask('fail', error)).toMatchObject({ ...base, outcome: 'failed', error });
  expect(await runTask('slow down', {})).toMatchObject({ status: 'started', startedAt: expect.any(String) });
  expect(await runTask('slow', { queuedMs: 9 })).toMatchObject({ status: 'pending' });
  expect(await runTask('cancel', {})).toMatchObject({ status: 'canceled' });
});

it('a fault with a code is answered in the form of Intuned', async () => {
  await sandbox.orderFault({ vendor: 'intuned', kind: 'status', status: 409, code: 'auth-session-already-in-use' });
  expect(await call('GET', 'projects/shop/jobs')).toMatchObject({
    status: 409,
    body: { code: 'auth-session-already-in-use', category: 'user', retirable: false },
  });
});
