import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { breakOff, hangUp, reply } from './manners.ts';
import { openSite, type Site, scraper } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

const maxBytes = 2048;

describe('pushes over HTTP', () => {
  let vendor: IntunedStandIn;
  let site: Site;
  beforeEach(async () => {
    vendor = await IntunedStandIn.open();
    vendor.plan = () => ({ status: 'started' });
    site = await openSite({
      intuned: vendor,
      backend: { push: { publicUrl: 'https://runs.example/base' } },
      agents: [scraper],
      // The run is not polled before a push comes.
      sections: {
        pacing: { floorMs: 60_000, watchedCeilingMs: 60_000, ceilingMs: 60_000 },
        // A push may be as large as an answer, because it can hold the same.
        limits: { maxBodyBytes: 1024, maxAnswerBytes: maxBytes },
      },
    });
  });
  afterEach(async () => {
    await site[Symbol.asyncDispose]();
    await vendor[Symbol.asyncDispose]();
  });

  /** A live run, and where its vendor is to push: the path below the public URL. */
  async function startRun(config: JsonObject = {}) {
    const { run_id: runId } = await site.client.create({ agent_id: 'price-scraper', input: {}, config });
    const upstream = await vendor.nextRun();
    const { sink } = upstream.asked.body as { readonly sink?: { readonly type: string; readonly url: string } };
    return { runId, upstream, sink, path: sink?.url.replace('https://runs.example/base', '') ?? '' };
  }

  async function push(path: string, body: string, method = 'POST'): Promise<number> {
    const init = { method, ...(method === 'POST' && { body }) };
    const answer = await fetch(`${site.client.url}${path}`, init);
    await answer.arrayBuffer();
    return answer.status;
  }

  test('a push makes the gateway poll the vendor, and its content is not trusted', async () => {
    const { runId, upstream, sink, path } = await startRun();
    expect(sink?.type).toBe('webhook');
    const polled = upstream.polled();
    expect(await push(path, JSON.stringify({ status: 'completed', result: 'a lie' }))).toBe(204);
    await polled;
    expect((await site.client.read(runId)).status).toBe('pending');
    upstream.say({ status: 'completed', result: { prices: [1] } });
    expect(await push(path, 'no JSON at all')).toBe(204);
    expect(await site.client.output(runId)).toMatchObject({ status: 'success', result: { prices: [1] } });
  });

  test('a push that is repeated after the end changes nothing and costs no call', async () => {
    const { runId, upstream, path } = await startRun();
    upstream.say({ status: 'completed', result: { prices: [1] } });
    await push(path, '{}');
    const output = await site.client.output(runId);
    for (let time = 0; time < 5; time += 1) expect(await push(path, '{}')).toBe(204);
    expect(await site.client.output(runId)).toEqual(output);
    expect(upstream.polls).toBe(1);
  });

  test('a push with an unknown token or backend is 404, and only POST is accepted', async () => {
    const { upstream, path } = await startRun();
    const forged = `${path.slice(0, -1)}${path.endsWith('A') ? 'B' : 'A'}`;
    expect(await push(forged, '{}')).toBe(404);
    expect(await push(path.replace('/intuned/', '/nobody/'), '{}')).toBe(404);
    expect(await push('/push/intuned/guess', '{}')).toBe(404);
    expect(await push(path, '', 'GET')).toBe(405);
    expect(upstream.polls).toBe(0);
  });

  test('the body of a push is bounded, with and without a Content-Length', async () => {
    const { path } = await startRun();
    expect(await push(path, 'x'.repeat(maxBytes))).toBe(204);
    expect(await push(path, 'x'.repeat(maxBytes + 1))).toBe(413);
    const { host, hostname, port } = new URL(site.client.url);
    const socket = connect(Number(port), hostname);
    const closed = once(socket, 'close');
    let answer = '';
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        answer += chunk;
      });
    socket.write(`POST ${path} HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const size = maxBytes + 1;
    socket.write(`${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`);
    // An endless body is not read to its end.
    await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test.each([
    ['a cut connection', hangUp],
    ['an answer that ends in its middle', breakOff(201)],
    ['an answer that is no JSON', reply(201, 'created')],
    ["a proxy's 503", reply(503, 'upstream connect error or disconnect/reset before headers')],
    ["a proxy's 502", reply(502, '<html></html>')],
  ])('a start that was taken and answered by %s is adopted by the call to its sink', async (_name, answering) => {
    vendor.spoil('start', answering);
    const { runId, upstream, path } = await startRun();
    upstream.say({ status: 'completed', result: { prices: [1] } });
    const call = (id: string, name = 'scrape-prices') =>
      push(
        path,
        JSON.stringify({ apiInfo: { name, parameters: {}, runId: id }, project: { id: 'shop', name: 'shop' } }),
      );
    // Neither what another API says nor what the vendor does not know is believed.
    expect(await call(upstream.id, 'another-api')).toBe(204);
    expect(await call('made-up')).toBe(204);
    expect((await site.client.read(runId)).status).toBe('pending');
    expect(await call(upstream.id)).toBe(204);
    expect(await site.client.output(runId)).toMatchObject({ status: 'success', result: { prices: [1] } });
    expect(vendor.runs).toHaveLength(1);
  });

  test('a sink from the config of a run or of its agent is not overwritten', async () => {
    const own = { type: 'webhook', url: 'https://mine.example/told' };
    expect((await startRun({ sink: own })).sink).toEqual(own);
    await using other = await openSite({
      intuned: vendor,
      backend: { push: { publicUrl: 'https://runs.example/base' } },
      agents: [{ ...scraper, target: { project: 'shop', api: 'scrape-prices', sink: own } }],
    });
    await other.client.create({ agent_id: 'price-scraper', input: {} });
    expect((await vendor.nextRun()).asked.body).toMatchObject({ sink: own });
  });
});
