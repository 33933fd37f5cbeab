import { afterEach, describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { reply } from './manners.ts';
import { openSite, type Site, scraper } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

const patience = { timeout: 20_000, interval: 5 };
const request = { agent_id: 'price-scraper', input: {} };

describe('a backend over HTTP', () => {
  let vendor: IntunedStandIn;
  let site: Site;
  afterEach(async () => {
    await site[Symbol.asyncDispose]();
    await vendor[Symbol.asyncDispose]();
  });

  async function open(backend: JsonObject = {}): Promise<void> {
    vendor = await IntunedStandIn.open();
    vendor.plan = () => ({ status: 'started' });
    site = await openSite({ intuned: vendor, agents: [scraper], backend });
  }

  async function readiness() {
    const { status, body } = await site.client.ask('GET', '/health/ready');
    return {
      status,
      state: (body as { readonly backends?: { readonly intuned?: { readonly state: string } } }).backends?.intuned
        ?.state,
    };
  }

  async function untilState(state: string): Promise<void> {
    await vi.waitFor(async () => expect((await readiness()).state).toBe(state), patience);
  }

  const logged = (text: RegExp): readonly JsonObject[] => site.log.filter(({ msg }) => text.test(String(msg)));
  const later = (seconds: number): string => new Date(Date.now() + seconds * 1000).toUTCString();

  test.each([
    ['Retry-After in seconds', 429, () => ({ 'retry-after': '3600' })],
    ['Retry-After as a date', 503, () => ({ 'retry-after': later(3600) })],
    ['X-RateLimit-Reset in seconds', 429, () => ({ 'x-ratelimit-reset': '3600' })],
    ['X-RateLimit-Reset as a time', 429, () => ({ 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 3600) })],
  ])(
    '%s in the answer to one poll delays all calls to the backend, starts included',
    async (_name, status, headers) => {
      await open();
      vendor.surprise('poll', reply(status, { message: 'slow down' }, headers()));
      const { run_id: first } = await site.client.create(request);
      await untilState('paused');
      expect(logged(/^backend rate-limited; pausing calls$/)).toMatchObject([{ backend: 'intuned' }]);
      const { asked } = vendor;
      expect(asked).toHaveLength(2);
      const { run_id: second } = await site.client.create(request);
      for (const runId of [first, second]) expect((await site.client.read(runId)).status).toBe('pending');
      // A backend that rests is no reason to send the gateway no work.
      expect(await readiness()).toEqual({ status: 200, state: 'paused' });
      expect(asked).toHaveLength(2);
    },
  );

  test('calls of every kind go again once the pause of their backend is over', async () => {
    await open();
    vendor.surprise('poll', reply(429, { message: 'slow down' }, { 'retry-after': '1' }));
    const { run_id: first } = await site.client.create(request);
    await untilState('paused');
    const { run_id: second } = await site.client.create(request);
    (await vendor.nextRun()).say({ status: 'completed', result: { n: 1 } });
    (await vendor.nextRun()).say({ status: 'completed', result: { n: 2 } });
    expect(await site.client.output(first)).toMatchObject({ status: 'success', result: { n: 1 } });
    expect(await site.client.output(second)).toMatchObject({ status: 'success', result: { n: 2 } });
    expect((await readiness()).state).toBe('ok');
  });

  test('a run beyond maxConcurrentRuns is pending, the log says what it waits for, and it runs in its turn', async () => {
    await open({ maxConcurrentRuns: 1 });
    const { run_id: first } = await site.client.create(request);
    const live = await vendor.nextRun();
    const { run_id: second } = await site.client.create(request);
    await vi.waitFor(() => expect(logged(/run queued: maxConcurrentRuns/)).toHaveLength(1), patience);
    expect(logged(/run queued: maxConcurrentRuns/)).toMatchObject([{ run_id: second }]);
    expect((await site.client.read(second)).status).toBe('pending');
    await live.polled(3);
    expect(vendor.count('start')).toBe(1);
    live.say({ status: 'completed', result: { n: 1 } });
    (await vendor.nextRun()).say({ status: 'completed', result: { n: 2 } });
    expect(await site.client.output(first)).toMatchObject({ status: 'success' });
    expect(await site.client.output(second)).toMatchObject({ status: 'success', result: { n: 2 } });
  });
});
