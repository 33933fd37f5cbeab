import { expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { createIntuned } from '../../src/protocols/intuned/protocol.ts';
import { keyOf } from '../access/auth-site.ts';
import { open, prefix } from './intuned-site.ts';
import { type Asked, breakOff, neverReply, reply } from './manners.ts';
import { ask } from './protocols.ts';
import { openSite, type SiteOptions, scraper } from './site.ts';
import { IntunedStandIn, secrets } from './stand-ins.ts';
import type { Step } from './vendor.ts';

vi.setConfig({ testTimeout: 60_000 });

/** The whole of the vendor's API: what makes no run is answered with what the test says. */
class WholeIntuned extends IntunedStandIn {
  said: { readonly status: number; readonly body: Json } = { status: 200, body: { message: 'said' } };

  static override async open(): Promise<WholeIntuned> {
    const vendor = new WholeIntuned({ status: 'pending' });
    await vendor.listen();
    return vendor;
  }

  protected override stepOf(asked: Asked): Step | null {
    return super.stepOf(asked) ?? 'event';
  }

  protected override answer(step: Step, asked: Asked) {
    return step === 'event' ? this.said : super.answer(step, asked);
  }
}

async function openPassing(options: Partial<SiteOptions> & { readonly backend?: JsonObject } = {}) {
  const vendor = await WholeIntuned.open();
  const backend = { passthrough: true, ...options.backend };
  const site = await openSite({ intuned: vendor, agents: [scraper], ...options, backend });
  return {
    vendor,
    site,
    /** A call below the vendor's base URL. */
    call: async (method: string, path: string, body?: Json, headers = {}) =>
      await ask(site.client.url, method, prefix + path, body, headers),
    /** The same below the workspace. */
    ask: async (method: string, path: string, body?: Json, headers = {}) =>
      await ask(site.client.url, method, `${prefix}/${vendor.workspace}${path}`, body, headers),
    [Symbol.asyncDispose]: async () => {
      await site[Symbol.asyncDispose]();
      await vendor[Symbol.asyncDispose]();
    },
  };
}

const passed = createIntuned().operations.filter(({ path }) => !path.includes('/run/'));

test('the operations that pass on are the ones that the clients of the vendor have', () => {
  expect(passed.length).toBe(22);
});

test.each(passed)('$method $path passes on as it came, with the key of the backend', async ({ method, path }) => {
  await using site = await openPassing();
  const filled = path.replace('/:workspaceId', '').replaceAll(/:\w+/g, () => encodeURIComponent('a b/c?d'));
  const body = method === 'GET' || method === 'DELETE' ? undefined : { deep: [{ exact: 1 }], proxy: null };
  const query = method === 'GET' ? '?pageSize=2&sortBy=a%26b&other=1&other=2' : '';
  const own = { 'x-api-key': 'of the client', authorization: 'Bearer client', cookie: 'a=b', 'x-trace': 'client' };
  const answer = await site.ask(method, filled + query, body, own);
  expect([answer.status, answer.body]).toEqual([200, { message: 'said' }]);
  const [asked] = site.vendor.asked;
  expect(asked).toMatchObject({ method, path: `/api/v1/workspace/ws_9Q${filled}${query}`, body: body ?? null });
  expect(asked?.headers['x-api-key']).toBe(secrets.apiKey);
  expect(JSON.stringify(asked?.headers)).not.toMatch(/client|a=b/);
  expect(site.vendor.asked.length).toBe(1);
});

/** What the vendor answers, and its client gets: the same. */
const said: readonly (readonly [number, Json])[] = [
  [200, [{ id: 'job', nothing: null, camelCase: true }]],
  [201, { id: 'job', message: 'created' }],
  [200, 'text'],
  [400, { code: 'bad-request', category: 'user', message: 'no', retirable: false, correlationId: 'c', details: null }],
  [401, { code: 'unauthorized', message: 'the key of the backend is wrong' }],
  [404, { code: 'not-found', category: 'user', message: 'no job', retirable: false, correlationId: 'c' }],
  [500, { anything: ['else'] }],
];

test.each(said)('an answer with %i passes back unchanged: %j', async (status, body) => {
  await using site = await openPassing();
  site.vendor.said = { status, body };
  const answer = await site.ask('POST', '/projects/shop/jobs/j/trigger');
  expect([answer.status, answer.body]).toEqual([status, body]);
});

test('an answer without a body passes back as one, and a refusal without one gets a body of the vendor', async () => {
  await using site = await openPassing();
  const empty = (status: number) => (response: { writeHead(status: number): { end(): void } }) =>
    void response.writeHead(status).end();
  site.vendor.surprise('event', empty(204), reply(403, 'not for you'));
  expect(await site.ask('DELETE', '/projects/shop/jobs/j')).toMatchObject({ status: 204, body: '' });
  const refused = await site.ask('DELETE', '/projects/shop/jobs/j');
  expect([refused.status, refused.body]).toEqual([
    403,
    {
      code: 'forbidden',
      category: 'auth',
      message: 'not for you',
      retirable: false,
      correlationId: refused.headers.get('x-request-id'),
    },
  ]);
});

test('secrets of the backend are taken out of an answer that passes back', async () => {
  await using site = await openPassing();
  site.vendor.said = { status: 200, body: { key: secrets.apiKey } };
  expect((await site.ask('GET', '/projects/shop/jobs')).body).toEqual({ key: '[redacted]' });
});

test('numbers beyond doubles pass in both directions as they were written', async () => {
  await using site = await openPassing();
  const exact = '{"id":12345678901234567890.10}';
  site.vendor.surprise('event', (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(exact);
  });
  const answer = await fetch(`${site.site.client.url}${prefix}/ws_9Q/projects/shop/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: exact,
  });
  expect(await answer.text()).toBe(exact);
  expect(JSON.stringify(site.vendor.asked[0]?.body)).toContain('12345678901234567890.10');
});

test('without passthrough on the backend nothing passes on, and the answer says why', async () => {
  await using site = await openPassing({ backend: { passthrough: false } });
  const refused = await site.ask('GET', '/projects/shop/jobs');
  expect([refused.status, refused.body]).toMatchObject([
    404,
    { code: 'not-found', message: expect.stringContaining('`passthrough`') },
  ]);
  expect(site.vendor.asked).toEqual([]);
});

/** Ways out of the workspace, and to the runs that the gateway makes. */
const ways = [
  ['GET', '/ws_other/projects/shop/jobs'],
  ['GET', '/ws_9Q/projects/%2e%2e/jobs'],
  ['GET', '/ws_9Q/projects/shop/jobs/%2E%2E'],
  ['GET', '/ws_9Q/projects/shop/jobs/..%2f..%2f'],
  ['GET', '/ws_9Q/projects/shop/run/run_1/result'],
  ['POST', '/ws_9Q/projects/shop/run/run_1/terminate'],
  ['GET', '/ws_9Q/projects/shop/jobs/a%00b'],
  ['GET', '/ws_9Q/projects/shop/secrets'],
] as const;

test.each(ways)('%s %s reaches nothing but the operation that it names', async (method, path) => {
  await using site = await openPassing();
  const { status } = await site.call(method, path);
  const paths = site.vendor.asked.map((asked) => asked.path);
  // A part with slashes is one part, and stays one.
  if (status === 200) expect(paths).toEqual(['/api/v1/workspace/ws_9Q/projects/shop/jobs/..%2F..%2F']);
  else expect([[404, 422].includes(status), paths]).toEqual([true, []]);
});

/** What comes in place of an answer, and what the client gets. */
const faults = [
  ['no answer in time', 502, neverReply],
  ['half an answer', 502, breakOff(200)],
  ['a page', 502, reply(200, '<html>')],
  ['a redirect', 502, reply(302, {}, { location: 'http://10.0.0.1/' })],
  ['an answer above its bound', 502, reply(200, { much: 'x'.repeat(5000) })],
] as const;

test.each(faults)('%s is answered with %i in the body of the vendor', async (_name, status, answering) => {
  await using site = await openPassing({
    backend: { requestTimeoutSeconds: 0.3 },
    sections: { limits: { maxAnswerBytes: 4096 } },
  });
  site.vendor.surprise('event', answering);
  const answer = await site.ask('POST', '/web-tasks/start', { task: 'buy' });
  expect([answer.status, answer.body]).toMatchObject([
    status,
    { code: 'internal-server-error', category: 'infrastructure', retirable: false, correlationId: expect.any(String) },
  ]);
  expect(site.vendor.asked.length).toBe(1);
});

test('a vendor that refuses connections is answered with 503 and Retry-After', async () => {
  await using site = await openPassing();
  await site.vendor.silence();
  const answer = await site.ask('GET', '/projects/shop/jobs');
  expect([answer.status, answer.headers.get('retry-after'), answer.body]).toMatchObject([
    503,
    expect.stringMatching(/^\d+$/),
    { code: 'internal-server-error', retirable: true },
  ]);
});

test('a vendor that asks for a pause is not called while it lasts, and its own answer passes back', async () => {
  await using site = await openPassing();
  site.vendor.surprise('event', reply(429, { message: 'slow down' }, { 'retry-after': '60' }));
  const first = await site.ask('GET', '/projects/shop/jobs');
  expect([first.status, first.body, first.headers.get('retry-after')]).toEqual([429, { message: 'slow down' }, '60']);
  const second = await site.ask('GET', '/projects/shop/jobs');
  expect(second.status).toBe(503);
  expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(30);
  expect(site.vendor.asked.length).toBe(1);
});

test('calls that pass on count against the budget of the backend', async () => {
  await using site = await openPassing({ backend: { requestsPerSecond: 2 } });
  const beganMs = performance.now();
  const answers = await Promise.all(Array.from({ length: 5 }, () => site.ask('GET', '/projects/shop/jobs')));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(performance.now() - beganMs).toBeGreaterThan(1900);
});

test.each([
  ['one request in 100 seconds, which is spent', 0.01, '0'],
  ['a thousand requests a second', 1000, '(?:9\\d\\d|1000)'],
])('metrics show what is left of a budget of %s', async (_title, requestsPerSecond, left) => {
  const sections = { server: { port: 0, metrics: true } };
  await using site = await openPassing({ backend: { requestsPerSecond }, sections });
  expect((await site.ask('GET', '/projects/shop/jobs')).status).toBe(200);
  const text = await (await fetch(`${site.site.client.url}/metrics`)).text();
  expect(text).toMatch(new RegExp(`rungate_budget_tokens\\{backend="intuned"\\} ${left}\n`));
});

test('a key that is limited to agents reaches the rest of the API only by one with passthrough', async () => {
  const [whole, narrow, wide] = [
    keyOf('whole'),
    keyOf('narrow', { agents: ['price-scraper'] }),
    keyOf('wide', { agents: ['anything'] }),
  ];
  await using site = await openPassing({
    agents: [scraper, open],
    sections: { auth: { keys: [whole.entry, narrow.entry, wide.entry] } },
  });
  const list = (key: string) => site.ask('GET', '/projects/shop/jobs', undefined, { 'x-api-key': key });
  expect((await list(whole.key)).status).toBe(200);
  expect((await list(wide.key)).status).toBe(200);
  const refused = await list(narrow.key);
  expect([refused.status, refused.body]).toMatchObject([403, { code: 'forbidden', category: 'auth' }]);
  expect(await list('wrong')).toMatchObject({ status: 401, body: { code: 'unauthorized', category: 'auth' } });
  expect(site.vendor.asked.length).toBe(2);
});

test("each tenant's calls have the credentials and the workspace of the tenant, and of no other", async () => {
  const [ours, theirs, none] = [
    keyOf('ours', { tenant: 'ours' }),
    keyOf('theirs', { tenant: 'theirs' }),
    keyOf('none', { tenant: 'none' }),
  ];
  const vendor = await WholeIntuned.open();
  vendor.apiKeys.add('key-of-theirs');
  const backends = {
    intuned: {
      adapter: 'intuned',
      baseUrl: vendor.baseUrl,
      passthrough: true,
      credentialsByTenant: {
        ours: { workspaceId: 'ws_9Q', apiKey: secrets.apiKey },
        theirs: { workspaceId: 'ws_theirs', apiKey: 'key-of-theirs' },
      },
    },
  };
  const sections = { auth: { keys: [ours.entry, theirs.entry, none.entry] } };
  await using site = await openSite({ backends, agents: [scraper], sections });
  const list = (key: string, workspace: string) =>
    ask(site.client.url, 'GET', `${prefix}/${workspace}/projects/shop/jobs`, undefined, { 'x-api-key': key });
  const statuses: number[] = [];
  for (const { key } of [ours, theirs, none])
    for (const workspace of ['ws_9Q', 'ws_theirs']) statuses.push((await list(key, workspace)).status);
  expect(statuses).toEqual([200, 404, 404, 200, 404, 404]);
  expect(vendor.asked.map(({ path, headers }) => [path.split('/')[4], headers['x-api-key']])).toEqual([
    ['ws_9Q', secrets.apiKey],
    ['ws_theirs', 'key-of-theirs'],
  ]);
  await vendor[Symbol.asyncDispose]();
});

test.each([
  ['backend', 'intuned'],
  ['tenant', 'acme'],
] as const)(
  'while starts of a %s are stopped, nothing begins at the vendor, and what ends or shows something passes',
  async (kind, name) => {
    const [client, ops] = [keyOf('client', { tenant: 'acme' }), keyOf('ops', { role: 'operator' })];
    await using site = await openPassing({ sections: { auth: { keys: [client.entry, ops.entry] } } });
    const admin = (method: string, path: string, body?: Json) =>
      ask(site.site.client.url, method, `/admin/v1${path}`, body, { 'x-api-key': ops.key });
    expect((await admin('POST', '/stops', { kind, name, reason: 'it costs too much' })).status).toBeLessThan(300);
    const tell = async (method: string, path: string) =>
      (await site.ask(method, path, method === 'POST' ? {} : undefined, { 'x-api-key': client.key })).status;
    const job = '/projects/shop/jobs/j';
    expect([
      await tell('POST', `${job}/trigger`),
      await tell('POST', '/web-tasks/start'),
      await tell('POST', `${job}/resume`),
    ]).toEqual([503, 503, 503]);
    expect(site.vendor.asked).toEqual([]);
    expect([
      await tell('GET', job),
      await tell('POST', `${job}/pause`),
      await tell('POST', `${job}/runs/r/terminate`),
      await tell('DELETE', job),
    ]).toEqual([200, 200, 200, 200]);
    expect((await admin('DELETE', `/stops/${kind}/${name}`)).status).toBe(204);
    expect(await tell('POST', `${job}/trigger`)).toBe(200);
  },
);
