import { describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { Asked } from './manners.ts';
import { openSite, scraper, support } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

async function openIntuned(sections: JsonObject = {}) {
  const intuned = await IntunedStandIn.open();
  const site = await openSite({ intuned, agents: [scraper, { ...scraper, name: 'neighbour' }], sections });
  const close = async () => {
    await site[Symbol.asyncDispose]();
    await intuned[Symbol.asyncDispose]();
  };
  return { intuned, site, client: site.client, [Symbol.asyncDispose]: close };
}

describe.concurrent('what an output is', () => {
  const results: readonly Json[] = [
    { items: [] },
    {},
    [{ a: 1 }],
    [],
    'text',
    '',
    42,
    0,
    -1.5e300,
    true,
    false,
    null,
    { __proto__: null, 'a.b': { constructor: 1 }, ünï: '\u2028 \ud83d\ude00' },
    [[[1]]],
  ];

  test('any result of Intuned is passed on unchanged', async () => {
    await using site = await openIntuned();
    for (const result of results) {
      site.intuned.plan = () => ({ status: 'completed', result });
      const output = await site.client.run({ agent_id: 'price-scraper' });
      expect(output).toEqual({ type: 'result', run_id: output.run_id, status: 'success', result });
    }
  });

  test('a run without a result has an empty object as output', async () => {
    await using site = await openIntuned();
    site.intuned.plan = () => ({ status: 'completed' });
    expect((await site.client.run({ agent_id: 'price-scraper' })).result).toEqual({});
  });

  test.each([
    [{ category: 'auth', code: 'auth-check-failed', message: 'logged out', retirable: false }, 'error', 2031],
    [{ category: 'execution', code: 'script-timeout', message: 'too slow', retirable: true }, 'timeout', 2021],
    [{ category: 'billing', message: 'no credit', docUrl: 'https://docs.test/b', details: { left: 0 } }, 'error', 2050],
    [
      { category: 'user', code: 'something-new', message: 'bad page', doc_url: 'x', correlation_id: 'c' },
      'error',
      2040,
    ],
  ])('the error of a failed Intuned run is mapped to its errcode: %o', async (error, status, errcode) => {
    await using site = await openIntuned();
    site.intuned.plan = () => ({ status: 'failed', error, message: 'outer' });
    const output = await site.client.run({ agent_id: 'price-scraper' });
    expect(output).toEqual({ type: 'error', run_id: output.run_id, status, errcode, description: error.message });
    expect((await site.client.read(output.run_id)).status).toBe(status);
  });

  test('a canceled Intuned run has its reason as description', async () => {
    await using site = await openIntuned();
    const reason = { type: 'job-run-terminated', message: 'the job was ended', doc_url: 'https://docs.test/r' };
    site.intuned.plan = () => ({ status: 'canceled', reason });
    const output = await site.client.run({ agent_id: 'price-scraper' });
    expect(output).toMatchObject({ status: 'error', errcode: 2104, description: 'the job was ended' });
  });

  test('a failed Restack run has its text as description, and a plain sentence where it has none', async () => {
    await using restack = await RestackStandIn.open();
    await using site = await openSite({ restack, agents: [support] });
    restack.plan = () => ({ status: 'failed', error: 'tool crashed' });
    expect(await site.client.run({ agent_id: 'support' })).toMatchObject({
      type: 'error',
      status: 'error',
      errcode: 3000,
      description: 'tool crashed',
    });
    restack.plan = () => ({ status: 'failed' });
    const { description } = await site.client.run({ agent_id: 'support' });
    expect(description).toBe('the vendor ended the run as "failed" and gave no reason');
  });

  test('a secret that a vendor puts into a result or an error is redacted', async () => {
    await using site = await openIntuned();
    // The stand-in repeats the key in every answer; the client refuses any answer that has it.
    site.intuned.plan = ({ headers }) => ({ status: 'completed', result: { seen: `key=${headers['x-api-key']};` } });
    expect((await site.client.run({ agent_id: 'price-scraper' })).result).toEqual({ seen: 'key=[redacted];' });
    site.intuned.plan = ({ headers }) => ({
      status: 'failed',
      error: { message: `denied for ${headers['x-api-key']}` },
    });
    expect((await site.client.run({ agent_id: 'price-scraper' })).description).toBe('denied for [redacted]');
    const inUrl = ({ headers }: Asked) => `see https://x.test/?key=${encodeURIComponent(String(headers['x-api-key']))}`;
    site.intuned.plan = (asked) => ({ status: 'failed', error: { message: inUrl(asked) } });
    expect((await site.client.run({ agent_id: 'price-scraper' })).description).toBe(
      'see https://x.test/?key=[redacted]',
    );
  });
});

describe.concurrent('block_timeout', () => {
  test('a block_timeout of 0, or none, answers 204 at once', async () => {
    await using site = await openIntuned();
    const { run_id } = await site.client.create({ agent_id: 'price-scraper' });
    for (const query of ['', '?block_timeout=0', '?block_timeout=00']) {
      const answer = await site.client.ask('GET', `/runs/${run_id}/output${query}`);
      expect([answer.status, answer.body]).toEqual([204, null]);
      expect(answer.headers.get('content-location')).toBe(`/runs/${run_id}`);
    }
  });

  test('a block_timeout that is over answers 204', async () => {
    await using site = await openIntuned();
    const { run_id } = await site.client.create({ agent_id: 'price-scraper' });
    expect((await site.client.ask('GET', `/runs/${run_id}/output?block_timeout=1`)).status).toBe(204);
  });

  test('a block_timeout is whole seconds up to the limit of the config, 3600 by default', async () => {
    await using site = await openIntuned({ limits: { maxBlockSeconds: 30 } });
    site.intuned.plan = () => ({ status: 'completed', result: {} });
    const { run_id } = await site.client.run({ agent_id: 'price-scraper' });
    const ask = (value: string) => site.client.ask('GET', `/runs/${run_id}/output?block_timeout=${value}`);
    expect((await ask('30')).status).toBe(200);
    for (const wrong of ['31', '-1', '1.5', '1e1', 'ten', '', '%20', '1&block_timeout=2', '99999999999999999999']) {
      const { status, body } = await ask(wrong);
      expect([wrong, status]).toEqual([wrong, 422]);
      expect(body).toContain('block_timeout');
    }
    await using other = await openIntuned();
    other.intuned.plan = () => ({ status: 'completed', result: {} });
    const run = await other.client.run({ agent_id: 'price-scraper' });
    expect((await other.client.ask('GET', `/runs/${run.run_id}/output?block_timeout=3600`)).status).toBe(200);
    expect((await other.client.ask('GET', `/runs/${run.run_id}/output?block_timeout=3601`)).status).toBe(422);
  });

  test('a blocking read answers as soon as the gateway knows the end: before another run was polled for 50 ms more', async () => {
    // The neighbour is polled every 16 to 20 ms, watched or not: that is the clock here.
    const pacing = { floorMs: 20, watchedCeilingMs: 20, ceilingMs: 20 };
    await using site = await openIntuned({ pacing });
    const { run_id } = await site.client.create({ agent_id: 'price-scraper' });
    const upstream = await site.intuned.nextRun();
    await site.client.create({ agent_id: 'neighbour' });
    const neighbour = await site.intuned.nextRun();
    const waiting = site.client.output(run_id);
    await neighbour.polled(2);
    upstream.say({ status: 'completed', result: 'there' });
    await upstream.polled();
    const known = neighbour.polls;
    expect((await waiting).result).toBe('there');
    expect(neighbour.polls - known).toBeLessThanOrEqual(3);
    // A run that is over is never polled again.
    const polls = upstream.polls;
    await neighbour.polled(3);
    expect(upstream.polls).toBe(polls);
  });

  test('a blocking read does not delay other requests', async () => {
    await using site = await openIntuned();
    const blocked = await site.client.create({ agent_id: 'price-scraper' });
    const upstream = await site.intuned.nextRun();
    const waiting = Array.from({ length: 50 }, () => site.client.output(blocked.run_id));
    site.intuned.plan = () => ({ status: 'completed', result: {} });
    expect((await site.client.run({ agent_id: 'neighbour' })).status).toBe('success');
    upstream.say({ status: 'failed', error: { message: 'no', category: 'user' } });
    for (const output of await Promise.all(waiting)) expect(output.errcode).toBe(2040);
  });
});
