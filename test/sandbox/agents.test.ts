import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { sampleConfig } from '../../src/sandbox/sample-config.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { intunedClient, restackClient } from './client.ts';

let sandbox: Sandbox;
let nowMs = 1_800_000_000_000;

beforeEach(async () => {
  sandbox = await startSandbox({ nowMs: () => nowMs });
});
afterEach(() => sandbox.close());

describe('agents that do their work', () => {
  it('the agent echo answers with its input, at once or after delayMs', async () => {
    const client = intunedClient(sandbox);
    const late = await client.begin('echo', { delayMs: 20, list: [1, null, 'x'] });
    expect((await client.result(await client.begin('echo', { a: 1 }))).body).toMatchObject({
      status: 'completed',
      result: { a: 1 },
    });
    expect((await client.result(late)).body).toMatchObject({ status: 'started' });
    nowMs += 20;
    expect((await client.result(late)).body).toMatchObject({ status: 'completed', result: { list: [1, null, 'x'] } });
  });

  it('the agent slow takes five seconds, or as long as its input says', async () => {
    const client = intunedClient(sandbox);
    const runIds = [await client.begin('slow'), await client.begin('slow', { seconds: 2 })];
    const statuses = async () => {
      const answers = await Promise.all(runIds.map((runId) => client.result(runId)));
      return answers.map(({ body }) => (body as { status: string }).status);
    };
    nowMs += 2_000;
    expect(await statuses()).toEqual(['started', 'completed']);
    nowMs += 2_999;
    expect(await statuses()).toEqual(['started', 'completed']);
    nowMs += 1;
    expect(await statuses()).toEqual(['completed', 'completed']);
  });

  it('the agent progress shows another output while it runs', async () => {
    const client = intunedClient(sandbox);
    const runId = await client.begin('progress', { ms: 100, steps: 4 });
    const shown: unknown[] = [];
    for (const passMs of [0, 30, 30, 39, 1]) {
      nowMs += passMs;
      shown.push(((await client.result(runId)).body as { result: unknown }).result);
    }
    const step = (at: number) => ({ step: at, of: 4, percent: at * 25 });
    expect(shown).toEqual([step(0), step(1), step(2), step(3), { ms: 100, steps: 4 }]);
  });

  it('the agent hang never ends, odd-status has an unknown status, and vanish is forgotten', async () => {
    const client = intunedClient(sandbox);
    const [hang, odd, gone] = [
      await client.begin('hang'),
      await client.begin('odd-status', { status: 'paused' }),
      await client.begin('vanish', { ms: 10 }),
    ];
    expect((await client.result(gone)).body).toMatchObject({ status: 'started' });
    nowMs += 365 * 24 * 3_600_000;
    expect((await client.result(hang)).body).toMatchObject({ status: 'started' });
    expect((await client.result(odd)).body).toMatchObject({ status: 'paused' });
    expect((await client.result(gone)).status).toBe(404);
  });
});

describe('agents that spoil answers', () => {
  it.each([
    ['crash-start', { status: 502 }, 502],
    ['crash-start', {}, 500],
  ])('the agent %s starts a run and then answers with an error', async (api, input, status) => {
    expect((await intunedClient(sandbox).start(api, { ...input, key: 'k' })).status).toBe(status);
    expect(sandbox.starts().get('k')).toBe(1);
    expect((await restackClient(sandbox).start(api, { ...input, key: 'k' })).status).toBe(status);
    expect(sandbox.starts().get('k')).toBe(2);
  });

  it('the agent cut-start starts a run and then hangs up', async () => {
    await expect(intunedClient(sandbox).start('cut-start', { key: 'k' })).rejects.toThrow();
    expect(sandbox.runs('k')).toMatchObject([{ vendor: 'intuned', status: 'completed' }]);
  });

  it('the agent bad-start refuses with the message of its input and starts nothing', async () => {
    const input = { key: 'k', status: 422, message: 'parameters.url is no URL' };
    expect(await intunedClient(sandbox).start('bad-start', input)).toMatchObject({
      status: 422,
      body: { message: 'parameters.url is no URL' },
    });
    expect(await restackClient(sandbox).start('bad-start', { key: 'k', message: 'no' })).toMatchObject({
      status: 400,
      body: { error: 'no' },
    });
    expect(sandbox.starts().size).toBe(0);
  });

  it('the agent rate-limited refuses the first starts of each input with Retry-After', async () => {
    const client = intunedClient(sandbox);
    const input = { key: 'k', times: 2, retryAfterSeconds: 3 };
    for (let turn = 0; turn < 2; turn += 1) {
      const { status, headers } = await client.start('rate-limited', input);
      expect([status, headers.get('retry-after')]).toEqual([429, '3']);
    }
    expect((await client.start('rate-limited', { ...input, key: 'other' })).status).toBe(429);
    const runId = await client.begin('rate-limited', input);
    expect((await client.result(runId)).body).toMatchObject({ status: 'completed' });
    expect(Object.fromEntries(sandbox.starts())).toEqual({ k: 1 });
  });

  it('the agent rate-limited refuses observations when its input says so', async () => {
    const client = intunedClient(sandbox);
    const runId = await client.begin('rate-limited', { on: 'observe', times: 1, status: 503 });
    expect((await client.result(runId)).status).toBe(503);
    expect((await client.result(runId)).status).toBe(200);
  });

  it('the agent flaky answers 500, malformed JSON, a cut socket and another shape, then works', async () => {
    const client = intunedClient(sandbox);
    const runId = await client.begin('flaky');
    expect((await client.result(runId)).status).toBe(500);
    await expect(client.result(runId)).rejects.toThrow(SyntaxError);
    await expect(client.result(runId)).rejects.toThrow(TypeError);
    expect((await client.result(runId)).body).toEqual({ unexpected: [true] });
    expect((await client.result(runId)).body).toMatchObject({ runId, status: 'completed' });
  });
});

const sample = z.looseObject({
  defaultAgent: z.string(),
  backends: z.record(z.string(), z.looseObject({ adapter: z.string(), baseUrl: z.string() })),
  agents: z.array(z.looseObject({ name: z.string(), backend: z.string() })),
});

describe('the sample config', () => {
  it('the sample config names backends that it has, with the URLs that it was given', () => {
    const config = sample.parse(parse(sampleConfig(sandbox)));
    expect(config.backends['intuned-sandbox']?.baseUrl).toBe(sandbox.intunedUrl);
    expect(config.backends['restack-sandbox']?.baseUrl).toBe(sandbox.restackUrl);
    expect(config.backends['apify-sandbox']?.baseUrl).toBe(`${sandbox.vendorsUrl}/apify`);
    expect(config.agents).toHaveLength(16);
    expect(config.agents.map(({ name }) => name)).toContain(config.defaultAgent);
    for (const { backend } of config.agents) expect(Object.keys(config.backends)).toContain(backend);
  });
});
