import { expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { open, openIntuned } from './intuned-site.ts';
import { breakOff, reply } from './manners.ts';

vi.setConfig({ testTimeout: 60_000 });

const parameters = { url: 'https://shop.test/1' };
const asked = { api: 'scrape-prices', parameters };

test("a start is answered with the vendor's 201, its status pending and nothing else", async () => {
  await using site = await openIntuned();
  const { status, body, headers } = await site.start(asked);
  expect([status, body]).toEqual([201, { runId: expect.stringMatching(/^[0-9a-f-]{36}$/), status: 'pending' }]);
  expect(headers.get('content-location')).toBeNull();
});

test("the vendor gets the client's own parameters and options, and the client its own result, whatever the agent maps", async () => {
  await using site = await openIntuned();
  site.vendor.plan = () => ({
    status: 'completed',
    result: { price: 9.5 },
    extendedPayloads: [{ api: 'next', runId: null }],
  });
  const options = { saveTrace: true, requestTimeout: 600, retry: { maximumAttempts: 1 }, later: { added: [1] } };
  const { body } = await site.start({ ...asked, ...options, proxy: null });
  expect(await site.ended(`${body.runId}`)).toEqual({
    runId: body.runId,
    status: 'completed',
    result: { price: 9.5 },
    extendedPayloads: [{ api: 'next' }],
  });
  expect(site.vendor.runs[0]?.asked.body).toEqual({ ...asked, ...options });
});

test('a run that was started in the words of Intuned is read in every other protocol, and one of another protocol in those words', async () => {
  await using site = await openIntuned();
  site.vendor.plan = () => ({ status: 'completed', result: { price: 9.5 } });
  const { body } = await site.start(asked);
  await site.ended(`${body.runId}`);
  expect((await site.site.client.output(`${body.runId}`)).result).toEqual({ price: 9.5 });
  const { run_id: other } = await site.site.client.run({ agent_id: 'price-scraper', input: {} });
  expect(site.vendor.runs[1]?.asked.body).toMatchObject({ parameters: { mapped: true } });
  expect(await site.result(other)).toMatchObject({ status: 'completed', result: { mapped: { price: 9.5 } } });
});

test('an API of no agent is run by an agent with passthrough, at the project that the client names', async () => {
  await using site = await openIntuned();
  site.vendor.plan = () => ({ status: 'completed', result: 'other' });
  const at = `/${site.vendor.workspace}/projects/${encodeURIComponent('a shop/of mine')}/run`;
  const start = await site.ask('POST', `${at}/start`, { api: 'other', parameters });
  expect(start.status).toBe(201);
  const { runId } = start.body as { readonly runId: string };
  await site.site.client.output(runId);
  expect((await site.ask('GET', `${at}/${runId}/result`)).body).toEqual({
    runId,
    status: 'completed',
    result: 'other',
  });
  expect(site.vendor.asked[0]?.path).toContain('/projects/a%20shop%2Fof%20mine/run/start');
  // It is none of another project, of another workspace, and a run of no client at all.
  for (const path of [
    `/${site.vendor.workspace}/projects/shop/run/${runId}/result`,
    `/ws_other/projects/${encodeURIComponent('a shop/of mine')}/run/${runId}/result`,
    `${at}/run_9Q/result`,
  ])
    expect((await site.ask('GET', path)).body).toMatchObject({ code: 'not-found', category: 'user' });
});

test('an API of no agent is not found where no agent has passthrough, and in no other workspace', async () => {
  await using site = await openIntuned({
    agents: [{ name: 'only', backend: 'intuned', target: { project: 'shop', api: 'only' } }],
  });
  const refused = await site.start(asked);
  expect([refused.status, refused.body]).toEqual([
    404,
    {
      code: 'not-found',
      category: 'user',
      message: expect.stringMatching(
        /^no such agent: project "shop", api "[^"]+"; POST \/\S*agents\/search lists them$/,
      ),
      retirable: false,
      correlationId: expect.any(String),
    },
  ]);
  expect(refused.body.correlationId).toBe(refused.headers.get('x-request-id'));
  expect((await site.start({ ...asked, api: 'only' })).status).toBe(201);
  expect((await site.ask('POST', '/ws_other/projects/shop/run/start', { ...asked, api: 'only' })).status).toBe(404);
  // The backend's name stands for its workspace.
  expect((await site.ask('POST', '/intuned/projects/shop/run/start', { ...asked, api: 'only' })).status).toBe(201);
});

test('an agent with passthrough takes no run of another protocol, which cannot say what to run', async () => {
  await using site = await openIntuned();
  const refused = await site.site.client.ask('POST', '/acp/v0.2/runs', { agent_id: 'anything', input: {} });
  expect([refused.status, refused.body]).toEqual([422, expect.stringContaining("the vendor's own API")]);
});

const error = {
  message: 'Playwright timed out',
  code: 'script-timeout',
  category: 'execution',
  retirable: true,
  correlation_id: 'corr-1',
  doc_url: 'https://docs.example/timeouts',
  details: { step: 3 },
};

const { code: _, ...unnamed } = error;

/** What the vendor says of a run, and what its client is told. */
const ends: readonly (readonly [string, JsonObject, JsonObject])[] = [
  ['a failure', { status: 'failed', error, message: 'm' }, { status: 'failed', error, message: 'm' }],
  [
    'a failure with null members',
    { status: 'failed', error: { ...error, doc_url: null, details: null, code: null }, message: null, result: null },
    {
      status: 'failed',
      error: { message: error.message, category: 'execution', retirable: true, correlation_id: 'corr-1' },
      message: error.message,
    },
  ],
  [
    'a failure in words that the clients do not know',
    { status: 'failed', error: { ...error, code: 'page-not-found', category: 'weather' } },
    { status: 'failed', error: { ...unnamed, category: 'execution' }, message: error.message },
  ],
  [
    'a failure in camel case',
    { status: 'failed', error: { message: 'x', category: 'user', docUrl: 'https://d', correlationId: 'c' } },
    {
      status: 'failed',
      error: { message: 'x', category: 'user', doc_url: 'https://d', correlation_id: 'c' },
      message: 'x',
    },
  ],
  [
    'a failure without an error',
    { status: 'failed', message: 'boom' },
    { status: 'failed', error: { message: 'boom', category: 'execution' }, message: 'boom' },
  ],
  [
    'a cancellation',
    { status: 'canceled', reason: { type: 'terminated', message: 'by hand', details: { a: 1 }, doc_url: 'https://d' } },
    {
      status: 'canceled',
      reason: { type: 'terminated', message: 'by hand', details: { a: 1 }, doc_url: 'https://d' },
      message: 'by hand',
    },
  ],
  [
    'a cancellation for a reason that the clients do not know',
    { status: 'canceled', reason: { type: 'rescheduled', message: 'later' } },
    { status: 'canceled', message: 'later' },
  ],
  // The mapping has an empty object for it.
  ['a result that is absent', { status: 'completed' }, { status: 'completed', result: {} }],
  ['a result that is null', { status: 'completed', result: null }, { status: 'completed' }],
];

test.concurrent.each(ends)(
  '%s reaches a client of the vendor in words that it knows, with no null',
  async (_name, said, told) => {
    await using site = await openIntuned();
    site.vendor.plan = () => said;
    const { body } = await site.start(asked);
    const answer = await site.ended(`${body.runId}`);
    expect(answer).toEqual({ runId: body.runId, ...told });
    expect(JSON.stringify(answer)).not.toContain('null');
  },
);

test('a status that is not known is shown as started', async () => {
  await using site = await openIntuned();
  site.vendor.plan = () => ({ status: 'rescheduled' });
  const { body } = await site.start(asked);
  await (await site.vendor.nextRun()).polled(2);
  expect(await site.result(`${body.runId}`)).toEqual({ runId: body.runId, status: 'started' });
});

test('faults of the vendor between two good answers are not seen by its client', async () => {
  await using site = await openIntuned();
  site.vendor.surprise('start', reply(429, { message: 'slow down' }, { 'retry-after': '0' }));
  site.vendor.surprise('poll', reply(500, {}), reply(200, '<html>'), breakOff(200), reply(200, { wrong: 'shape' }));
  site.vendor.plan = () => ({ status: 'completed', result: 1 });
  const { body } = await site.start(asked);
  expect(await site.ended(`${body.runId}`)).toEqual({ runId: body.runId, status: 'completed', result: 1 });
  expect(site.vendor.runs.length).toBe(1);
});

test("the gateway's own endings are failures of the infrastructure, and are not to be tried again", async () => {
  await using site = await openIntuned({ agents: [{ ...open, lostAfterSeconds: 0 }] });
  site.vendor.twist = (step) => (step === 'poll' ? reply(404, { message: 'gone' }) : null);
  const { body } = await site.start(asked);
  expect(await site.ended(`${body.runId}`)).toMatchObject({
    status: 'failed',
    error: { code: 'internal-server-error', category: 'infrastructure', retirable: false, message: expect.any(String) },
  });
});

test('a run that ran out of time has the code of a timeout', async () => {
  await using site = await openIntuned({ agents: [{ ...open, timeoutSeconds: 0.2 }] });
  const { body } = await site.start(asked);
  expect(await site.ended(`${body.runId}`)).toMatchObject({
    status: 'failed',
    error: { code: 'script-timeout', category: 'execution', retirable: false },
  });
});

test('a run that was cancelled in another protocol was cancelled by its user', async () => {
  await using site = await openIntuned();
  const { body } = await site.start(asked);
  await site.site.client.ask('POST', `/acp/v0.2/runs/${body.runId}/cancel`);
  expect(await site.ended(`${body.runId}`)).toMatchObject({
    status: 'canceled',
    reason: { type: 'cancelled-user-action', message: expect.any(String) },
  });
});

test('the same Idempotency-Key twice starts one run, and is answered twice alike', async () => {
  await using site = await openIntuned();
  const [first, second] = [
    await site.start(asked, { 'idempotency-key': 'k' }),
    await site.start(asked, { 'idempotency-key': 'k' }),
  ];
  expect([first.status, second.status, second.body]).toEqual([201, 201, first.body]);
  expect(second.headers.get('idempotent-replayed')).toBe('true');
  await site.vendor.counted('start', 1);
  expect(await site.start({ ...asked, api: 'other' }, { 'idempotency-key': 'k' })).toMatchObject({
    status: 422,
    body: { code: 'unprocessable-entity', category: 'user' },
  });
  expect(site.vendor.count('start')).toBe(1);
});

const hold = { backend: { startRefusal: 'hold' } } as const;

test('a start that the vendor refuses is answered with 201 and fails, with its message', async () => {
  await using site = await openIntuned();
  site.vendor.surprise('start', reply(404, { code: 'not-found', message: 'no such project' }));
  const { status, body } = await site.start(asked);
  expect(status).toBe(201);
  const answer = await site.ended(`${body.runId}`);
  expect(answer).toMatchObject({ status: 'failed', error: { category: 'user', retirable: false } });
  expect((answer.error as JsonObject).message).toContain('no such project');
  expect(answer.error).not.toHaveProperty('code');
});

test("with startRefusal hold, the vendor's refusal of a start is the answer, in its own words, and the run stays", async () => {
  await using site = await openIntuned(hold);
  const said = {
    code: 'auth-session-not-ready',
    category: 'auth',
    message: 'log in first',
    retirable: true,
    details: null,
  };
  site.vendor.surprise('start', reply(409, said));
  const refused = await site.start(asked, { 'idempotency-key': 'k' });
  expect([refused.status, refused.body]).toEqual([
    409,
    {
      code: 'auth-session-not-ready',
      category: 'auth',
      message: 'log in first',
      retirable: true,
      correlationId: refused.headers.get('x-request-id'),
    },
  ]);
  const again = await site.start(asked, { 'idempotency-key': 'k' });
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([409, 'true']);
  expect(await site.site.client.search({})).toMatchObject([{ status: 'error' }]);
  expect(site.vendor.count('start')).toBe(1);
});

test('with startRefusal hold, a start that the vendor takes is answered as soon as it has', async () => {
  await using site = await openIntuned(hold);
  const release = site.vendor.hold('start');
  let isAnswered = false;
  const answering = site.start(asked).then((answer) => {
    isAnswered = true;
    return answer;
  });
  await site.vendor.counted('start', 1);
  expect(isAnswered).toBe(false);
  release();
  expect(await answering).toMatchObject({ status: 201, body: { status: 'pending' } });
});

test('with startRefusal hold, the answer waits two seconds for the vendor and no longer', async () => {
  await using site = await openIntuned(hold);
  const release = site.vendor.hold('start');
  const beganMs = performance.now();
  expect((await site.start(asked)).status).toBe(201);
  expect(performance.now() - beganMs).toBeGreaterThan(1900);
  release();
});

const wrong: readonly (readonly [string, JsonObject])[] = [
  ['no api', { parameters }],
  ['no parameters', { api: 'scrape-prices' }],
  ['parameters that are no object', { ...asked, parameters: [1] }],
  ['a sink without a URL', { ...asked, sink: { type: 'webhook' } }],
  ['a sink of an unknown kind', { ...asked, sink: { type: 'ftp', url: 'ftp://x' } }],
  [
    'a sink with a header of the body',
    { ...asked, sink: { type: 'webhook', url: 'https://x.test', headers: { 'Content-Length': '1' } } },
  ],
  [
    'a sink with two lines in a header',
    { ...asked, sink: { type: 'webhook', url: 'https://x.test', headers: { a: 'b\r\nc: d' } } },
  ],
  [
    'a URL in a private network, deep in a member that only the vendor knows',
    { ...asked, later: [{ callbackUrl: 'http://10.0.0.1/' }] },
  ],
  ['a proxy in a private network', { ...asked, proxy: 'http://10.0.0.1:3128' }],
  ['an option of the wrong type', { ...asked, retry: { maximumAttempts: 'many' } }],
];

test.each(wrong)('%s is refused with 422 in the body of the vendor, and nothing is started', async (_name, body) => {
  await using site = await openIntuned();
  const refused = await site.start(body);
  expect([refused.status, refused.body]).toEqual([
    422,
    {
      code: 'unprocessable-entity',
      category: 'user',
      message: expect.any(String),
      retirable: false,
      correlationId: refused.headers.get('x-request-id'),
    },
  ]);
  expect(site.vendor.count('start')).toBe(0);
});
