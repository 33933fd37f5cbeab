import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { idOf, restackClient, send } from './client.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let sandbox: Sandbox;
let nowMs = 1_800_000_000_000;

beforeEach(async () => {
  sandbox = await startSandbox({ seed: 11, nowMs: () => nowMs });
});
afterEach(() => sandbox.close());

/** Starts an agent and gives bound calls for its run. */
async function begin(name: string, input: unknown = {}) {
  const client = restackClient(sandbox);
  const { body } = await client.start(name, input);
  const [agentId, runId] = [idOf(body, 'agentId'), idOf(body, 'runId')];
  return {
    runId,
    look: async () => (await client.run(name, runId)).body,
    tell: (eventName: string, eventInput?: unknown) => client.event(name, agentId, runId, eventName, eventInput),
  };
}

describe('idempotency keys at Restack', () => {
  const once = (url: string, method: string, body: unknown, key: string) =>
    send(`${sandbox.restackUrl}/api/agents/${url}`, { method, body, headers: { 'idempotency-key': key } });

  it('a start with a key that was used is answered as then, and starts nothing', async () => {
    const first = await once('slow', 'POST', { input: { key: 'k', ms: 10 } }, 'one');
    expect(await once('slow', 'POST', { input: { key: 'k', ms: 10 } }, 'one')).toMatchObject({ body: first.body });
    expect(sandbox.starts().get('k')).toBe(1);
    expect((await once('slow', 'POST', { input: { key: 'k', ms: 10 } }, 'two')).body).not.toEqual(first.body);
    expect(sandbox.starts().get('k')).toBe(2);
  });

  it('a start that was refused can be repeated under its key', async () => {
    expect((await once('none-such', 'POST', { input: {} }, 'one')).status).toBe(404);
    expect((await once('echo', 'POST', { input: {} }, 'one')).status).toBe(200);
  });
});

describe('starting at Restack', () => {
  it("a start at Restack is answered in the engine's shape for agents and for workflows", async () => {
    const ids = { runId: expect.stringMatching(uuid) };
    expect(await restackClient(sandbox).start('echo', {})).toMatchObject({ status: 200 });
    expect((await restackClient(sandbox).start('echo', {})).body).toEqual({
      ...ids,
      agentId: expect.stringMatching(uuid),
    });
    const { body } = await restackClient(sandbox, 'workflows').start('OrderFulfillmentWorkflow', {});
    expect(body).toEqual({ ...ids, workflowId: expect.stringMatching(uuid) });
  });

  it('Restack answers in the documented shape where that is configured, and takes events by the run id alone', async () => {
    const documented = await startSandbox({ restackShape: 'documented' });
    onTestFinished(() => documented.close());
    const client = restackClient(documented);
    const { body } = await client.start('approve', {});
    expect(body).toEqual({ runId: expect.stringMatching(/^run_[a-zA-Z0-9]+$/), status: 'queued' });
    const runId = idOf(body, 'runId');
    expect((await client.event('approve', runId, runId, 'approval', true)).status).toBe(200);
    expect((await client.run('approve', runId)).body).toMatchObject({
      status: 'completed',
      output: { approved: true },
    });
  });

  it('Restack requires the bearer token where one is configured', async () => {
    const guarded = await startSandbox({ restackToken: 'token-1' });
    onTestFinished(() => guarded.close());
    const statusOf = async (token?: string) => (await restackClient(guarded, 'agents', token).start('echo', {})).status;
    expect([await statusOf(), await statusOf('token-2'), await statusOf('token-1')]).toEqual([401, 401, 200]);
  });

  it('Restack answers 404 for unknown names and for agents started as workflows, and 400 for a body that is not an object', async () => {
    expect(await restackClient(sandbox).start('missing', {})).toMatchObject({
      status: 404,
      body: { error: 'agent missing not found' },
    });
    expect((await restackClient(sandbox, 'workflows').start('chat', {})).status).toBe(404);
    expect((await send(`${sandbox.restackUrl}/api/agents/echo`, { method: 'POST', body: [1] })).status).toBe(400);
  });

  it('Restack has a health page', async () => {
    expect(await send(`${sandbox.restackUrl}/api/engine/health`)).toMatchObject({
      status: 200,
      body: { status: 'ok' },
    });
  });
});

describe('runs at Restack', () => {
  it('a run at Restack goes from queued over running to completed, with the times of creation and completion', async () => {
    const createdAt = new Date(nowMs).toISOString();
    const input = { ms: 1_000, queuedMs: 10, text: 'hello' };
    const run = await begin('slow', input);
    const base = { runId: run.runId, agentName: 'slow', input, createdAt };
    expect(await run.look()).toEqual({ ...base, status: 'queued' });
    nowMs += 10;
    expect(await run.look()).toEqual({ ...base, status: 'running' });
    nowMs += 1_000;
    const completedAt = new Date(nowMs).toISOString();
    nowMs += 5_000;
    expect(await run.look()).toEqual({ ...base, status: 'completed', output: input, completedAt });
  });

  it('a run at Restack names its workflow, and agents are distinct from workflows', async () => {
    const client = restackClient(sandbox, 'workflows');
    const runId = idOf((await client.start('OrderFulfillmentWorkflow', { orderId: 'o-1', ms: 0 })).body, 'runId');
    expect((await client.run('OrderFulfillmentWorkflow', runId)).body).toMatchObject({
      workflowName: 'OrderFulfillmentWorkflow',
      status: 'completed',
      output: { orderId: 'o-1', shipped: true },
    });
    expect((await restackClient(sandbox).run('OrderFulfillmentWorkflow', runId)).status).toBe(404);
    expect((await client.run('echo', runId)).status).toBe(404);
  });

  it('a failed run at Restack carries the message as a string', async () => {
    const run = await begin('fail', { message: 'out of stock' });
    expect(await run.look()).toMatchObject({ status: 'failed', error: 'out of stock' });
  });
});

describe('agents that wait for events', () => {
  const question = { interrupt_type: 'approval', question: 'Pay 20 EUR?', round: 1 };

  it('the agent approve shows its question while it runs and ends with the answer', async () => {
    const run = await begin('approve', { question: 'Pay 20 EUR?', ms: 100 });
    expect(await run.look()).not.toHaveProperty('output');
    nowMs += 100;
    expect(await run.look()).toMatchObject({ status: 'running', output: { interrupt: question } });
    expect((await run.tell('approval', { approved: true, by: 'ann' })).status).toBe(200);
    expect(await run.look()).toMatchObject({ status: 'completed', output: { approved: true, by: 'ann', rounds: 1 } });
    expect((await run.tell('approval', { approved: false })).status).toBe(409);
    expect(await run.look()).toMatchObject({ output: { approved: true } });
  });

  it('the agent approve takes the event resume as well, and no is no', async () => {
    const run = await begin('approve');
    await run.tell('resume', { approved: false, by: 'bob' });
    expect(await run.look()).toMatchObject({ status: 'completed', output: { approved: false, by: 'bob' } });
  });

  it('the agent approve asks again for each round and may show the old question for a while', async () => {
    const run = await begin('approve', { question: 'Pay 20 EUR?', rounds: 2, staleMs: 30 });
    await run.tell('approval', true);
    expect(await run.look()).toMatchObject({ output: { interrupt: question } });
    nowMs += 30;
    expect(await run.look()).toMatchObject({ output: { interrupt: { ...question, round: 2 } } });
    await run.tell('approval', true);
    nowMs += 30;
    expect(await run.look()).toMatchObject({ status: 'completed', output: { approved: true, rounds: 2 } });
  });

  it('the agent chat answers each message, remembers all of them, and ends at an end event', async () => {
    const run = await begin('chat', { message: 'hi' });
    expect(await run.look()).toMatchObject({ status: 'running', output: { response: '(1) You said: hi' } });
    await run.tell('message', { content: 'more' });
    await run.tell('messages', {
      messages: [
        { role: 'assistant', content: 'not me' },
        { role: 'user', content: 'last' },
      ],
    });
    const output = {
      messages: ['hi', 'more', 'last'].flatMap((content, at) => [
        { role: 'user', content },
        { role: 'assistant', content: `(${at + 1}) You said: ${content}` },
      ]),
      response: '(3) You said: last',
    };
    expect(await run.look()).toMatchObject({ status: 'running', output });
    expect((await run.tell('end')).status).toBe(200);
    expect(await run.look()).toMatchObject({ status: 'completed', output });
  });

  it('every live agent ends at an end event and takes no event that it does not know', async () => {
    const run = await begin('hang');
    expect(await run.tell('message', {})).toMatchObject({
      status: 400,
      body: { error: 'agent hang has no event message' },
    });
    expect(await run.look()).toMatchObject({ status: 'running' });
    await run.tell('end');
    expect(await run.look()).toMatchObject({ status: 'completed', output: {} });
    expect((await run.tell('end')).status).toBe(409);
  });

  it('an event for another agentId or run is answered with 404, and one without a name with 400', async () => {
    const run = await begin('approve');
    const other = await begin('approve');
    const client = restackClient(sandbox);
    expect((await client.event('approve', 'wrong', run.runId, 'approval')).status).toBe(404);
    expect((await client.event('approve', other.runId, run.runId, 'approval')).status).toBe(404);
    expect((await run.tell('')).status).toBe(400);
    expect(await run.look()).toMatchObject({ status: 'running' });
  });
});
