import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { TestFrontend } from '../adapters/temporal-frontend.ts';
import { openSite, type Site } from './site.ts';

vi.setConfig({ testTimeout: 60_000 });

const target = { workflow: 'Greet', taskQueue: 'q' };
const asking = { ...target, state: 'waiting_for', stateTimeoutSeconds: 1, resumeName: 'approve' };

describe.each(['http', 'grpc'] as const)('over %s', (transport) => {
  let frontend: TestFrontend;
  let url: string;
  let site: Site;

  beforeEach(async () => {
    frontend = new TestFrontend();
    url = (await frontend.listen())[transport];
    site = await openSite({
      backends: { flows: { adapter: 'temporal', transport, baseUrl: url } },
      agents: [
        { name: 'greet', backend: 'flows', target },
        { name: 'chat', backend: 'flows', target: asking, mapping: { interrupt: 'state' } },
        { name: 'stubborn', backend: 'flows', target: { ...target, graceSeconds: 0.2 } },
        { name: 'terminated', backend: 'flows', target: { ...target, stopBy: 'terminate' } },
      ],
    });
  });
  afterEach(async () => {
    await site.stop();
    await frontend.close();
  });

  const idOf = ({ run_id }: { readonly run_id: string }) => `rungate-${run_id}`;
  const statusOf = (workflowId: string) =>
    frontend.workflows.get(workflowId)?.runs.at(-1)?.close?.eventType ?? 'RUNNING';
  const starts = () => [...frontend.workflows.values()].length;
  const create = (agent_id = 'greet', input: Json = { name: 'Ann' }) =>
    site.client.create({ agent_id, input } as JsonObject);

  /** A run whose workflow the frontend has. */
  async function begin(agent?: string) {
    const run = await create(agent);
    await expect.poll(() => frontend.workflows.has(idOf(run)), { timeout: 30_000 }).toBe(true);
    return run;
  }
  /** And whose end is awaited by a held call. */
  async function attended() {
    const run = await begin();
    await expect.poll(() => frontend.methods(), { timeout: 30_000 }).toContain('GetWorkflowExecutionHistory');
    return run;
  }

  test('a workflow gives its result, and the run says which execution it was', async () => {
    const run = await attended();
    frontend.complete(idOf(run), { greeting: 'Hi Ann' });
    expect(await site.client.output(run.run_id)).toMatchObject({ type: 'result', result: { greeting: 'Hi Ann' } });
    const { body } = await site.client.ask('GET', `/acp/v0.2/runs/${run.run_id}`);
    expect(JSON.stringify(body)).toContain(`"workflowId":"${idOf(run)}",`);
    expect(starts()).toBe(1);
  });

  test('a failure in a step ends the run with the words of the step', async () => {
    const run = await attended();
    frontend.fail(idOf(run), { message: 'Activity task failed', cause: { message: 'step said no to sf' } });
    expect(await site.client.output(run.run_id)).toMatchObject({ errcode: 6701, description: 'step said no to sf' });
  });

  test('an agent that asks is interrupted, takes the payload as an update and goes on', async () => {
    let asked: Json = { amount: 12 };
    frontend.answerQuery = () => asked;
    frontend.answerUpdate = (_name, input) => {
      asked = null;
      return input;
    };
    const run = await begin('chat');
    expect(await site.client.output(run.run_id)).toMatchObject({ type: 'interrupt', interrupt: { amount: 12 } });
    await site.client.resume(run.run_id, { ok: true });
    await expect.poll(() => frontend.methods(), { timeout: 30_000 }).toContain('UpdateWorkflowExecution');
    frontend.complete(idOf(run), { approved: true });
    expect(await site.client.output(run.run_id)).toMatchObject({ result: { approved: true } });
    const updates = frontend.received.filter(({ method }) => method === 'UpdateWorkflowExecution');
    expect(updates).toHaveLength(1);
    expect(updates[0]?.message.request).toMatchObject({ input: { name: 'approve' } });
  });

  test('an interrupt stays while no worker answers the query', async () => {
    frontend.answerQuery = () => ({ amount: 12 });
    const run = await begin('chat');
    expect((await site.client.output(run.run_id)).type).toBe('interrupt');
    const before = frontend.methods().filter((method) => method === 'QueryWorkflow').length;
    frontend.answerQuery = () => Promise.reject(new Error('never answered')).catch(() => new Promise<Json>(() => {}));
    await expect
      .poll(() => frontend.methods().filter((method) => method === 'QueryWorkflow').length, { timeout: 30_000 })
      .toBeGreaterThan(before + 1);
    expect((await site.client.read(run.run_id)).status).toBe('interrupted');
  });

  test.each([
    ['greet', 'RequestCancelWorkflowExecution'],
    ['terminated', 'TerminateWorkflowExecution'],
  ])('a deleted run of the agent %s is stopped by %s', async (agent, method) => {
    const run = await begin(agent);
    await expect.poll(async () => (await site.client.read(run.run_id)).status).toBe('pending');
    await site.client.ask('DELETE', `/runs/${run.run_id}`);
    await expect.poll(() => frontend.methods(), { timeout: 30_000 }).toContain(method);
  });

  test('a workflow that does not end by its cancel is terminated after the grace', async () => {
    const run = await begin('stubborn');
    await site.client.ask('DELETE', `/runs/${run.run_id}`);
    await expect.poll(() => statusOf(idOf(run)), { timeout: 30_000 }).toBe('EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED');
    const stops = frontend.methods().filter((method) => /Cancel|Terminate/.test(method));
    expect(stops).toEqual(['RequestCancelWorkflowExecution', 'TerminateWorkflowExecution']);
  });

  test.each([
    ['CANCELED', 'Canceled', {}, 6702, 'the workflow was cancelled at Temporal'],
    ['TERMINATED', 'Terminated', { reason: 'by hand' }, 6703, 'the workflow was terminated at Temporal: by hand'],
  ])('a workflow that is %s from outside ends its run', async (word, attributes, value, errcode, description) => {
    const run = await attended();
    frontend.end(idOf(run), {
      eventType: `EVENT_TYPE_WORKFLOW_EXECUTION_${word}`,
      [`workflowExecution${attributes}EventAttributes`]: value,
    });
    expect(await site.client.output(run.run_id)).toMatchObject({ errcode, description });
  });

  test('a workflow that continues as new twice gives the result of its last execution', async () => {
    const run = await attended();
    frontend.continueAsNew(idOf(run));
    frontend.continueAsNew(idOf(run));
    expect((await site.client.read(run.run_id)).status).toBe('pending');
    frontend.complete(idOf(run), 3);
    expect(await site.client.output(run.run_id)).toMatchObject({ result: 3 });
    expect(starts()).toBe(1);
  });

  test.each([
    ['before the frontend carried it out', 'before'],
    ['after it', 'after'],
  ] as const)('a start that is cut %s is made once, and gives its result', async (_when, moment) => {
    let cuts = 2;
    const isCut = ({ method }: { readonly method: string }) => {
      if (method !== 'StartWorkflowExecution') return false;
      cuts -= 1;
      return cuts >= 0;
    };
    if (moment === 'before') frontend.before = (received) => !isCut(received);
    else frontend.after = (received) => !isCut(received);
    const run = await begin();
    frontend.complete(idOf(run), 'once');
    expect(await site.client.output(run.run_id)).toMatchObject({ result: 'once' });
    expect(frontend.methods().filter((method) => method === 'StartWorkflowExecution')).toHaveLength(3);
    expect(starts()).toBe(1);
  });

  test('a run that is deleted while its start is not answered is stopped at the vendor at once', async () => {
    frontend.after = ({ method }) => method !== 'StartWorkflowExecution' || new Promise<boolean>(() => {});
    const run = await begin('terminated');
    await site.client.ask('DELETE', `/runs/${run.run_id}`);
    await expect.poll(() => statusOf(idOf(run)), { timeout: 30_000 }).toBe('EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED');
    expect(starts()).toBe(1);
  });

  test('a live run and a queued one survive a frontend that goes away and comes back', async () => {
    const live = await attended();
    const port = Number(new URL(url).port);
    await frontend.close();
    const queued = await create();
    await expect.poll(async () => (await site.client.read(queued.run_id)).status).toBe('pending');
    await frontend.listen(transport === 'http' ? [port, 0] : [0, port]);
    await expect.poll(() => frontend.workflows.has(idOf(queued)), { timeout: 25_000 }).toBe(true);
    for (const run of [live, queued]) frontend.complete(idOf(run), 'back');
    for (const run of [live, queued]) expect(await site.client.output(run.run_id)).toMatchObject({ result: 'back' });
    expect(starts()).toBe(2);
  });

  test('a workflow that no worker takes up says so while it waits', async () => {
    frontend.pendingWorkflowTask = {
      attempt: 1,
      state: 'PENDING_WORKFLOW_TASK_STATE_SCHEDULED',
      originalScheduledTime: '2026-01-01T00:00:00Z',
    };
    const run = await begin('chat');
    await expect
      .poll(async () => (await site.client.ask('GET', `/runs/${run.run_id}`)).headers.get('x-rungate-waiting'), {
        timeout: 10_000,
      })
      .toBe('vendor-stuck');
  });
});
