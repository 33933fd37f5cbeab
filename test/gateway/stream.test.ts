import { describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { openSite, scraper, support } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';
import type { StreamEvent } from './stream-reader.ts';
import type { VendorRun } from './vendor.ts';

vi.setConfig({ testTimeout: 60_000 });

const twenty = Array.from({ length: 20 }, (_, index) => index);

async function openBoth(sections: JsonObject = {}) {
  const [intuned, restack] = [await IntunedStandIn.open(), await RestackStandIn.open()];
  const agents = [scraper, { ...scraper, name: 'neighbour' }, support];
  const site = await openSite({ intuned, restack, agents, sections });
  const close = async () => {
    await site[Symbol.asyncDispose]();
    await intuned[Symbol.asyncDispose]();
    await restack[Symbol.asyncDispose]();
  };
  return { intuned, restack, site, client: site.client, [Symbol.asyncDispose]: close };
}

function ids(events: readonly StreamEvent[]): readonly string[] {
  return events.map(({ id }) => id);
}

function words(events: readonly StreamEvent[]): readonly unknown[] {
  return events.map(({ data }) => (data.type === 'custom' ? (data.update as JsonObject).phase : data.type));
}

function sent(run: VendorRun): JsonObject {
  return run.asked.body as JsonObject;
}

describe.concurrent('the stream of a run', () => {
  test('a stream begins before the vendor has answered, carries every change, and ends with the run', async () => {
    await using both = await openBoth();
    const release = both.intuned.hold('start');
    const { run_id } = await both.client.create({ agent_id: 'price-scraper' });
    const stream = await both.client.stream(run_id);
    expect(stream.status).toBe(200);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'content-location': `/runs/${run_id}`,
    });
    expect((await stream.find(() => true)).data).toEqual({
      type: 'custom',
      run_id,
      status: 'pending',
      update: { phase: 'queued' },
    });
    release();
    const upstream = await both.intuned.nextRun();
    await stream.find(({ update }) => (update as JsonObject)?.phase === 'running');
    upstream.say({ status: 'started', result: { step: 1 } });
    await stream.find(({ result }) => (result as JsonObject)?.step === 1);
    // The same partial result again is no change.
    await upstream.polled(3);
    upstream.say({ status: 'started', result: { step: 2 } });
    await stream.find(({ result }) => (result as JsonObject)?.step === 2);
    upstream.say({ status: 'completed', result: { step: 3 } });
    const events = await stream.end();
    expect(words(events)).toEqual(['queued', 'running', 'result', 'result', 'result']);
    expect(ids(events)).toEqual(['1', '2', '3', '4', '5']);
    expect(events.slice(2).map(({ data }) => data)).toEqual([
      { type: 'result', run_id, status: 'pending', result: { step: 1 } },
      { type: 'result', run_id, status: 'pending', result: { step: 2 } },
      { type: 'result', run_id, status: 'success', result: { step: 3 } },
    ]);
    expect(stream.dismissed).toBe(false);
  });

  test('the stream of a run that fails ends with its error', async () => {
    await using both = await openBoth();
    both.restack.plan = () => ({ status: 'failed', error: 'line\nbreaks: \r\n\n and ünï' });
    const { run_id } = await both.client.create({ agent_id: 'support' });
    const events = await (await both.client.stream(run_id)).end();
    expect(events.at(-1)?.data).toEqual({
      type: 'error',
      run_id,
      status: 'error',
      errcode: 3000,
      description: 'line\nbreaks: \r\n\n and ünï',
    });
  });

  test('a stream replays exactly the events after the one that the reader names', async () => {
    await using both = await openBoth();
    const { run_id } = await both.client.create({ agent_id: 'price-scraper' });
    const upstream = await both.intuned.nextRun();
    const first = await both.client.stream(run_id);
    upstream.say({ status: 'started', result: 'a' });
    const { id } = await first.find(({ result }) => result === 'a');
    first.leave();
    upstream.say({ status: 'started', result: 'b' });
    const other = await both.client.stream(run_id);
    await other.find(({ result }) => result === 'b');
    const second = await both.client.stream(run_id, { 'last-event-id': id });
    upstream.say({ status: 'completed', result: 'c' });
    const rest = await second.end();
    const all = await other.end();
    expect(rest).toEqual(all.slice(Number(id)));
    expect(rest.map(({ data }) => data.result)).toEqual(['b', 'c']);
    // After the end: all of it, a part, nothing. Of the partial outputs the last one is left, and the number of the other.
    const note = 'a later partial output has replaced this one';
    const kept = all.map((event) =>
      event.id === id
        ? { ...event, data: { type: 'custom', run_id, status: 'pending', update: { phase: 'running', note } } }
        : event,
    );
    expect(kept).not.toEqual(all);
    for (const seen of [0, 2, 4, all.length, all.length + 7]) {
      const late = await both.client.stream(run_id, { 'last-event-id': String(seen) });
      expect(await late.end()).toEqual(kept.slice(seen));
    }
    const wrong = await both.client.ask('GET', `/runs/${run_id}/stream`, undefined, { 'last-event-id': 'x1' });
    expect([wrong.status, wrong.body]).toEqual([422, expect.stringContaining('Last-Event-ID')]);
  });

  test('a stream is kept alive by a comment of one line while nothing happens', async () => {
    await using both = await openBoth({ server: { port: 0, heartbeatSeconds: 0.02 } });
    const { run_id } = await both.client.create({ agent_id: 'price-scraper' });
    const stream = await both.client.stream(run_id);
    await stream.until(() => stream.heartbeats >= 3);
    (await both.intuned.nextRun()).say({ status: 'completed' });
    expect(ids(await stream.end())).toEqual(['1', '2', '3']);
  });

  test('a stream ends when its run is removed, and when the gateway stops', async () => {
    await using both = await openBoth();
    const removed = await both.client.create({ agent_id: 'price-scraper' });
    const stream = await both.client.stream(removed.run_id);
    await stream.find(({ update }) => (update as JsonObject)?.phase === 'running');
    await both.client.ask('DELETE', `/runs/${removed.run_id}`);
    expect((await stream.end()).at(-1)?.data).toMatchObject({ type: 'error', errcode: 1000 });

    const live = await both.client.create({ agent_id: 'price-scraper' });
    const open = await both.client.stream(live.run_id);
    await open.find(() => true);
    await both.site.stop();
    await open.end();
    expect(open.dismissed).toBe(true);
  });
});

describe('many streams', () => {
  test('twenty readers of one run cost the vendor as many polls as one, and see the same', async () => {
    const pacing = { floorMs: 20, watchedCeilingMs: 20, ceilingMs: 20 };
    await using both = await openBoth({ pacing });
    const { run_id } = await both.client.create({ agent_id: 'price-scraper' });
    const upstream = await both.intuned.nextRun();
    await both.client.create({ agent_id: 'neighbour' });
    const neighbour = await both.intuned.nextRun();
    const before = { upstream: upstream.polls, neighbour: neighbour.polls };
    const streams = await Promise.all(twenty.map(() => both.client.stream(run_id)));
    await neighbour.polled(20);
    // A run without readers is the measure: it is polled as often as the other, not a twentieth as often.
    const measure = neighbour.polls - before.neighbour;
    expect(upstream.polls - before.upstream).toBeLessThanOrEqual(1.25 * measure + 3);
    upstream.say({ status: 'completed', result: { done: true } });
    const seen = await Promise.all(streams.map((stream) => stream.end()));
    for (const events of seen) expect(events).toEqual(seen[0]);
    expect(words(seen[0] ?? [])).toEqual(['queued', 'running', 'result']);
  });

  test('twenty streams on twenty runs of two vendors each see their own', async () => {
    await using both = await openBoth();
    const runs = await Promise.all(
      twenty.map((index) =>
        both.client.create({ agent_id: index % 2 ? 'support' : 'price-scraper', input: { index } }),
      ),
    );
    const streams = await Promise.all(runs.map(({ run_id }) => both.client.stream(run_id)));
    await both.intuned.bell.until(() => both.intuned.runs.length === 10);
    await both.restack.bell.until(() => both.restack.runs.length === 10);
    for (const run of both.intuned.runs) run.say({ status: 'completed', result: sent(run).parameters ?? null });
    for (const run of both.restack.runs) run.say({ status: 'completed', output: sent(run).input ?? null });
    for (const [index, stream] of streams.entries()) {
      const events = await stream.end();
      expect(words(events)).toEqual(['queued', 'running', 'result']);
      expect(events.at(-1)?.data).toMatchObject({ run_id: runs[index]?.run_id, status: 'success', result: { index } });
    }
  });

  test('a reader that left causes no polls, and takes nothing from one that stayed', async () => {
    // Watched runs are polled every 20 ms; a run without watchers after a fifth of its age.
    const pacing = { floorMs: 20, watchedCeilingMs: 20, ceilingMs: 10_000 };
    await using both = await openBoth({ pacing });
    const left = await both.client.create({ agent_id: 'price-scraper' });
    const upstream = await both.intuned.nextRun();
    const kept = await both.client.create({ agent_id: 'neighbour' });
    const neighbour = await both.intuned.nextRun();
    const leavers = await Promise.all(twenty.map(() => both.client.stream(left.run_id)));
    const stayer = await both.client.stream(kept.run_id);
    const leaver = await both.client.stream(kept.run_id);
    await neighbour.polled(50);
    for (const stream of leavers) stream.leave();
    leaver.leave();
    await upstream.polled();
    const before = { upstream: upstream.polls, neighbour: neighbour.polls };
    await neighbour.polled(30);
    expect(upstream.polls - before.upstream).toBeLessThanOrEqual(8);
    neighbour.say({ status: 'completed', result: 'here' });
    expect((await stayer.end()).at(-1)?.data.result).toBe('here');
    upstream.say({ status: 'completed' });
    expect((await both.client.output(left.run_id)).status).toBe('success');
  });
});
