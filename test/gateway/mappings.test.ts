import { describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { openSite, scraper, support } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

async function openBoth(agents: readonly JsonObject[], sections: JsonObject = {}) {
  const [intuned, restack] = [await IntunedStandIn.open(), await RestackStandIn.open()];
  const site = await openSite({ intuned, restack, agents, sections });
  const close = async () => {
    await site[Symbol.asyncDispose]();
    await intuned[Symbol.asyncDispose]();
    await restack[Symbol.asyncDispose]();
  };
  return { intuned, restack, site, client: site.client, [Symbol.asyncDispose]: close };
}

const scraping = (mapping: JsonObject) => ({ ...scraper, mapping });
const supporting = (mapping: JsonObject) => ({ ...support, mapping });

describe("an agent's own mapping", () => {
  test.each([
    ['result.items', { items: [{ price: 1 }] }, [{ price: 1 }]],
    ['result.items', { items: [] }, []],
    ['result.missing', { items: [] }, {}],
    ["{'items': result.items, 'next': extendedPayloads.api}", { items: [1] }, { items: [1], next: ['a', 'b'] }],
    ['$', null, expect.objectContaining({ status: 'completed', debug: { 'x-api-key': '[redacted]' } })],
  ])('the output expression %s of an Intuned agent is applied to %j', async (output, result, expected) => {
    await using both = await openBoth([scraping({ output })]);
    both.intuned.plan = () => ({ status: 'completed', result, extendedPayloads: [{ api: 'a' }, { api: 'b' }] });
    expect((await both.client.run({ agent_id: 'price-scraper' })).result).toEqual(expected);
  });

  test('the output, error and errcodes of a Restack agent are mapped by its own mapping', async () => {
    const error = "{'code': $contains(error, 'quota') ? 'quota', 'description': 'agent: ' & error}";
    await using both = await openBoth([supporting({ output: 'output.response', error, errcodes: { quota: 3429 } })]);
    both.restack.plan = () => ({ status: 'completed', output: { response: 'hello', trace: [1] } });
    expect((await both.client.run({ agent_id: 'support' })).result).toBe('hello');
    both.restack.plan = () => ({ status: 'failed', error: 'quota is used up' });
    expect(await both.client.run({ agent_id: 'support' })).toMatchObject({
      errcode: 3429,
      description: 'agent: quota is used up',
    });
  });

  test("rows of an agent's own status table replace those of the vendor, and the others stay", async () => {
    const status: JsonObject = {
      expired: 'timeout',
      completed: [{ when: 'output.ok = false', is: 'error' }, { is: 'success' }],
    };
    await using both = await openBoth([supporting({ status, error: "error ?: 'not ok'" })]);
    const outcome = async (body: JsonObject) => {
      both.restack.plan = () => body;
      const { status, description } = await both.client.run({ agent_id: 'support' });
      return [status, description];
    };
    expect(await outcome({ status: 'expired', error: 'too old' })).toEqual(['timeout', 'too old']);
    expect(await outcome({ status: 'completed', output: { ok: false } })).toEqual(['error', 'not ok']);
    expect(await outcome({ status: 'completed', output: { ok: true } })).toEqual(['success', undefined]);
    expect(await outcome({ status: 'failed', error: 'no' })).toEqual(['error', 'no']);
  });

  test('an input expression sees everything that the client sent', async () => {
    const input = `{
      'query': input.q, 'first': messages[0], 'lang': config.lang, 'team': metadata.team,
      'by': agent.name & '@' & agent.version
    }`;
    await using both = await openBoth([scraping({ input }), supporting({ input })]);
    const asked = { input: { q: 'x' }, config: { lang: 'de' }, metadata: { team: 'a' } };
    await both.client.create({ agent_id: 'price-scraper', ...asked });
    await both.client.create({ agent_id: 'support', ...asked });
    const expected = { query: 'x', lang: 'de', team: 'a' };
    expect((await both.intuned.nextRun()).asked.body).toEqual({
      api: 'scrape-prices',
      parameters: { ...expected, by: 'price-scraper@1.2.0' },
    });
    expect((await both.restack.nextRun()).asked.body).toEqual({ input: { ...expected, by: 'support@0.0.0' } });
  });

  test('an input that is not an object becomes a parameter of its own at Intuned', async () => {
    await using both = await openBoth([scraping({ input: 'input.q' })]);
    await both.client.create({ agent_id: 'price-scraper', input: { q: 'x' } });
    expect((await both.intuned.nextRun()).asked.body).toMatchObject({ parameters: { input: 'x' } });
  });
});

describe.concurrent('an expression that goes wrong', () => {
  const runaways: readonly (readonly [string, string, string])[] = [
    ['fails', '$number(result.text)', 'JSONata error D3030'],
    ['loops for ever', '($f := function($n) { $f($n + 1) }; $f(0))', 'it ran longer than 50 ms'],
    ['recurses without end', '($f := function($n) { 1 + $f($n + 1) }; $f(0))', 'it nests deeper than 1000 steps'],
    ['builds a huge list', '[1..90000].[1..90000]', 'it '],
    ['gives what is no JSON', "{'f': $uppercase}", 'it gives a function, which is no JSON'],
  ];

  test('an output expression that fails ends its own run only, with a plain description and without the data', async () => {
    const agents = runaways.map(([, output], index) => ({ ...scraping({ output }), name: `bad-${index}` }));
    await using both = await openBoth([...agents, scraper, support], { limits: { mappingTimeMs: 50 } });
    both.intuned.plan = () => ({ status: 'completed', result: { text: 'private words' } });
    both.restack.plan = () => ({ status: 'running' });
    const bystander = await both.client.create({ agent_id: 'support' });
    const stream = await both.client.stream(bystander.run_id);
    const upstream = await both.restack.nextRun();
    const bad = runaways.map(async ([, , reason], index) => {
      const output = await both.client.run({ agent_id: `bad-${index}` });
      expect(output).toMatchObject({ type: 'error', status: 'error', errcode: 1005 });
      expect(output.description).toContain(`the mapping's "output" expression failed: ${reason}`);
      expect(output.description).not.toContain('private');
    });
    const good = Array.from({ length: 10 }, async () => {
      expect((await both.client.run({ agent_id: 'price-scraper' })).result).toEqual({ text: 'private words' });
    });
    await Promise.all([...bad, ...good]);
    upstream.say({ status: 'completed', output: 'untouched' });
    expect((await stream.end()).at(-1)?.data.result).toBe('untouched');
  });

  test.each(['input', 'interrupt', 'error'])(
    'an %s expression that fails ends its own run, with a plain description',
    async (key) => {
      await using both = await openBoth([supporting({ [key]: '$sum("x")' })]);
      both.restack.plan = () => (key === 'error' ? { status: 'failed' } : { status: 'running' });
      const output = await both.client.run({ agent_id: 'support' });
      expect(output.errcode).toBe(1005);
      expect(output.description).toContain(`"${key}"`);
      expect(both.restack.count('start')).toBe(key === 'input' ? 0 : 1);
    },
  );

  test('a resume expression that fails ends the run and sends nothing', async () => {
    await using both = await openBoth([supporting({ interrupt: 'output', resume: '$error("no")' })]);
    both.restack.plan = () => ({ status: 'running', output: { interrupt_type: 'ask' } });
    const { run_id } = await both.client.run({ agent_id: 'support' });
    await both.client.resume(run_id, {});
    expect(await both.client.output(run_id)).toMatchObject({ type: 'error', errcode: 1005 });
    expect(both.restack.count('event')).toBe(0);
  });

  test('an output expression that fails on a live run gives no partial output and does not end the run', async () => {
    await using both = await openBoth([scraping({ output: '$sum(result.prices)' })]);
    both.intuned.plan = () => ({ status: 'started', result: { prices: ['?'] } });
    const { run_id } = await both.client.create({ agent_id: 'price-scraper' });
    const upstream = await both.intuned.nextRun();
    await upstream.polled(2);
    upstream.say({ status: 'completed', result: { prices: [1, 2] } });
    expect((await both.client.output(run_id)).result).toBe(3);
  });
});

describe("the options of Intuned's runs", () => {
  const everything = {
    retry: { maximumAttempts: 4 },
    requestTimeout: 900,
    proxy: 'http://user:pass@proxy.test:8080',
    saveTrace: true,
    authSession: { id: 'as-1', autoRecreate: false, checkAttempts: 2, createAttempts: 3, runtimeInput: { otp: '1' } },
  };

  test("Intuned's run options reach the wire from the config of the run", async () => {
    await using both = await openBoth([scraper]);
    await both.client.create({ agent_id: 'price-scraper', input: { a: 1 }, config: { ...everything, tags: ['x'] } });
    expect((await both.intuned.nextRun()).asked.body).toEqual({
      ...everything,
      api: 'scrape-prices',
      parameters: { a: 1 },
    });
  });

  test("Intuned's run options default to the agent's target, and the run's config overrides them one by one", async () => {
    const sink = { type: 'webhook', url: 'https://hooks.test/intuned' };
    const target = { project: 'a b/ü?', api: 'x/y', retry: { maximumAttempts: 2 }, saveTrace: true, sink };
    await using both = await openBoth([{ ...scraper, target }]);
    await both.client.create({ agent_id: 'price-scraper', config: { saveTrace: false, proxy: null } });
    const { asked } = await both.intuned.nextRun();
    expect(asked.path).toBe('/api/v1/workspace/ws_9Q/projects/a%20b%2F%C3%BC%3F/run/start');
    expect(asked.body).toEqual({
      api: 'x/y',
      parameters: {},
      retry: { maximumAttempts: 2 },
      saveTrace: false,
      sink,
    });
  });
});
