import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { anonymous } from '../../src/access/principals.ts';
import { UsageLimits } from '../../src/access/usage-limits.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import type { SharedUsage } from '../../src/contract/store/usage-store.ts';
import { type Asked, type AuthSite, keyOf, openAuthSite } from './auth-site.ts';

const open = (...keys: readonly { readonly entry: JsonObject }[]): Promise<AuthSite> =>
  openAuthSite({ sections: { auth: { keys: keys.map(({ entry }) => entry) } } });

const waiting = { agent_id: 'approval', input: { question: 'now?' } };
const idOf = ({ body }: Asked): string => (body as { run_id: string }).run_id;

/** Asks until the answer is what is waited for; the test's own time limit is what gives up. */
async function askUntil(holds: (answer: Asked) => boolean, ask: () => Promise<Asked>): Promise<Asked> {
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
  }
}

describe('requests a second', () => {
  const one = keyOf('one', { limits: { requestsPerSecond: 1 } });
  const free = keyOf('free');

  test('requests above the limit are refused with Retry-After', async () => {
    await using site = await open(one, free);
    const search = (key: string) => site.ask(key, 'POST', '/runs/search', {});
    const first = await search(one.key);
    expect([first.status, first.headers.get('ratelimit-policy')]).toEqual([200, '"requests";q=1;w=1']);
    expect(first.headers.get('ratelimit')).toBe('"requests";r=0;t=1');
    const refused = await askUntil(
      ({ status }) => status !== 200,
      () => search(one.key),
    );
    expect([refused.status, refused.body]).toEqual([429, 'the key makes too many requests: at most 1 a second']);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.headers.get('ratelimit')).toBe('"requests";r=0;t=1');
    const other = await search(free.key);
    expect([other.status, other.headers.get('ratelimit')]).toEqual([200, null]);
  });

  test('requests are counted before their body is read, and not for an unknown key', async () => {
    await using site = await open(one);
    const broken = () => site.ask(one.key, 'POST', '/runs', { nonsense: 1 });
    await askUntil(({ status }) => status === 429, broken);
    expect((await site.ask('wrong', 'POST', '/runs', {})).status).toBe(401);
  });
});

describe('a key that is over its limit', () => {
  const principal = { ...anonymous, limits: { ...anonymous.limits, requestsPerSecond: 2 } };

  test('requests of a key over its limit are not counted before its window ends', async () => {
    const asked: string[] = [];
    let resetMs = 600_000;
    const shared: SharedUsage = {
      countRequest: async (name) => ({ used: asked.push(name), resetMs }),
      reserveStream: async () => true,
      releaseStream: async () => {},
    };
    const usageLimits = new UsageLimits(shared, 10);
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    const count = () => usageLimits.countRequest(principal, response);
    await count();
    await count();
    for (let at = 0; at < 5; at += 1)
      await expect(count()).rejects.toMatchObject({ code: 'rate_limited', retryAfterSeconds: 600 });
    expect(asked).toHaveLength(3);
    resetMs = 1;
    const soon = new UsageLimits(shared, 10);
    // Each try in a turn of its own: a window ends by a timer.
    for (; asked.length < 6; await nextTurn()) await soon.countRequest(principal, response).catch(() => {});
  });
});

test('a key over its limit is served again after a second although the wall clock was set back by an hour', async () => {
  const limits = { ...anonymous.limits, requestsPerSecond: 2 };
  const usageLimits = new UsageLimits(null, 10);
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const count = () => usageLimits.countRequest({ ...anonymous, limits }, response);
  await count();
  await count();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
  try {
    await expect(count()).rejects.toMatchObject({ code: 'rate_limited', retryAfterSeconds: 1 });
    for (let isOver = true; isOver; await nextTurn()) {
      await count().then(
        () => (isOver = false),
        () => {},
      );
    }
  } finally {
    vi.useRealTimers();
  }
});

describe('live runs', () => {
  test('live runs above the limit are refused until one of them ends', async () => {
    const two = keyOf('two', { limits: { liveRuns: 2 } });
    await using site = await open(two, keyOf('free'));
    const create = () => site.ask(two.key, 'POST', '/runs', waiting);
    const [first, second] = [await create(), await create()];
    const third = await create();
    expect([first.status, second.status, third.status]).toEqual([200, 200, 429]);
    expect(third.body).toBe('the key has too many live runs: at most 2');
    expect(third.headers.get('retry-after')).toBe('5');
    expect(third.headers.get('ratelimit-policy')).toBe('"live-runs";q=2;qu="concurrent-requests"');
    expect(third.headers.get('ratelimit')).toBe('"live-runs";r=0;t=5');
    expect(second.headers.get('ratelimit')).toBeNull();
    expect((await site.ask('rungate_test-free', 'POST', '/runs', waiting)).status).toBe(200);
    expect((await site.ask(two.key, 'DELETE', `/runs/${idOf(first)}`)).status).toBe(200);
    expect((await create()).status).toBe(200);
    expect((await create()).status).toBe(429);
    await site.ask(two.key, 'POST', `/acp/v0.2/runs/${idOf(second)}/cancel`);
    expect((await create()).status).toBe(200);
  });

  test('the limit of live runs holds for creations at the same time, and a retry does not count', async () => {
    const three = keyOf('three', { limits: { liveRuns: 3 } });
    await using site = await open(three);
    const send = async (headers: Record<string, string>) => {
      const sent = { authorization: `Bearer ${three.key}`, 'content-type': 'application/json', ...headers };
      const answer = await fetch(`${site.url}/runs`, { method: 'POST', headers: sent, body: JSON.stringify(waiting) });
      return { status: answer.status, id: ((await answer.json()) as { run_id?: string }).run_id };
    };
    const first = await send({ 'idempotency-key': 'again' });
    const rest = await Promise.all(Array.from({ length: 20 }, () => send({})));
    expect(rest.filter(({ status }) => status === 200)).toHaveLength(2);
    expect(rest.filter(({ status }) => status === 429)).toHaveLength(18);
    expect(await send({ 'idempotency-key': 'again' })).toEqual(first);
  });

  test('the limit of live runs is reported next to the requests per second', async () => {
    const both = keyOf('both', { limits: { liveRuns: 1, requestsPerSecond: 1000 } });
    await using site = await open(both);
    const create = () => site.ask(both.key, 'POST', '/runs', waiting);
    expect((await create()).status).toBe(200);
    const { status, headers } = await create();
    expect(status).toBe(429);
    const [requests, runs, ...others] = headers.get('ratelimit-policy')?.split(', ') ?? [];
    expect([requests, runs, others]).toEqual(['"requests";q=1000;w=1', '"live-runs";q=1;qu="concurrent-requests"', []]);
    expect(headers.get('ratelimit')).toMatch(/^"requests";r=99\d;t=1, "live-runs";r=0;t=5$/);
  });

  test('a refused run does not count as a live run', async () => {
    const single = keyOf('single', { limits: { liveRuns: 1 } });
    await using site = await open(single);
    const nowhere = { ...waiting, thread_id: '0193b3a0-6b7c-7d2e-8f00-00000000dead' };
    expect((await site.ask(single.key, 'POST', '/runs', nowhere)).status).toBe(404);
    expect((await site.ask(single.key, 'POST', '/runs', waiting)).status).toBe(200);
  });
});

describe('open streams', () => {
  const reader = keyOf('reader', { limits: { streams: 1 } });

  async function follow(site: AuthSite, key: string, runId: string) {
    const leave = new AbortController();
    const headers = { authorization: `Bearer ${key}` };
    const answer = await fetch(`${site.url}/runs/${runId}/stream`, { headers, signal: leave.signal });
    return { status: answer.status, headers: answer.headers, leave: () => leave.abort(), text: () => answer.text() };
  }

  test('calls of A2A that answer at once are no streams, and those that stream are', async () => {
    await using site = await open(reader);
    const runId = idOf(await site.ask(reader.key, 'POST', '/runs', waiting));
    const headers = { authorization: `Bearer ${reader.key}`, 'a2a-version': '1.0', 'content-type': 'application/json' };
    const call = async (method: string) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { id: runId } });
      return await fetch(`${site.url}/a2a/approval`, { method: 'POST', headers, body });
    };
    const stream = await call('SubscribeToTask');
    expect([stream.status, (await call('SubscribeToTask')).status, (await call('GetTask')).status]).toEqual([
      200, 429, 200,
    ]);
    await stream.body?.cancel();
  });

  test('streams above the limit are refused until one is closed', async () => {
    const free = keyOf('free');
    await using site = await open(reader, free);
    const runId = idOf(await site.ask(reader.key, 'POST', '/runs', waiting));
    const first = await follow(site, reader.key, runId);
    const second = await follow(site, reader.key, runId);
    expect([first.status, second.status, second.headers.get('retry-after')]).toEqual([200, 429, '5']);
    expect(await second.text()).toContain('too many open streams');
    expect(second.headers.get('ratelimit-policy')).toBe('"streams";q=1;qu="concurrent-requests"');
    expect(second.headers.get('ratelimit')).toBe('"streams";r=0;t=5');
    const other = await follow(site, free.key, runId);
    expect(other.status).toBe(200);
    first.leave();
    for (let next = await follow(site, reader.key, runId); next.status !== 200; )
      next = await follow(site, reader.key, runId);
    other.leave();
  });

  test('a creation with a stream above the limit makes no run, and a refusal frees its stream', async () => {
    await using site = await open(reader);
    const runId = idOf(await site.ask(reader.key, 'POST', '/runs', waiting));
    const first = await follow(site, reader.key, runId);
    const refused = await site.ask(reader.key, 'POST', '/acp/v0.2/runs/stream', waiting);
    expect(refused.status).toBe(429);
    // Lists, waits and outputs are readers too.
    for (const [method, path] of [
      ['POST', '/runs/search'],
      ['GET', `/runs/${runId}/output`],
    ] as const)
      expect((await site.ask(reader.key, method, path, method === 'POST' ? {} : undefined)).status).toBe(429);
    first.leave();
    const searched = await askUntil(
      ({ status }) => status === 200,
      () => site.ask(reader.key, 'POST', '/runs/search', {}),
    );
    expect(searched.body).toHaveLength(1);
    const absent = '0193b3a0-6b7c-7d2e-8f00-00000000dead';
    const notFound = () => site.ask(reader.key, 'GET', `/runs/${absent}/stream`);
    await askUntil(({ status }) => status === 404, notFound);
    // Were the place of a refused stream kept, this would be the one too many.
    expect((await notFound()).status).toBe(404);
  });

  test('open streams are bounded for all keys together', async () => {
    const free = keyOf('free');
    await using site = await openAuthSite({ sections: { auth: { keys: [free.entry] }, limits: { maxStreams: 1 } } });
    const runId = idOf(await site.ask(free.key, 'POST', '/runs', waiting));
    const first = await follow(site, free.key, runId);
    const second = await follow(site, free.key, runId);
    expect([first.status, second.status, second.headers.get('retry-after')]).toEqual([200, 503, '5']);
    first.leave();
  });
});
