import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { intunedClient, intunedKey, send } from './client.ts';

let sandbox: Sandbox;
let nowMs = 1_800_000_000_000;

beforeEach(async () => {
  sandbox = await startSandbox({ seed: 7, nowMs: () => nowMs });
});
afterEach(() => sandbox.close());

describe('starting at Intuned', () => {
  it('a start at Intuned is answered with 201, a run id of 21 characters and pending', async () => {
    const { status, body } = await intunedClient(sandbox).start('echo', { url: 'https://a.example' });
    expect(status).toBe(201);
    expect(body).toEqual({ runId: expect.stringMatching(/^[\w-]{21}$/), status: 'pending' });
  });

  it('the run ids at Intuned are the same for the same seed', async () => {
    const runId = await intunedClient(sandbox).begin('echo');
    const twin = await startSandbox({ seed: 7 });
    onTestFinished(() => twin.close());
    expect(await intunedClient(twin).begin('echo')).toBe(runId);
    const other = await startSandbox({ seed: 8 });
    onTestFinished(() => other.close());
    expect(await intunedClient(other).begin('echo')).not.toBe(runId);
  });

  it('Intuned requires the API key for both operations', async () => {
    const url = `${sandbox.intunedUrl}/ws/projects/p/run`;
    const body = { api: 'echo', parameters: {} };
    expect((await send(`${url}/start`, { method: 'POST', body })).status).toBe(401);
    expect((await send(`${url}/start`, { method: 'POST', body, headers: { 'x-api-key': 'wrong' } })).status).toBe(401);
    expect(await send(`${url}/any/result`)).toMatchObject({
      status: 401,
      body: {
        code: 'unauthorized',
        category: 'auth',
        message: expect.any(String),
        retirable: false,
        correlationId: expect.any(String),
      },
    });
    expect(sandbox.stats().starts).toBe(0);
  });

  it('Intuned accepts the configured API keys and no other', async () => {
    const own = await startSandbox({ apiKeys: ['k1', 'k2'] });
    onTestFinished(() => own.close());
    const url = `${own.intunedUrl}/ws/projects/p/run/start`;
    const statusOf = async (key: string) =>
      (await send(url, { method: 'POST', body: { api: 'echo', parameters: {} }, headers: { 'x-api-key': key } }))
        .status;
    expect([await statusOf('k1'), await statusOf('k2'), await statusOf('sandbox-key')]).toEqual([201, 201, 401]);
  });

  it.each([
    ['no api', { parameters: {} }, 'api'],
    ['no parameters', { api: 'echo' }, 'parameters'],
    ['parameters that are a list', { api: 'echo', parameters: [1] }, 'parameters'],
    [
      'a sink that calls out',
      { api: 'echo', parameters: {}, sink: { type: 'webhook', url: 'https://a.example/' } },
      'sink',
    ],
    ['wrong retry', { api: 'echo', parameters: {}, retry: { maximumAttempts: 0 } }, 'retry.maximumAttempts'],
    ['malformed JSON', '{"api":', 'JSON'],
  ])('Intuned refuses %s with 400 and a message that names it', async (_name, body, word) => {
    const url = `${sandbox.intunedUrl}/ws/projects/p/run/start`;
    const answer = await send(url, { method: 'POST', headers: intunedKey, body });
    expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining(word) } });
    expect(sandbox.stats().starts).toBe(0);
  });

  it('Intuned does not know other APIs, agents that only Restack has, and other paths', async () => {
    const client = intunedClient(sandbox);
    expect((await client.start('no-such-api', {})).status).toBe(404);
    expect((await client.start('approve', {})).status).toBe(404);
    expect((await send(`${sandbox.intunedUrl}/ws/projects/p/auth-sessions`, { headers: intunedKey })).status).toBe(404);
    expect((await send(`${sandbox.intunedUrl}/%E0%A4%A/projects/p/run/x/result`)).status).toBe(404);
  });
});

describe('results at Intuned', () => {
  it('a run at Intuned goes from pending over started to completed, by the clock alone', async () => {
    const client = intunedClient(sandbox);
    const parameters = {
      ms: 1_000,
      queuedMs: 50,
      page: 3,
      extendedPayloads: [{ api: 'next', parameters: { page: 4 } }],
    };
    const runId = await client.begin('slow', parameters);
    const seen = [(await client.result(runId)).body];
    for (const passMs of [50, 999, 1]) {
      nowMs += passMs;
      seen.push((await client.result(runId)).body);
    }
    const { extendedPayloads } = parameters;
    expect(seen).toEqual([
      { runId, status: 'pending' },
      { runId, status: 'started' },
      { runId, status: 'started' },
      { runId, status: 'completed', result: parameters, extendedPayloads },
    ]);
  });

  it('a failed result at Intuned carries the error object', async () => {
    const client = intunedClient(sandbox);
    const runId = await client.begin('fail', { message: 'no login', code: 'auth-check-failed', category: 'auth' });
    const { body } = await client.result(runId);
    expect(body).toMatchObject({ runId, status: 'failed', message: 'no login' });
    expect(body).toHaveProperty('error', {
      message: 'no login',
      code: 'auth-check-failed',
      category: 'auth',
      retirable: false,
      doc_url: expect.stringContaining('auth-check-failed'),
      correlation_id: expect.any(String),
    });
  });

  it('a canceled result at Intuned carries the reason', async () => {
    const client = intunedClient(sandbox);
    const runId = await client.begin('cancel', { reason: 'terminated', message: 'stopped by the owner' });
    expect((await client.result(runId)).body).toMatchObject({
      status: 'canceled',
      reason: { type: 'terminated', message: 'stopped by the owner' },
    });
  });

  it('a result at Intuned is 404 for unknown runs and for runs of another project', async () => {
    const runId = await intunedClient(sandbox).begin('echo');
    const other = await send(`${sandbox.intunedUrl}/ws-1/projects/other/run/${runId}/result`, { headers: intunedKey });
    expect(other.status).toBe(404);
    expect((await intunedClient(sandbox).result('unknown')).status).toBe(404);
  });
});

describe("Intuned's webhook sink", () => {
  async function listen(answers: readonly number[]) {
    const calls: { request: IncomingMessage; body: unknown }[] = [];
    const server = createServer(async (request, response) => {
      const status = answers[calls.length] ?? 200;
      calls.push({ request, body: JSON.parse(await text(request)) });
      response.writeHead(status).end();
      server.emit('called');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return { calls, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
  }

  it("Intuned's webhook sink receives the result with the API, workspace and project, and its own headers", async () => {
    const { calls, server, url } = await listen([]);
    const called = once(server, 'called');
    const sink = { type: 'webhook', url, headers: { 'x-run': '42' } };
    const runId = await intunedClient(sandbox).begin('echo', { a: 1 }, { sink, authSession: { id: 'auth-1' } });
    await called;
    expect(calls[0]?.request.headers).toMatchObject({ 'x-run': '42', 'content-type': 'application/json' });
    expect(calls[0]?.body).toEqual({
      apiInfo: {
        name: 'echo',
        parameters: { a: 1 },
        runId,
        result: { status: 'completed', result: { a: 1 }, statusCode: 200 },
      },
      workspaceId: 'ws-1',
      project: { id: 'shop', name: 'shop' },
      authSession: { id: 'auth-1' },
    });
  });

  it.each([
    ['fail', { message: 'no login', code: 'auth-check-failed' }, 'auth-check-failed', 'no login'],
    ['fail', { message: 'broken' }, 'execution', 'broken'],
    ['cancel', { reason: 'terminated', message: 'stopped' }, 'terminated', 'stopped'],
  ])("Intuned's webhook sink says why the run of %s with %j did not complete", async (api, input, error, message) => {
    const { calls, server, url } = await listen([]);
    const called = once(server, 'called');
    await intunedClient(sandbox).begin(api, input, { sink: { type: 'webhook', url } });
    await called;
    expect(calls[0]?.body).toHaveProperty('apiInfo.result', { status: 'failed', error, message, statusCode: 500 });
  });

  it("Intuned's webhook sink is called again when it answers with an error", async () => {
    const { calls, server, url } = await listen([500]);
    const first = once(server, 'called');
    await intunedClient(sandbox).begin('fail', {}, { sink: { type: 'webhook', url } });
    await first;
    await once(server, 'called');
    expect(calls[1]?.body).toEqual(calls[0]?.body);
    await expect.poll(() => sandbox.stats().webhooks).toEqual({ delivered: 1, failed: 0 });
  });

  it("Intuned's webhook sink is not called for failures with skipOnFail, nor for APIs that are not listed", async () => {
    const { calls, server, url } = await listen([]);
    const called = once(server, 'called');
    const client = intunedClient(sandbox);
    await client.begin('fail', {}, { sink: { type: 'webhook', url, skipOnFail: true } });
    await client.begin('echo', {}, { sink: { type: 'webhook', url, apisToSend: ['slow'] } });
    const runId = await client.begin('echo', {}, { sink: { type: 'webhook', url, apisToSend: ['echo'] } });
    await called;
    expect(calls.map((call) => call.body)).toMatchObject([{ apiInfo: { runId } }]);
  });
});
