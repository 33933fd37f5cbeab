import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type AuthSite, keyOf, openAuthSite } from './auth-site.ts';

const full = keyOf('full', { tenant: 'acme' });
const narrow = keyOf('narrow', { tenant: 'acme', agents: ['scrape'] });
const other = keyOf('other', { tenant: 'other' });

let site: AuthSite;
const as = (key: string | null) => (method: string, path: string, body?: JsonObject) =>
  site.ask(key, method, path, body);
const idOf = ({ body }: { body: unknown }): string => (body as { run_id: string }).run_id;

beforeAll(async () => {
  site = await openAuthSite({ sections: { auth: { keys: [full.entry, narrow.entry, other.entry] } } });
});
afterAll(() => site[Symbol.asyncDispose]());

describe('requests without a valid key', () => {
  const wrong = [
    'rungate_wrong',
    full.key.slice(0, -1),
    `${full.key}x`,
    full.key.toUpperCase(),
    full.entry.sha256 as string,
  ];

  test.each(wrong)('a request with %s as its key is refused', async (key) => {
    const answer = await as(key)('POST', '/runs', { input: {} });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="rungate", error="invalid_token"');
    expect(answer.body).toBe('a key or a token that the gateway knows is required');
  });

  test('a request without a key is answered with how to send one', async () => {
    const answer = await as(null)('GET', '/runs/0193b3a0-6b7c-7d2e-8f00-1234567890ab');
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="rungate"');
    expect(answer.body).toMatch(/Authorization: Bearer/);
  });

  test('a request without a valid key is refused before it is validated', async () => {
    const answers = [
      as(null)('POST', '/runs', { nonsense: true }),
      as(null)('GET', '/runs/search'),
      as(null)('GET', '/runs/x'),
    ];
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([401, 401, 401]);
  });

  test('a request without a valid key is refused in the words of each protocol', async () => {
    const bodies = await Promise.all(
      ['/acp/v0.1', '/acp/v0.2', '/agent-protocol'].map((at) => as(null)('POST', `${at}/runs`, {})),
    );
    expect(bodies.map(({ status, body }) => [status, typeof body])).toEqual([
      [401, 'string'],
      [401, 'string'],
      [401, 'object'],
    ]);
    const problem = await fetch(`${site.url}/runs`, {
      method: 'POST',
      headers: { accept: 'application/problem+json' },
    });
    expect(await problem.json()).toMatchObject({ status: 401, code: 'unauthorized' });
  });

  test('health probes need no key', async () => {
    expect((await as(null)('GET', '/health/live')).status).toBe(200);
  });
});

describe('valid keys', () => {
  const read = async (headers: Record<string, string>) => {
    const sent = { 'content-type': 'application/json', ...headers };
    return (await fetch(`${site.url}/runs/search`, { method: 'POST', headers: sent, body: '{}' })).status;
  };

  test('a key is sent as a bearer token, in any case, or as x-api-key', async () => {
    expect(await read({ authorization: `Bearer ${full.key}` })).toBe(200);
    expect(await read({ authorization: `bearer  ${full.key} ` })).toBe(200);
    expect(await read({ 'x-api-key': full.key })).toBe(200);
    // A proxy in between may use the other header.
    expect(await read({ 'x-api-key': full.key, authorization: 'Basic dXNlcjpwYXNz' })).toBe(200);
  });

  test('a valid X-Api-Key does not help an invalid bearer token', async () => {
    expect(await read({ authorization: 'Bearer wrong', 'x-api-key': full.key })).toBe(401);
    expect(await read({ authorization: full.key })).toBe(401);
    expect(await read({ authorization: `Bearer ${full.key}, Bearer x` })).toBe(401);
  });

  test('a key is never logged', async () => {
    await as('rungate_mistyped-key')('POST', '/runs', {});
    expect(site.log()).toContain('unauthorized');
    expect(site.log()).not.toMatch(/rungate_(mistyped|test|wrong)/);
  });
});

describe('a key that is for some agents', () => {
  test('a key for some agents starts only those, and is refused others whether they exist or not', async () => {
    expect(
      (await as(narrow.key)('POST', '/runs', { agent_id: 'scrape', input: { url: 'https://a.example' } })).status,
    ).toBe(200);
    for (const agent_id of ['echo', 'approval', 'no-such-agent', '7f0c2f6e-0d2e-5f43-9f43-0b8f6f1d2a11']) {
      const refused = await as(narrow.key)('POST', '/runs', { agent_id, input: {} });
      expect([agent_id, refused.status, refused.body]).toEqual([agent_id, 403, 'the key may not use this agent']);
    }
    // The default agent is echo.
    expect((await as(narrow.key)('POST', '/runs', { input: {} })).status).toBe(403);
    expect((await as(full.key)('POST', '/runs', { agent_id: 'no-such-agent', input: {} })).status).toBe(404);
  });

  test('a key for some agents sees no other agents', async () => {
    const names = async (key: string, body = {}) =>
      ((await as(key)('POST', '/agents/search', body)).body as { metadata: { ref: { name: string } } }[]).map(
        (each) => each.metadata.ref.name,
      );
    expect(await names(narrow.key)).toEqual(['scrape']);
    expect(await names(narrow.key, { limit: 1, offset: 1 })).toEqual([]);
    expect(await names(narrow.key, { name: 'echo' })).toEqual([]);
    expect(await names(full.key)).toEqual(['echo', 'scrape', 'approval']);
    expect((await as(narrow.key)('GET', '/agents/scrape')).status).toBe(200);
    const [hidden, missing] = await Promise.all(
      ['echo', 'nothing'].map((name) => as(narrow.key)('GET', `/agents/${name}`)),
    );
    const named = (name: string) => `no such agent: "${name}"; POST /agents/search lists them`;
    expect([hidden?.status, hidden?.body, missing?.status, missing?.body]).toEqual([
      ...[404, named('echo')],
      ...[404, named('nothing')],
    ]);
    // The nearest name is one that the key may use.
    expect((await as(narrow.key)('GET', '/agents/ech')).body).toBe(named('ech'));
    expect((await as(narrow.key)('GET', '/agents/scrap')).body).toContain('did you mean "scrape"?');
  });

  test('a key for some agents sees no runs of other agents of its tenant', async () => {
    const run = idOf(await as(full.key)('POST', '/runs', { agent_id: 'echo', input: {} }));
    const own = idOf(await as(full.key)('POST', '/runs', { agent_id: 'scrape', input: { url: 'https://a.example' } }));
    const paths = [`/runs/${run}`, `/runs/${run}/output`, `/runs/${run}/stream`];
    const answers = await Promise.all(paths.map((path) => as(narrow.key)('GET', path)));
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    expect((await as(narrow.key)('DELETE', `/runs/${run}`)).status).toBe(404);
    expect((await as(narrow.key)('POST', `/runs/${run}`, { a: 1 })).status).toBe(404);
    const found = (await as(narrow.key)('POST', '/runs/search', { limit: 100 })).body as { run_id: string }[];
    expect(found.map(({ run_id }) => run_id)).toContain(own);
    expect(found.map(({ run_id }) => run_id)).not.toContain(run);
    expect((await as(narrow.key)('POST', '/runs/search', { agent_id: 'echo' })).body).toEqual([]);
    expect((await as(narrow.key)('GET', `/runs/${own}`)).status).toBe(200);
    expect((await as(full.key)('GET', `/runs/${run}`)).status).toBe(200);
  });

  test('a key for some agents sees and joins no threads of other agents', async () => {
    const thread = ((await as(full.key)('POST', '/acp/v0.2/threads', {})).body as { thread_id: string }).thread_id;
    const asked = { agent_id: 'echo', thread_id: thread, input: {} };
    expect((await as(full.key)('POST', '/runs', asked)).status).toBe(200);
    expect((await as(narrow.key)('GET', `/acp/v0.2/threads/${thread}`)).status).toBe(404);
    const join = { agent_id: 'scrape', thread_id: thread, input: { url: 'https://a.example' } };
    expect((await as(narrow.key)('POST', '/runs', join)).status).toBe(404);
    const found = (await as(narrow.key)('POST', '/acp/v0.2/threads/search', { limit: 100 })).body as {
      thread_id: string;
    }[];
    expect(found.map(({ thread_id }) => thread_id)).not.toContain(thread);
    expect((await as(full.key)('GET', `/acp/v0.2/threads/${thread}`)).status).toBe(200);
  });
});

test("a key of another tenant shares nothing but the gateway's agents", async () => {
  const run = idOf(await as(full.key)('POST', '/runs', { input: {} }));
  expect((await as(other.key)('GET', `/runs/${run}`)).status).toBe(404);
  expect((await as(other.key)('POST', '/runs/search', {})).body).toEqual([]);
  expect((await as(other.key)('GET', '/agents/echo')).status).toBe(200);
});
