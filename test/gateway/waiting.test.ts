import { expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { reply } from './manners.ts';
import { ask } from './protocols.ts';
import { openSite, scraper } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

const request = { agent_id: 'price-scraper', input: {} };

/** What a client asks about a pending run, and what it is told. */
const reads: readonly (readonly [method: string, path: string, status: number])[] = [
  ['GET', '/runs/:id', 200],
  ['GET', '/runs/:id/output', 204],
  ['GET', '/runs/:id/output?block_timeout=1', 204],
  ['GET', '/acp/v0.1/runs/:id', 200],
  ['GET', '/acp/v0.2/runs/:id', 200],
  ['GET', '/agent-protocol/runs/:id', 200],
];
const creations = ['/runs', '/acp/v0.1/runs', '/acp/v0.2/runs', '/agent-protocol/runs'];
/** Answered when the run is over, and with the head at once. */
const streams = ['/acp/v0.2/runs/:id/stream', '/agent-protocol/runs/:id/stream'];

type Cause = {
  readonly backend: JsonObject;
  readonly busy?: number;
  readonly header: RegExp;
  readonly waiting: string;
};

const causes: Readonly<Record<string, Cause>> = {
  'a slot at its backend': {
    backend: { maxConcurrentRuns: 1 },
    header: /^max-concurrent-runs$/,
    waiting: 'max-concurrent-runs',
  },
  'a vendor that answered 429': {
    backend: {},
    busy: 429,
    header: /^rate-limited; retry-after=(1[12]\d)$/,
    waiting: 'rate-limited',
  },
  'a vendor that answered 503, until its probe': {
    backend: { maxPauseSeconds: 50 },
    busy: 503,
    header: /^rate-limited; retry-after=(4\d|50)$/,
    waiting: 'rate-limited',
  },
};

test.each(Object.entries(causes))(
  'a pending run that waits for %s says so in the headers of its answers and in its events',
  async (_name, { backend, busy, header, waiting }) => {
    await using vendor = await IntunedStandIn.open();
    vendor.plan = () => ({ status: 'started' });
    if (busy !== undefined) vendor.surprise('start', reply(busy, { message: 'later' }, { 'retry-after': '120' }));
    await using site = await openSite({ intuned: vendor, agents: [scraper], backend });
    const { client } = site;
    await client.create(request);
    await vendor.counted('start', 1);
    await vi.waitFor(async () => {
      const { headers } = await client.ask('POST', '/runs', request);
      expect(headers.get('x-rungate-waiting')).toMatch(header);
    });
    for (const path of creations) {
      const { headers, status } = await ask(client.url, 'POST', path, request);
      expect([path, status, headers.get('x-rungate-waiting')]).toEqual([path, 200, expect.stringMatching(header)]);
    }
    const { run_id: runId } = await client.create(request);
    for (const [method, path, status] of reads) {
      const answer = await ask(client.url, method, path.replace(':id', runId));
      const told = answer.headers.get('x-rungate-waiting');
      expect([path, answer.status, told]).toEqual([path, status, expect.stringMatching(header)]);
    }
    for (const path of streams) {
      const leave = new AbortController();
      const { headers } = await fetch(`${client.url}${path.replace(':id', runId)}`, { signal: leave.signal });
      expect([path, headers.get('x-rungate-waiting')]).toEqual([path, expect.stringMatching(header)]);
      leave.abort();
    }
    // The client validates each event against the protocol's own document.
    const stream = await client.stream(runId);
    const { data } = await stream.find(({ update }) => (update as JsonObject | undefined)?.waiting !== undefined);
    expect(data).toMatchObject({
      type: 'custom',
      status: 'pending',
      update: { phase: 'queued', note: expect.stringMatching(/^waiting for /), waiting },
    });
    await client.ask('DELETE', `/runs/${runId}`);
  },
);

test('a run that does not wait, or is over, has no such header', async () => {
  await using vendor = await IntunedStandIn.open();
  vendor.plan = () => ({ status: 'completed', result: 1 });
  await using site = await openSite({ intuned: vendor, agents: [scraper] });
  const created = await site.client.ask('POST', '/runs', request);
  const { run_id: runId } = created.body as { readonly run_id: string };
  await site.client.output(runId);
  const read = await site.client.ask('GET', `/runs/${runId}`);
  expect([created, read].map(({ headers }) => headers.get('x-rungate-waiting'))).toEqual([null, null]);
});
