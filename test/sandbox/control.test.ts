import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { intunedClient, restackClient, send } from './client.ts';

let sandbox: Sandbox;
let nowMs = 1_800_000_000_000;

beforeEach(async () => {
  sandbox = await startSandbox({ nowMs: () => nowMs });
});
afterEach(() => sandbox.close());

const get = async (path: string) => (await send(`${sandbox.controlUrl}${path}`)).body;
const post = (path: string, body?: unknown) => send(`${sandbox.controlUrl}${path}`, { method: 'POST', body });

describe('counting', () => {
  it('the sandbox counts accepted starts by key, across both vendors, in pages', async () => {
    for (const key of ['a', 'b', 'b', 'c']) await intunedClient(sandbox).start('echo', { key });
    await restackClient(sandbox).start('echo', { key: 'c' });
    await restackClient(sandbox).start('nobody', { key: 'd' });
    await intunedClient(sandbox).start('echo', {});
    expect(await get('/starts')).toEqual({ a: 1, b: 2, c: 2 });
    expect(await get('/starts?atLeast=2')).toEqual({ b: 2, c: 2 });
    expect(await get('/starts?offset=1&limit=1')).toEqual({ b: 2 });
    expect((await send(`${sandbox.controlUrl}/starts?limit=none`)).status).toBe(400);
    expect(await get('/stats')).toMatchObject({ starts: 6, keys: 3, keysStartedTwice: 2, keysDropped: 0 });
  });

  it('the sandbox reports when the runs of a key started and ended, by the clock of the vendor', async () => {
    const startedAtMs = nowMs;
    const client = intunedClient(sandbox);
    const runId = await client.begin('slow', { key: 'a b/c', ms: 500 });
    nowMs += 100;
    await client.result(runId);
    const run = { vendor: 'intuned', runId, startedAtMs };
    expect(await get('/runs/a%20b%2Fc')).toEqual([{ ...run, endedAtMs: null, status: 'running', observes: 1 }]);
    nowMs += 1_000;
    const ended = { ...run, endedAtMs: startedAtMs + 500, status: 'completed', observes: 1 };
    expect(await get('/runs/a%20b%2Fc')).toEqual([ended]);
    expect(await get('/runs/unknown')).toEqual([]);
  });

  it('the sandbox counts requests by kind, answers by status, and live runs', async () => {
    const intuned = intunedClient(sandbox);
    const runId = await intuned.begin('slow', { ms: 10 });
    await intuned.result(runId);
    await intuned.result('unknown');
    await restackClient(sandbox).start('hang', {});
    await restackClient(sandbox).event('hang', 'x', 'y', 'end');
    await send(`${sandbox.restackUrl}/api/engine/health`);
    expect(await get('/stats')).toMatchObject({
      requests: {
        intuned: { start: 1, observe: 2, event: 0, other: 0 },
        restack: { start: 1, observe: 0, event: 1, other: 1 },
      },
      answers: { 'intuned 201': 1, 'intuned 200': 1, 'intuned 404': 1, 'restack 200': 2, 'restack 404': 1 },
      liveRuns: 2,
      heldRuns: 2,
    });
    nowMs += 10;
    expect(await get('/stats')).toMatchObject({ liveRuns: 1, heldRuns: 2 });
  });

  it('a reset of the sandbox forgets everything, or all but the runs', async () => {
    const client = intunedClient(sandbox);
    const runId = await client.begin('hang', { key: 'a' });
    await post('/faults', { vendor: 'intuned', kind: 'hang' });
    expect((await post('/reset', { keepRuns: true })).body).toMatchObject({ starts: 0, keys: 0, heldRuns: 1 });
    expect(await get('/faults')).toEqual([]);
    expect((await client.result(runId)).status).toBe(200);
    expect((await post('/reset')).body).toMatchObject({ requests: { intuned: { observe: 0 } }, heldRuns: 0 });
    expect((await client.result(runId)).status).toBe(404);
  });
});

describe('bounds', () => {
  it('the sandbox drops the oldest finished runs and keeps their outcomes', async () => {
    const small = await startSandbox({ maxFinishedRuns: 10, nowMs: () => nowMs });
    onTestFinished(() => small.close());
    const client = intunedClient(small);
    const first = await client.begin('echo', { key: 'first' });
    const session = await client.begin('hang');
    for (let count = 0; count < 1_000; count += 1) await client.begin('echo');
    expect(small.stats().heldRuns).toBeLessThan(20);
    expect((await client.result(first)).status).toBe(404);
    expect((await client.result(session)).status).toBe(200);
    expect(small.runs('first')).toMatchObject([{ runId: first, status: 'completed', endedAtMs: nowMs }]);
  });

  it('the sandbox refuses starts while too many runs are live', async () => {
    const small = await startSandbox({ maxLiveRuns: 2, nowMs: () => nowMs });
    onTestFinished(() => small.close());
    const client = intunedClient(small);
    await client.begin('hang');
    await client.begin('slow', { ms: 10 });
    expect((await client.start('echo', {})).status).toBe(429);
    nowMs += 10;
    expect((await client.start('echo', {})).status).toBe(201);
  });

  it('the sandbox drops the oldest keys and reports how many', async () => {
    const small = await startSandbox({ maxKeys: 2 });
    onTestFinished(() => small.close());
    for (const key of ['a', 'b', 'c']) await intunedClient(small).begin('echo', { key });
    expect([...small.starts().keys()]).toEqual(['b', 'c']);
    expect(small.stats()).toMatchObject({ starts: 3, keys: 2, keysDropped: 1 });
  });
});

describe('faults that are ordered', () => {
  const order = (fault: object) => post('/faults', { vendor: 'intuned', ...fault });

  it('an ordered fault spoils as many requests of its operation as ordered, at its vendor only', async () => {
    const client = intunedClient(sandbox);
    const runId = await client.begin('echo');
    await order({ operation: 'observe', kind: 'status', status: 429, retryAfterSeconds: 7, times: 2 });
    const answers = [await client.result(runId), await client.result(runId), await client.result(runId)];
    expect(answers.map(({ status }) => status)).toEqual([429, 429, 200]);
    expect(answers[0]?.headers.get('retry-after')).toBe('7');
    await order({ operation: 'start', kind: 'status', status: 503 });
    expect((await client.start('echo', {})).status).toBe(503);
    expect((await restackClient(sandbox).start('echo', {})).status).toBe(200);
    expect((await client.result(runId)).status).toBe(200);
    await send(`${sandbox.controlUrl}/faults`, { method: 'DELETE' });
    expect((await client.start('echo', {})).status).toBe(201);
  });

  it.each([
    ['status', {}, 0],
    ['status', { processed: true }, 1],
    ['cut-before', {}, 0],
    ['cut-after', {}, 1],
    ['malformed', {}, 1],
    ['wrong-shape', {}, 1],
    ['wrong-shape', { processed: false }, 0],
  ])('the ordered fault %s %j lets %d starts take effect', async (kind, more, started) => {
    await order({ operation: 'start', kind, times: 1, ...more });
    const outcome = await intunedClient(sandbox)
      .start('echo', { key: 'k' })
      .catch((error: unknown) => error);
    const expected = { status: { status: 500 }, 'wrong-shape': { body: { unexpected: [true] } } }[kind];
    if (expected === undefined) expect(outcome).toBeInstanceOf(Error);
    else expect(outcome).toMatchObject(expected);
    expect(sandbox.starts().get('k') ?? 0).toBe(started);
    expect((await intunedClient(sandbox).start('echo', {})).status).toBe(201);
  });

  it('the ordered fault hang answers nothing until the client leaves', async () => {
    await order({ operation: 'start', kind: 'hang', times: 1 });
    const leave = new AbortController();
    const url = `${sandbox.intunedUrl}/ws/projects/p/run/start`;
    const pending = fetch(url, { method: 'POST', body: '{}', signal: leave.signal });
    const rejected = expect(pending).rejects.toThrow('aborted');
    await expect.poll(() => sandbox.stats().answers).toEqual({ 'intuned hang': 1 });
    expect(sandbox.stats()).toMatchObject({ inFlight: 1, starts: 0 });
    leave.abort();
    await rejected;
    await expect.poll(() => sandbox.stats().inFlight).toBe(0);
  });

  it('the ordered fault refuse closes the port of one vendor until the faults are cleared', async () => {
    const client = intunedClient(sandbox);
    const runId = await client.begin('echo');
    await order({ kind: 'refuse' });
    const refused = await client.result(runId).catch((error: Error) => error.cause);
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
    expect((await restackClient(sandbox).start('echo', {})).status).toBe(200);
    await send(`${sandbox.controlUrl}/faults`, { method: 'DELETE' });
    expect((await client.result(runId)).body).toMatchObject({ status: 'completed' });
  });

  it.each([
    ['another vendor', { vendor: 'acme', kind: 'hang' }],
    ['another kind', { kind: 'explode' }],
    ['an unknown key', { kind: 'hang', oops: 1 }],
    ['a status that is no error', { kind: 'status', status: 200 }],
  ])('an ordered fault is refused for %s', async (_name, fault) => {
    expect((await order(fault)).status).toBe(400);
    expect(await get('/faults')).toEqual([]);
  });
});

it('starting the sandbox rejects when a port is taken, and closes the ports that it had opened', async () => {
  const probe = await startSandbox();
  await probe.close();
  const intunedPort = Number(new URL(probe.intunedUrl).port);
  const restackPort = Number(new URL(sandbox.restackUrl).port);
  await expect(startSandbox({ intunedPort, restackPort })).rejects.toMatchObject({
    code: 'EADDRINUSE',
    port: restackPort,
  });
  const again = await startSandbox({ intunedPort });
  onTestFinished(() => again.close());
  expect(again.intunedUrl).toBe(probe.intunedUrl);
});
