import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { planFaults } from '../../bench/peers/durable/schedule.ts';
import { judge } from '../../bench/peers/durable/score.ts';
import type { Outcome } from '../../bench/peers/durable/torment.ts';
import { openVendorProxy } from '../../bench/peers/durable/vendor-proxy.ts';

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Records the paths and bodies that it gets. */
async function listen(answer: (count: number) => number): Promise<{ url: string; taken: string[] }> {
  const taken: string[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    taken.push(`${request.method} ${request.url} ${body}`);
    response.writeHead(answer(taken.length), { 'content-type': 'application/json' }).end('{"runId":"r-1"}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, taken };
}

async function openProxy(engineUrl: string | null = null) {
  const vendor = await listen(() => 200);
  const proxy = await openVendorProxy(vendor.url, () => engineUrl);
  closers.push(() => proxy.close());
  const start = (key: string) =>
    fetch(`${proxy.url}/start`, { method: 'POST', body: JSON.stringify({ input: { key } }) });
  return { vendor, proxy, start };
}

const planned = { atMs: 0, lengthMs: 100, answerMs: 1 };

describe('the fault schedule of the durable comparison', () => {
  test('one seed makes one schedule, and another seed another', () => {
    expect(planFaults(7, 100)).toEqual(planFaults(7, 100));
    expect(planFaults(7, 100)).not.toEqual(planFaults(8, 100));
  });

  test('a schedule has both faults of answers, and kills at both moments that leave an engine eight seconds', () => {
    const { runs, kills } = planFaults(1, 300);
    expect(new Set(runs.map(({ fault }) => fault))).toEqual(new Set(['none', 'cut', 'proxy-503']));
    expect(new Set(kills.map(({ moment }) => moment))).toEqual(new Set(['start', 'any']));
    const gapsMs = kills.slice(1).map(({ atMs }, index) => atMs - (kills[index]?.atMs ?? 0));
    expect(Math.min(...gapsMs)).toBeGreaterThanOrEqual(8000);
  });
});

describe('the way to the vendor in the durable comparison', () => {
  test('a cut answer is cut once, after the vendor took the start', async () => {
    const { vendor, proxy, start } = await openProxy();
    proxy.expect('a', { ...planned, fault: 'cut' });
    await expect(start('a')).rejects.toThrow();
    expect(vendor.taken).toEqual(['POST /start {"input":{"key":"a"}}']);
    expect((await start('a')).status).toBe(200);
  });

  test('a proxy answers 503 without Retry-After and not in the form of the vendor, after the vendor took the start', async () => {
    const { vendor, proxy, start } = await openProxy();
    proxy.expect('a', { ...planned, fault: 'proxy-503' });
    const answer = await start('a');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, null]);
    expect(await answer.text()).toContain('connection termination');
    expect(vendor.taken).toHaveLength(1);
  });

  test('a kill during a start comes once the vendor has taken it, and before its answer', async () => {
    const { vendor, proxy, start } = await openProxy();
    proxy.expect('a', { ...planned, fault: 'none' });
    let seen = 0;
    proxy.atNextStart(() => {
      seen = vendor.taken.length;
    });
    expect((await start('a')).status).toBe(200);
    expect(seen).toBe(1);
    seen = 0;
    await start('a');
    expect(seen).toBe(0);
  });

  test("the vendor's own call is repeated until the engine takes it", async () => {
    const engine = await listen((count) => (count < 3 ? 503 : 200));
    const { proxy } = await openProxy(engine.url);
    expect((await fetch(`${proxy.pushUrl}/hook?run=1`, { method: 'POST', body: '{}' })).status).toBe(204);
    await expect.poll(() => engine.taken).toEqual(Array(3).fill('POST /hook?run=1 {}'));
  });
});

describe('the score of the durable comparison', () => {
  const ended = (key: string, ending: Outcome['ending']): Outcome => ({ key, isTaken: true, ending, tookMs: 1000 });
  const right = (key: string): Outcome => ended(key, { output: { key } });
  const judged = (outcomes: readonly Outcome[], starts: Readonly<Record<string, number>>) =>
    judge('an engine', { outcomes, kills: 1 }, new Map(Object.entries(starts)));

  test('a run that was started twice counts, although its result is right', () => {
    expect(judged([right('a'), right('b')], { a: 2, b: 1 })).toMatchObject({
      meanStarts: 1.5,
      maxStarts: 2,
      startedTwice: 1,
      resultsLost: 0,
    });
  });

  test('an error for a run that the vendor took is a lost result, and so is the output of another run', () => {
    const outcomes = [ended('a', { error: '1002' }), ended('b', { output: { key: 'a' } }), right('c')];
    expect(judged(outcomes, { a: 1, b: 1, c: 1 })).toMatchObject({ resultsLost: 2, neverStarted: 0, stuck: 0 });
  });

  test('an error for a run that the vendor was never asked for is not a lost result', () => {
    expect(judged([ended('a', { error: '1003' }), right('b')], { b: 1 })).toMatchObject({
      resultsLost: 0,
      neverStarted: 1,
      meanStarts: 1,
    });
  });

  test('a run without a final answer is stuck, and later than every other one', () => {
    expect(judged([ended('a', null), right('b')], { a: 1, b: 1 })).toMatchObject({
      stuck: 1,
      p50Ms: 1000,
      p99Ms: Number.POSITIVE_INFINITY,
    });
  });
});
