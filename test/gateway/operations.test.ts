import { describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { documentsAbsent } from '../protocols/acp-documents.ts';
import { judged } from './client.ts';
import { openSite, order, scraper, support } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[57][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

async function openBoth(sections: JsonObject = {}) {
  const [intuned, restack] = [await IntunedStandIn.open(), await RestackStandIn.open()];
  const site = await openSite({ intuned, restack, agents: [scraper, support, order], sections });
  const close = async () => {
    await site[Symbol.asyncDispose]();
    await intuned[Symbol.asyncDispose]();
    await restack[Symbol.asyncDispose]();
  };
  return { intuned, restack, site, client: site.client, [Symbol.asyncDispose]: close };
}

describe.concurrent('a run crosses the gateway', () => {
  test('a run goes to Intuned and its result comes back', async () => {
    await using both = await openBoth();
    const { client, intuned } = both;
    const input = { url: 'https://shop.test/1', deep: { list: [1, null, 'ü'] } };
    const created = await client.create({ agent_id: 'price-scraper', input });
    expect(created).toMatchObject({ status: 'pending', input, creation: { input } });

    const upstream = await intuned.nextRun();
    expect(upstream.asked).toMatchObject({
      method: 'POST',
      path: '/api/v1/workspace/ws_9Q/projects/shop/run/start',
      body: { api: 'scrape-prices', parameters: input },
    });
    expect(upstream.asked.headers['content-type']).toBe('application/json');
    await upstream.polled();
    expect((await client.read(created.run_id)).status).toBe('pending');
    upstream.say({ status: 'started' });
    await upstream.polled();
    const result = { items: [{ price: 12.5 }] };
    upstream.say({ status: 'completed', result, extendedPayloads: [{ api: 'next', parameters: {} }] });

    expect(await client.output(created.run_id)).toEqual({
      type: 'result',
      run_id: created.run_id,
      status: 'success',
      result,
    });
    const read = await client.read(created.run_id);
    expect(read.status).toBe('success');
    expect(Date.parse(String(read.updated_at))).toBeGreaterThanOrEqual(Date.parse(String(read.created_at)));
  });

  test.each([
    ['engine', 'uuid', support],
    ['engine', 'run_', order],
    ['documented', 'run_', support],
    ['documented', 'uuid', order],
  ] as const)('a run goes to Restack and its result comes back: %s shape, %s ids, %o', async (shape, ids, agent) => {
    await using restack = await RestackStandIn.open();
    restack.shape = shape;
    restack.ids = ids;
    restack.token = 'rt-31d0a6+bearer=';
    await using site = await openSite({ restack, agents: [agent] });
    const created = await site.client.create({ agent_id: String(agent.name), input: { message: 'hi' } });
    const upstream = await restack.nextRun();
    const kind = agent === support ? 'agents/CustomerSupportAgent' : 'workflows/OrderFulfillmentWorkflow';
    expect(upstream.asked).toMatchObject({ method: 'POST', path: `/api/${kind}`, body: { input: { message: 'hi' } } });
    upstream.say({ status: 'running' });
    await upstream.polled();
    upstream.say({ status: 'completed', output: { reply: 'hello' }, completedAt: '2026-11-22T08:00:01.000Z' });
    expect(await site.client.output(created.run_id)).toMatchObject({ status: 'success', result: { reply: 'hello' } });
    expect(restack.asked.at(-1)?.path).toBe(`/api/${kind}/${upstream.id}`);
  });

  test('a run at a Restack engine without a token is sent without one', async () => {
    await using both = await openBoth();
    both.restack.plan = () => ({ status: 'completed', output: {} });
    expect((await both.client.run({ agent_id: 'support' })).status).toBe('success');
    expect(both.restack.asked.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });
});

describe.concurrent('POST /runs', () => {
  test('POST /runs answers before the vendor does, and the run still reaches its end', async () => {
    await using both = await openBoth();
    const release = both.intuned.hold('start');
    const created = await both.client.create({ agent_id: 'price-scraper' });
    expect(created.status).toBe('pending');
    await both.intuned.counted('start', 1);
    expect((await both.client.ask('GET', `/runs/${created.run_id}/output`)).status).toBe(204);
    both.intuned.plan = () => ({ status: 'completed', result: {} });
    release();
    expect((await both.client.output(created.run_id)).status).toBe('success');
  });

  test('POST /runs accepts the UUID of the agent, in capitals too, and its name', async () => {
    await using both = await openBoth();
    const [agent] = (await both.client.ask('POST', '/agents/search', { name: 'support' })).body as [JsonObject];
    const id = String(agent.agent_id);
    expect(id).toMatch(uuid);
    for (const name of [id, id.toUpperCase(), 'support']) {
      const run = await both.client.create({ agent_id: name });
      expect(run.agent_id).toBe(id);
      expect(run.creation).toMatchObject({ agent_id: id });
      expect((await both.restack.nextRun()).asked.path).toBe('/api/agents/CustomerSupportAgent');
    }
  });

  test('POST /runs without an agent uses the default one, and is refused where there is none', async () => {
    await using both = await openBoth({ defaultAgent: 'order' });
    await both.client.create({ input: { orderId: 'o-1' } });
    expect((await both.restack.nextRun()).asked.path).toBe('/api/workflows/OrderFulfillmentWorkflow');

    await using none = await openBoth();
    const refused = await none.client.ask('POST', '/runs', { input: {} });
    expect(refused).toMatchObject({ status: 422, body: 'agent_id is missing and no default agent is configured' });
    expect(none.restack.asked).toEqual([]);
  });

  test('POST /runs answers a Run with its creation and the flat members of the Agent Protocol', async () => {
    await using both = await openBoth({ webhooks: { unsigned: true } });
    const asked = {
      input: { message: 'hi' },
      metadata: { team: 'a', deep: { x: [1] } },
      config: { retry: { maximumAttempts: 2 }, tags: ['t'] },
      webhook: 'https://hooks.test/run',
    };
    const run = await both.client.create({ agent_id: 'support', ...asked });
    expect(run).toMatchObject({ ...asked, status: 'pending', creation: { ...asked, agent_id: run.agent_id } });
    expect(run.run_id).toMatch(uuid);
    expect(run.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    // Members that were not sent are not invented, except the metadata that the Agent Protocol requires.
    const bare = await both.client.create({ agent_id: 'support' });
    expect(Object.keys(bare).toSorted()).toEqual(
      ['agent_id', 'created_at', 'creation', 'metadata', 'run_id', 'status', 'updated_at'].toSorted(),
    );
    expect(bare.metadata).toEqual({});
  });

  test('POST /runs answers the location of the run under both mounts', async () => {
    await using both = await openBoth();
    for (const prefix of ['', '/acp/v0.1']) {
      const { headers, body } = await both.client.ask('POST', `${prefix}/runs`, { agent_id: 'support' });
      const place = headers.get('content-location') ?? '';
      expect(place).toBe(`${prefix}/runs/${(body as JsonObject).run_id}`);
      expect((await both.client.ask('GET', place)).status).toBe(200);
    }
  });
});

describe.concurrent('agents', () => {
  test('agents are found by name, version and page, and described by id and by name', async () => {
    await using both = await openBoth();
    const names = async (filter: JsonObject) => {
      const { body } = await both.client.ask('POST', '/agents/search', filter);
      return (body as readonly { metadata: { ref: { name: string } } }[]).map(({ metadata }) => metadata.ref.name);
    };
    expect(await names({})).toEqual(['price-scraper', 'support', 'order']);
    expect(await names({ limit: 1, offset: 1 })).toEqual(['support']);
    expect(await names({ name: 'order' })).toEqual(['order']);
    expect(await names({ version: '1.2.0' })).toEqual(['price-scraper']);
    expect(await names({ name: 'order', version: '1.2.0' })).toEqual([]);

    const byName = await both.client.ask('GET', '/agents/price-scraper');
    expect(byName).toMatchObject({
      status: 200,
      body: { metadata: { ref: { name: 'price-scraper', version: '1.2.0' }, description: 'Reads prices.' } },
    });
    const { agent_id } = byName.body as JsonObject;
    expect((await both.client.ask('GET', `/agents/${agent_id}`)).body).toEqual(byName.body);
    const descriptor = await both.client.ask('GET', `/agents/${agent_id}/descriptor`);
    expect(descriptor.body).toMatchObject({
      specs: { capabilities: { interrupts: false, streaming: { result: true, custom: true } }, input: {}, output: {} },
    });
    expect((await both.client.ask('GET', '/agents/nobody')).status).toBe(404);
    expect((await both.client.ask('GET', '/agents/nobody/descriptor')).status).toBe(404);
  });
});

test.concurrent('metrics are shown where the config says so, and nowhere else', async () => {
  await using open = await openBoth({ server: { port: 0, metrics: true } });
  await using closed = await openBoth();
  open.intuned.plan = () => ({ status: 'completed', result: 1 });
  await open.client.run({ agent_id: 'price-scraper' });
  open.intuned.plan = () => ({ status: 'started' });
  await open.client.create({ agent_id: 'price-scraper' });
  const shown = await fetch(`${open.client.url}/metrics`);
  expect(shown.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const text = await shown.text();
  expect(text).toContain('rungate_runs_created_total 2\n');
  expect(text).toMatch(/rungate_runs_live\{backend="intuned",phase="(?:starting|running)"\} 1\n/);
  expect(text).toContain('rungate_runs_parked 0\n');
  expect(text).toContain('rungate_webhooks_waiting 0\n');
  expect(text).not.toContain('rungate_budget_tokens{');
  expect(text).toMatch(/rungate_runs_ended_total\{[^}]*status="success",errcode=""\} 1\n/);
  expect(await closed.client.ask('GET', '/metrics')).toMatchObject({ status: 404 });
  expect(await open.client.ask('POST', '/metrics')).toMatchObject({ status: 405 });
});

test.concurrent('the health routes answer live and ready', async () => {
  await using both = await openBoth();
  expect(await both.client.ask('GET', '/health/live')).toMatchObject({ status: 200, body: { status: 'ok' } });
  expect(await both.client.ask('GET', '/health/ready')).toMatchObject({
    status: 200,
    body: { status: 'ok', draining: false, checks: { store: 'ok' } },
  });
});

describe.skipIf(documentsAbsent !== null)(`by the ACP 0.1 document (${documentsAbsent ?? 'present'})`, () => {
  test('every answer is validated against the schema of the ACP 0.1 document', async () => {
    await using both = await openBoth();
    judged.clear();
    both.restack.plan = () => ({ status: 'completed', output: {} });
    const { run_id } = await both.client.run({ agent_id: 'support' });
    await both.client.search({});
    await both.client.ask('POST', '/agents/search', { limit: 2 });
    await both.client.ask('GET', '/agents/support/descriptor');
    await both.client.ask('GET', '/runs/42');
    await (await both.client.stream(run_id)).end();
    expect(Object.fromEntries(judged)).toEqual({
      Run: 2,
      RunOutput: 1,
      Agent: 2,
      AgentACPDescriptor: 1,
      ErrorResponse: 1,
      CustomRunResultUpdate: 2,
      RunResult: 1,
    });
  });
});
