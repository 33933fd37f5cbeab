import { describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { reply } from './manners.ts';
import { openSite, order, scraper, support } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

const stoppable = {
  ...support,
  target: { agent: 'CustomerSupportAgent', cancelEvent: { eventName: 'end', eventInput: { why: 'cancelled' } } },
};

async function openBoth(agents: readonly JsonObject[] = [scraper, support, order]) {
  const [intuned, restack] = [await IntunedStandIn.open(), await RestackStandIn.open()];
  const site = await openSite({ intuned, restack, agents });
  const close = async () => {
    await site[Symbol.asyncDispose]();
    await intuned[Symbol.asyncDispose]();
    await restack[Symbol.asyncDispose]();
  };
  return { intuned, restack, site, client: site.client, [Symbol.asyncDispose]: close };
}

describe.concurrent('DELETE /runs/{run_id}', () => {
  test('deleting a live run cancels it where the vendor can, stops polling, and removes the run', async () => {
    await using both = await openBoth([stoppable]);
    const run = await both.client.create({ agent_id: 'support', metadata: { n: 1 } });
    const upstream = await both.restack.nextRun();
    await upstream.polled();
    const stream = await both.client.stream(run.run_id);
    const deleted = await both.client.ask('DELETE', `/runs/${run.run_id}`);
    expect(deleted).toMatchObject({
      status: 200,
      body: { run_id: run.run_id, status: 'error', metadata: { n: 1 }, creation: { agent_id: run.agent_id } },
    });
    expect(await upstream.gotEvent()).toMatchObject({
      path: `/api/agents/CustomerSupportAgent/${RestackStandIn.ownerOf(upstream)}/${upstream.id}`,
      body: { eventName: 'end', eventInput: { why: 'cancelled' } },
    });
    expect((await stream.end()).at(-1)?.data).toMatchObject({ errcode: 1000, description: 'the run was cancelled' });
    expect((await both.client.ask('GET', `/runs/${run.run_id}`)).status).toBe(404);
    expect((await both.client.ask('GET', `/runs/${run.run_id}/output`)).status).toBe(404);
    expect((await both.client.ask('GET', `/runs/${run.run_id}/stream`)).status).toBe(404);
    expect((await both.client.ask('DELETE', `/runs/${run.run_id}`)).status).toBe(404);
    expect(await both.client.search({})).toEqual([]);
    const { polls } = upstream;
    await both.client.create({ agent_id: 'support' });
    await (await both.restack.nextRun()).polled(5);
    expect(upstream.polls).toBe(polls);
  });

  test('deleting a live run of a vendor that cannot cancel stops polling and sends the vendor nothing', async () => {
    await using both = await openBoth();
    const run = await both.client.create({ agent_id: 'price-scraper' });
    const upstream = await both.intuned.nextRun();
    await upstream.polled();
    expect((await both.client.ask('DELETE', `/runs/${run.run_id}`)).status).toBe(200);
    const seen = { polls: upstream.polls, asked: both.intuned.asked.length };
    await both.client.create({ agent_id: 'price-scraper' });
    const neighbour = await both.intuned.nextRun();
    await neighbour.polled(5);
    expect(upstream.polls - seen.polls).toBeLessThanOrEqual(1);
    expect(both.intuned.asked.every(({ method }) => method !== 'DELETE')).toBe(true);
  });

  test('deleting a run whose start is under way cancels it once the vendor has answered', async () => {
    await using both = await openBoth([stoppable]);
    const release = both.restack.hold('start');
    const run = await both.client.create({ agent_id: 'support' });
    await both.restack.counted('start', 1);
    expect((await both.client.ask('DELETE', `/runs/${run.run_id}`)).status).toBe(200);
    release();
    const upstream = await both.restack.nextRun();
    expect((await upstream.gotEvent()).body).toMatchObject({ eventName: 'end' });
    expect(upstream.polls).toBe(0);
  });

  test('deleting a finished run removes it and cancels nothing', async () => {
    await using both = await openBoth([stoppable]);
    both.restack.plan = () => ({ status: 'completed', output: { a: 1 } });
    const { run_id } = await both.client.run({ agent_id: 'support' });
    expect(await both.client.ask('DELETE', `/runs/${run_id}`)).toMatchObject({
      status: 200,
      body: { run_id, status: 'success' },
    });
    expect((await both.client.ask('GET', `/runs/${run_id}`)).status).toBe(404);
    expect(both.restack.count('event')).toBe(0);
  });

  test('deleting a run does not wait for a slow cancellation, which is repeated where that helps', async () => {
    await using both = await openBoth([stoppable]);
    both.restack.surprise('event', reply(503, { error: 'later' }), reply(500, { error: 'oops' }));
    const run = await both.client.create({ agent_id: 'support' });
    const upstream = await both.restack.nextRun();
    await upstream.polled();
    expect((await both.client.ask('DELETE', `/runs/${run.run_id}`)).status).toBe(200);
    await upstream.gotEvent();
    expect(both.restack.count('event')).toBe(3);
  });
});

describe.concurrent('POST /runs/search', () => {
  test('a search finds runs by agent, status and metadata, newest first, ten at a time', async () => {
    await using both = await openBoth();
    both.restack.plan = ({ path }): JsonObject =>
      path.includes('Order') ? { status: 'failed' } : { status: 'completed', output: {} };
    const made: string[] = [];
    for (let n = 0; n < 12; n += 1) {
      const metadata = { n, team: n % 2 ? 'a' : 'b', deep: { x: [n % 3, null] } };
      made.push((await both.client.run({ agent_id: n < 9 ? 'support' : 'order', metadata })).run_id);
    }
    const { run_id: live } = await both.client.create({ agent_id: 'price-scraper', metadata: { team: 'a', 1: 1 } });
    const newest = [live, ...made.toReversed()];
    const found = async (filter: JsonObject) => (await both.client.search(filter)).map(({ run_id }) => run_id);
    const at = (...numbers: readonly number[]) => numbers.map((n) => made[n]);

    expect(await found({})).toEqual(newest.slice(0, 10));
    expect(await found({ limit: 1000 })).toEqual(newest);
    expect(await found({ limit: 3, offset: 2 })).toEqual(newest.slice(2, 5));
    expect(await found({ offset: 13 })).toEqual([]);
    expect(await found({ status: 'pending' })).toEqual([live]);
    expect(await found({ status: 'error' })).toEqual(at(11, 10, 9));
    expect(await found({ status: 'success', limit: 2, offset: 1 })).toEqual(at(7, 6));
    expect(await found({ status: 'timeout' })).toEqual([]);
    const { agent_id } = await both.client.read(made[10] ?? '');
    for (const name of [agent_id, 'order']) expect(await found({ agent_id: name })).toEqual(at(11, 10, 9));
    expect(await found({ agent_id: 'support', status: 'success', metadata: { team: 'a' } })).toEqual(at(7, 5, 3, 1));
    expect(await found({ agent_id: '00000000-0000-4000-8000-000000000000' })).toEqual([]);
    expect(await found({ metadata: { deep: { x: [1, null] } } })).toEqual(at(10, 7, 4, 1));
    expect(await found({ metadata: { team: 'a', n: 3 } })).toEqual(at(3));
    // Equal is equal: not the text of a number, not a part of a text or of an object.
    const near: readonly JsonObject[] = [{ n: '3' }, { team: '' }, { deep: {} }, { deep: { x: [1] } }, { other: null }];
    for (const metadata of near) expect(await found({ metadata })).toEqual([]);
    expect(await found({ metadata: {} })).toEqual(newest.slice(0, 10));
    expect(await found({ metadata: { 1: 1 } })).toEqual([live]);
  });

  test('a search that is out of its bounds is refused', async () => {
    await using both = await openBoth();
    const wrong: readonly JsonObject[] = [
      { limit: 0 },
      { limit: 1001 },
      { limit: 1.5 },
      { offset: -1 },
      { status: 'done' },
      { metadata: [] },
    ];
    for (const filter of wrong) {
      const { status, body } = await both.client.ask('POST', '/runs/search', filter);
      expect([filter, status]).toEqual([filter, 422]);
      expect(body).toContain(Object.keys(filter)[0]);
    }
    expect(await both.client.search({ limit: 1000 })).toEqual([]);
  });
});
