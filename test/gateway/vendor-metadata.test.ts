import { describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { type Answering, reply } from './manners.ts';
import { openSite, scraper, support } from './site.ts';
import { IntunedStandIn, RestackStandIn, secrets } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

const thread = '11111111-1111-4111-8111-111111111111';

async function openBoth(agent: JsonObject = {}) {
  const [intuned, restack] = [await IntunedStandIn.open(), await RestackStandIn.open()];
  const agents = [
    { ...scraper, ...agent },
    { ...support, ...agent },
  ];
  const site = await openSite({ intuned, restack, agents });
  const close = async () => {
    await site[Symbol.asyncDispose]();
    await intuned[Symbol.asyncDispose]();
    await restack[Symbol.asyncDispose]();
  };
  const ask = async (method: string, path: string, body?: Json) => {
    const answer = await site.client.ask(method, path, body);
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
    return answer.body;
  };
  return { intuned, restack, site, client: site.client, ask, [Symbol.asyncDispose]: close };
}

/** The value of `rungate.vendor` wherever it stands in an answer. */
function vendorIn(value: Json): Json | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Object.hasOwn(value, 'rungate.vendor')) return (value as JsonObject)['rungate.vendor'];
  return Object.values(value)
    .map(vendorIn)
    .find((found) => found !== undefined);
}

const error = {
  message: 'Playwright timed out',
  code: 'script-timeout',
  category: 'execution',
  retirable: false,
  correlation_id: 'corr-1',
  doc_url: 'https://docs.example/timeouts',
  details: { step: 3, key: secrets.apiKey },
};

/** Every way to read a run: the operation, and its path and body. */
const views: readonly (readonly [string, string, (runId: string) => string, Json | undefined])[] = [
  ['ACP 0.1', 'GET', (id) => `/acp/v0.1/runs/${id}`, undefined],
  ['the search of ACP 0.1', 'POST', () => '/acp/v0.1/runs/search', { metadata: { mark: 'it' } }],
  ['ACP 0.2', 'GET', (id) => `/acp/v0.2/runs/${id}`, undefined],
  ['the search of ACP 0.2', 'POST', () => '/acp/v0.2/runs/search', { metadata: { mark: 'it' } }],
  ['a wait of ACP 0.2', 'GET', (id) => `/acp/v0.2/runs/${id}/wait`, undefined],
  ['the Agent Protocol', 'GET', (id) => `/agent-protocol/runs/${id}`, undefined],
  ['the search of the Agent Protocol', 'POST', () => '/agent-protocol/runs/search', { metadata: { mark: 'it' } }],
  ['a wait of the Agent Protocol', 'GET', (id) => `/agent-protocol/runs/${id}/wait`, undefined],
];

test("the vendor's last answer is shown as the metadata rungate.vendor in every protocol, without secrets", async () => {
  await using both = await openBoth();
  both.intuned.plan = () => ({ status: 'failed', error, message: 'failed' });
  const { run_id } = await both.client.create({ agent_id: 'price-scraper', metadata: { mark: 'it' } });
  await both.client.output(run_id);
  const runId = both.intuned.runs[0]?.id;
  for (const [name, method, path, body] of views) {
    const answer = await both.ask(method, path(run_id), body);
    expect(vendorIn(answer), name).toEqual({
      runId,
      status: 'failed',
      message: 'failed',
      error: { ...error, details: { step: 3, key: '[redacted]' } },
    });
    expect(JSON.stringify(answer)).toContain('"mark":"it"');
    expect(JSON.stringify(answer)).not.toContain(secrets.apiKey);
  }
});

type Row = readonly [string, 'intuned' | 'restack', JsonObject | Answering, JsonObject];

const rows: readonly Row[] = [
  ['a success', 'intuned', { status: 'completed', result: { a: 1 } }, { status: 'completed' }],
  ['a success', 'restack', { status: 'completed', output: { a: 1 } }, { status: 'completed' }],
  ['a failure in a text', 'intuned', { status: 'failed', error: 'boom' }, { error: 'boom' }],
  ['a failure in a text', 'restack', { status: 'failed', error: 'boom' }, { error: 'boom' }],
  [
    'a cancellation',
    'intuned',
    { status: 'canceled', reason: { type: 'terminated' } },
    { reason: { type: 'terminated' } },
  ],
  ['a mapping that fails', 'restack', { status: 'completed', output: 'boom' }, { status: 'completed' }],
  ['a refusal for long', 'intuned', reply(401, { code: 'unauthorized', correlationId: 'c' }), { correlationId: 'c' }],
  ['a run that is gone', 'restack', reply(404, { error: 'not found', requestId: 'q' }), { requestId: 'q' }],
  ['a status that is not known', 'intuned', { status: 'odd' }, {}],
];

test.concurrent.each(rows)('%s at %s keeps the ids and the words of the vendor', async (name, at, answer, kept) => {
  const mapping: JsonObject = name === 'a mapping that fails' ? { mapping: { output: '$number(output)' } } : {};
  await using both = await openBoth({
    unauthorisedAfterSeconds: 0,
    lostAfterSeconds: 0,
    timeoutSeconds: 5,
    ...mapping,
  });
  const vendor = both[at];
  if (typeof answer === 'function') vendor.twist = (step) => (step === 'poll' ? answer : null);
  else vendor.plan = () => answer;
  const { run_id } = await both.client.create({ agent_id: at === 'intuned' ? 'price-scraper' : 'support' });
  await both.client.output(run_id);
  const found = vendorIn(await both.ask('GET', `/runs/${run_id}`));
  expect(found).toMatchObject({ runId: vendor.runs[0]?.id, ...kept });
  expect(found).not.toHaveProperty('result');
  expect(found).not.toHaveProperty('output');
});

test('a start that the vendor refuses keeps the words and the status of its answer', async () => {
  await using both = await openBoth();
  const body = { code: 'not-found', category: 'user', message: 'no such project', correlationId: 'corr-2' };
  both.intuned.surprise('start', reply(404, body));
  const { run_id } = await both.client.run({ agent_id: 'price-scraper' });
  expect(vendorIn(await both.ask('GET', `/runs/${run_id}`))).toEqual({ ...body, http_status: 404 });
});

test('a run has no rungate.vendor before its end', async () => {
  await using both = await openBoth();
  both.intuned.plan = () => ({ status: 'started', error });
  const { run_id } = await both.client.create({ agent_id: 'price-scraper' });
  await (await both.intuned.nextRun()).polled(2);
  expect(vendorIn(await both.ask('GET', `/runs/${run_id}`))).toBeUndefined();
});

const reserved = { 'rungate.vendor': { forged: true } };
/** Everywhere metadata is taken. */
const takers: readonly (readonly [string, string, JsonObject])[] = [
  ['POST', '/acp/v0.1/runs', { agent_id: 'price-scraper', metadata: reserved }],
  ['POST', '/acp/v0.1/threads', { agent_id: 'price-scraper', metadata: reserved }],
  ['POST', '/acp/v0.2/runs', { agent_id: 'price-scraper', metadata: reserved }],
  ['POST', '/acp/v0.2/runs/wait', { agent_id: 'price-scraper', metadata: reserved }],
  ['POST', '/acp/v0.2/threads', { metadata: reserved }],
  ['PATCH', `/acp/v0.2/threads/${thread}`, { metadata: { 'rungate.other': 1 } }],
  ['POST', `/acp/v0.2/threads/${thread}/runs`, { agent_id: 'price-scraper', metadata: reserved }],
  ['POST', '/agent-protocol/runs', { agent_id: 'price-scraper', metadata: reserved }],
  ['POST', '/agent-protocol/runs/wait', { agent_id: 'price-scraper', metadata: { 'rungate.': null } }],
  ['POST', '/agent-protocol/threads', { metadata: reserved }],
  ['PATCH', `/agent-protocol/threads/${thread}`, { metadata: reserved }],
];

describe('a key of the gateway', () => {
  test.each(takers)('%s %s refuses metadata with it, in words', async (method, path, body) => {
    await using both = await openBoth();
    await both.ask('POST', '/acp/v0.2/threads', { thread_id: thread });
    const answer = await fetch(`${both.client.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', accept: 'application/problem+json' },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(422);
    expect((await answer.json()) as JsonObject).toMatchObject({
      code: 'invalid_request',
      path: expect.stringMatching(/^metadata\/rungate\./),
      detail: expect.stringContaining('are set by the gateway alone'),
    });
    expect(both.intuned.count('start')).toBe(0);
  });
});
