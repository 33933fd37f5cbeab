import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type AuthSite, ask, keyOf, openAuthSite } from '../access/auth-site.ts';
import { startPostgres } from '../store/postgres-server.ts';

const free = keyOf('free');
const narrow = keyOf('narrow', { agents: ['scrape'] });
const other = keyOf('other', { tenant: 'other' });
const limited = keyOf('limited', { limits: { streams: 1 } });
const keys = [free, narrow, other, limited].map(({ entry }) => entry);
const page = 'https://app.example';
const sections = { auth: { keys }, server: { port: 0, cors: { origins: [page] } } };

let site: AuthSite;
let threadId: string;
/** A run that waits for an answer, in the thread. */
let runId: string;
/** A run that is over, and its thread. */
let doneId: string;
let doneThreadId: string;

beforeAll(async () => {
  site = await openAuthSite({ sections });
  threadId = await idOf('/acp/v0.2/threads', {}, 'thread_id');
  runId = await idOf(`/acp/v0.2/threads/${threadId}/runs`, { agent_id: 'approval', input: { question: 'now?' } });
  doneThreadId = await idOf('/acp/v0.2/threads', {}, 'thread_id');
  doneId = await idOf(`/acp/v0.2/threads/${doneThreadId}/runs`, { agent_id: 'echo', input: { a: 1 } });
  for (const id of [runId, doneId]) await site.ask(free.key, 'GET', `/acp/v0.2/runs/${id}/wait`);
});
afterAll(() => site[Symbol.asyncDispose]());

async function idOf(path: string, body: JsonObject, member = 'run_id'): Promise<string> {
  return String(((await site.ask(free.key, 'POST', path, body)).body as JsonObject)[member]);
}

async function ticketFor(body: JsonObject, key = free.key, url = site.url): Promise<{ ticket: string; url: string }> {
  const { status, body: answer } = await ask(url, key, 'POST', '/stream-tickets', body);
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(answer)}`);
  return answer as { ticket: string; url: string };
}

/** Status, headers and the first bytes of an answer, which is left then. */
async function peek(url: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') {
  const controller = new AbortController();
  const answer = await fetch(url, { method, headers, signal: controller.signal });
  const first = answer.body === null ? undefined : await answer.body.getReader().read();
  controller.abort();
  return { status: answer.status, headers: answer.headers, text: new TextDecoder().decode(first?.value) };
}

test.each([
  ['the root', () => undefined, 'agent_event'],
  ['ACP 0.1', () => `/acp/v0.1/runs/${runId}/stream`, 'agent_event'],
  ['ACP 0.2', () => `/acp/v0.2/runs/${runId}/stream`, 'agent_event'],
  ['a thread of ACP 0.2', () => `/acp/v0.2/threads/${threadId}/runs/${runId}/stream`, 'agent_event'],
  ['the Agent Protocol', () => `/agent-protocol/runs/${runId}/stream`, 'event: '],
])("a ticket opens a run's stream of %s without a key, and again after Last-Event-ID", async (_name, pathOf, event) => {
  const path = pathOf();
  const { ticket, url } = await ticketFor(path === undefined ? { run_id: runId } : { run_id: runId, path });
  expect(url).toBe(`${path ?? `/runs/${runId}/stream`}?ticket=${ticket}`);
  const opened = await peek(site.url + url);
  expect([opened.status, opened.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  expect(opened.text).toContain(event);
  const again = await peek(site.url + url, { 'last-event-id': '1' });
  expect(again.status).toBe(200);
  expect(Number(/^id: (\d+)/m.exec(again.text)?.[1])).toBeGreaterThan(1);
  const beginning = await peek(site.url + url, { 'last-event-id': '-1' });
  expect(beginning.text).toContain(opened.text.split('\n')[0]);
});

test.each(['/runs', '/acp/v0.1/runs', '/acp/v0.2/runs', '/acp/v0.2/threads/THREAD/runs', '/agent-protocol/runs'])(
  'the stream of a run that is over at %s answers 204 to a reader with a ticket that has all of it',
  async (base) => {
    const path = `${base.replace('THREAD', doneThreadId)}/${doneId}/stream`;
    const { url } = await ticketFor({ run_id: doneId, path });
    const whole = await (await fetch(site.url + url)).text();
    const last = [...whole.matchAll(/^id: (\d+)/gm)].at(-1)?.[1] ?? '';
    expect((await peek(site.url + url, { 'last-event-id': last })).status).toBe(204);
    expect((await peek(site.url + url, { 'last-event-id': '-1' })).status).toBe(200);
  },
);

test('a ticket opens nothing else', async () => {
  const { ticket } = await ticketFor({ run_id: runId });
  const refused: readonly (readonly [string, string])[] = [
    ['GET', `/runs/${runId}`],
    ['GET', `/runs/${runId}/output`],
    ['GET', `/acp/v0.2/runs/${runId}/stream`],
    ['GET', `/agent-protocol/runs/${runId}/stream`],
    ['GET', `/runs/${doneId}/stream`],
    ['GET', `/runs/${runId.toUpperCase()}/stream`],
    ['GET', `/acp/v0.2/runs/${runId}/wait`],
    ['HEAD', `/runs/${runId}/stream`],
    ['POST', `/runs/${runId}`],
    ['DELETE', `/runs/${runId}`],
    ['POST', '/runs'],
    ['POST', '/runs/search'],
    ['POST', '/stream-tickets'],
    ['GET', `/agent-protocol/threads/${threadId}/stream`],
    ['POST', `/agent-protocol/threads/${threadId}/stream`],
  ];
  for (const [method, path] of refused)
    expect([method, path, (await peek(`${site.url}${path}?ticket=${ticket}`, {}, method)).status]).toEqual([
      method,
      path,
      401,
    ]);
  const twice = await peek(`${site.url}/runs/${runId}/stream?ticket=${ticket}&ticket=${ticket}`);
  expect(twice.status).toBe(401);
  expect((await peek(`${site.url}/runs/${runId}/stream?ticket=`)).status).toBe(401);
  // A key goes before a ticket.
  const wrongKey = await peek(`${site.url}/runs/${runId}/stream?ticket=${ticket}`, {
    authorization: 'Bearer nonsense',
  });
  expect(wrongKey.status).toBe(401);
  const ownKey = await peek(`${site.url}/runs/${runId}/stream?ticket=nonsense`, { 'x-api-key': free.key });
  expect(ownKey.status).toBe(200);
});

test('a ticket for a socket upgrade is refused', async () => {
  const { ticket } = await ticketFor({ run_id: runId });
  const { hostname, port } = new URL(site.url);
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'a',
  };
  const path = `/agent-protocol/threads/${threadId}/stream?ticket=${ticket}`;
  const status = await new Promise((resolve, reject) => {
    request({ host: hostname, port, path, headers })
      .once('response', (answer) => resolve(answer.resume().statusCode))
      .once('upgrade', (_answer, socket) => resolve(socket.destroy() && 101))
      .once('error', reject)
      .end();
  });
  expect(status).toBe(401);
});

test.each([
  ['no key', null, () => ({ run_id: runId }), 401],
  ['a wrong key', 'nonsense', () => ({ run_id: runId }), 401],
  ['a key of another tenant', other.key, () => ({ run_id: runId }), 404],
  ['a key of other agents', narrow.key, () => ({ run_id: runId }), 404],
  ['a run that does not exist', free.key, () => ({ run_id: '0193b3a0-6b7c-7d2e-8f00-1234567890ab' }), 404],
  ['no run', free.key, () => ({}), 422],
  ['another member', free.key, () => ({ run_id: runId, ttl: 5 }), 422],
  ['the path of another run', free.key, () => ({ run_id: runId, path: `/runs/${doneId}/stream` }), 422],
  ['a path that streams nothing', free.key, () => ({ run_id: runId, path: `/runs/${runId}` }), 422],
  ['a path with a query', free.key, () => ({ run_id: runId, path: `/runs/${runId}/stream?a=1` }), 422],
  ['a path of another host', free.key, () => ({ run_id: runId, path: `//evil.example/runs/${runId}/stream` }), 422],
])('a ticket for %s is refused', async (_what, key, body, status) => {
  const answer = await site.ask(key, 'POST', '/stream-tickets', body() as JsonObject);
  expect([answer.status, JSON.stringify(answer.body)]).toEqual([status, expect.not.stringContaining('?ticket=')]);
});

test("a stream that was opened with a ticket counts among its key's streams", async () => {
  const { url } = await ticketFor({ run_id: runId }, limited.key);
  const controller = new AbortController();
  const first = await fetch(site.url + url, { signal: controller.signal });
  expect(first.status).toBe(200);
  expect((await peek(site.url + url)).status).toBe(429);
  controller.abort();
});

test('a page of a configured origin may read a stream that it opens with a ticket', async () => {
  const { url } = await ticketFor({ run_id: runId });
  const { status, headers } = await peek(site.url + url, { origin: page });
  expect([status, headers.get('access-control-allow-origin')]).toEqual([200, page]);
});

test('a ticket is in no line of the log, whatever becomes of its request', async () => {
  const { ticket, url } = await ticketFor({ run_id: runId });
  const [, signature = ''] = ticket.split('.');
  await peek(site.url + url);
  await peek(`${site.url}/runs/${doneId}/stream?ticket=${ticket}`);
  await peek(`${site.url}/nowhere?ticket=${ticket}`);
  await peek(`${site.url}/runs/${runId}/stream?ticket=${ticket}&ticket=${ticket}`);
  expect(site.log()).toContain(`/runs/${doneId}/stream`);
  expect(site.log()).not.toContain(signature);
});

test('a ticket outlives a restart of the gateway', async () => {
  await using own = await openAuthSite({ sections });
  const { body } = await own.ask(free.key, 'POST', '/runs', { agent_id: 'echo', input: {} });
  const { url } = await ticketFor({ run_id: (body as { run_id: string }).run_id }, free.key, own.url);
  expect((await peek(own.url + url)).status).toBe(200);
  await own.restart();
  expect((await peek(own.url + url)).status).toBe(200);
});

test('without auth a ticket is issued and taken, so that a page works with both', async () => {
  await using own = await openAuthSite();
  const { body } = await own.ask(null, 'POST', '/runs', { agent_id: 'echo', input: {} });
  const { run_id } = body as { run_id: string };
  const issued = await own.ask(null, 'POST', '/stream-tickets', { run_id });
  const { url } = issued.body as { url: string };
  expect((await peek(own.url + url)).status).toBe(200);
  expect((await peek(`${own.url}/runs/${run_id}/stream?ticket=nonsense`)).status).toBe(401);
});

const started = await startPostgres();
const reason = 'unavailable' in started ? started.unavailable : null;
describe.skipIf(reason !== null)(`over two replicas${reason === null ? '' : ` (skipped: ${reason})`}`, () => {
  afterAll(async () => {
    if (!('unavailable' in started)) await started.destroy();
  });

  test('a ticket of one replica opens the stream at another, and again at the first', async () => {
    if ('unavailable' in started) throw new Error(started.unavailable);
    await using shared = await openAuthSite({ sections, storeUrl: await started.createDatabase() });
    const { url: twin } = await shared.twin();
    const { body } = await shared.ask(free.key, 'POST', '/runs', { agent_id: 'echo', input: {} });
    const { run_id } = body as { run_id: string };
    const { url } = await ticketFor({ run_id }, free.key, shared.url);
    const back = await ticketFor({ run_id }, free.key, twin);
    for (const [at, opened] of [
      [twin, url],
      [shared.url, url],
      [shared.url, back.url],
    ])
      expect((await peek(`${at}${opened}`)).status).toBe(200);
  }, 60_000);
});
