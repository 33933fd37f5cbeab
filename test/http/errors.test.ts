import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { anonymous } from '../../src/access/principals.ts';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import { RequestIds } from '../../src/http/request-id.ts';
import { absentId, runId } from '../protocols/scripted-api.ts';
import { openSite } from './app.ts';

const json = { 'content-type': 'application/json' };

describe('routes', () => {
  test.each(['/', '/run', '/runs/x/y', `/runs/${runId}/outputs`, '/acp/v0.1', '/acp/v0.1x/runs', '/RUNS/search'])(
    'GET %s, which no route has, is answered with 404',
    async (path) => {
      await using site = await openSite();
      const answer = await site.fetch(path);
      expect([answer.status, await answer.json()]).toEqual([404, `no such path: GET ${path}`]);
    },
  );

  test.each([
    ['PUT', '/runs', 'POST, OPTIONS'],
    ['GET', '/runs', 'POST, OPTIONS'],
    ['PATCH', `/runs/${runId}`, 'HEAD, GET, POST, DELETE, OPTIONS'],
    ['POST', `/runs/${runId}/stream`, 'HEAD, GET, OPTIONS'],
    ['GET', '/runs/search', 'POST, OPTIONS'],
    ['DELETE', '/acp/v0.1/runs/search', 'POST, OPTIONS'],
    ['PROPFIND', '/agents/search', 'POST, HEAD, GET, OPTIONS'],
  ])('%s %s is answered with 405 and the methods that the path takes', async (method, path, allow) => {
    await using site = await openSite();
    const answer = await site.fetch(path, { method });
    const said: unknown = await answer.json();
    expect([answer.status, said]).toEqual([
      405,
      expect.stringMatching(/^the path does not take this method: it takes /),
    ]);
    for (const each of allow.split(', ')) if (each !== 'OPTIONS') expect(said).toContain(each);
    expect(said).toMatch(new RegExp(`, and not ${method}$`));
    expect(new Set(answer.headers.get('allow')?.split(', '))).toEqual(new Set(allow.split(', ')));
  });

  test.each([
    ['/runs/', 'POST, OPTIONS'],
    ['/acp/v0.1/runs/', 'POST, OPTIONS'],
    [`/runs/${runId}/`, 'HEAD, GET, POST, DELETE, OPTIONS'],
    [`/runs/${runId}/output/`, 'HEAD, GET, OPTIONS'],
  ])('%s, with one slash at its end, is the path without it, and with two none', async (path, allow) => {
    await using site = await openSite();
    const answer = await site.fetch(path, { method: 'OPTIONS' });
    expect(new Set(answer.headers.get('allow')?.split(', '))).toEqual(new Set(allow.split(', ')));
    expect((await site.fetch(`${path}/`, { method: 'OPTIONS' })).status).toBe(404);
  });

  test('OPTIONS is answered with the methods that a path takes', async () => {
    await using site = await openSite();
    const answer = await site.fetch(`/runs/${runId}/output`, { method: 'OPTIONS' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([204, 'HEAD, GET, OPTIONS']);
    expect((await site.fetch('/nowhere', { method: 'OPTIONS' })).status).toBe(404);
  });
});

describe('bodies', () => {
  const malformed: readonly (readonly [body: string, detail: string])[] = [
    ['{"a":', ''],
    ['{"a":1,}', ': see position 7'],
    ['nope', ''],
    ['{"a":1}{', ': see position 7'],
    ['{"input":{"__proto__":{"a":1}}}', ': the key "__proto__" is not taken'],
  ];
  test.each(malformed)('the body %s is refused as malformed, and nothing of it is logged', async (body, detail) => {
    await using site = await openSite();
    const answer = await site.post('/runs', body);
    expect(answer.status).toBe(422);
    expect(await answer.json()).toBe(`the request body is not valid JSON${detail}`);
    // Bodies do not belong in the log either.
    expect(JSON.stringify(site.lines)).not.toContain('input');
  });

  test('a body at the size limit is accepted, a larger one is refused with 413, and the connection stays usable', async () => {
    await using site = await openSite();
    const bodyOf = (length: number) => JSON.stringify({ input: { a: 'x'.repeat(length - 18) } });
    expect(bodyOf(10_000)).toHaveLength(10_000);
    expect((await site.post('/runs', bodyOf(10_000))).status).toBe(200);
    const over = await site.post('/runs', bodyOf(10_001));
    const message = 'the request body is too large: at most 10000 bytes are taken';
    expect([over.status, await over.json()]).toEqual([413, message]);
    // More than the system's buffers hold: what is left unread would block the next request.
    const part = 'x'.repeat(10_000_000);
    const chunked = `POST /runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${part.length.toString(16)}\r\n${part}\r\n0\r\n\r\n`;
    const next = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    const answers = await (await site.raw(chunked + next)).ended;
    expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200']);
  });

  test('a packed body is measured unpacked, and one that cannot be unpacked is refused', async () => {
    await using site = await openSite();
    const send = (text: string, encoding: string) =>
      site.fetch('/runs', {
        method: 'POST',
        headers: { ...json, 'content-encoding': encoding },
        body: gzipSync(text),
      });
    expect((await send('{"input":{"a":1}}', 'gzip')).status).toBe(200);
    expect((await send(`"${'x'.repeat(1_000_000)}"`, 'gzip')).status).toBe(413);
    expect((await send('{}', 'zip')).status).toBe(415);
    const broken = await site.post('/runs', 'not packed', { 'content-encoding': 'gzip' });
    const message = 'the request body is not valid JSON: the content encoding is broken';
    expect([broken.status, await broken.json()]).toEqual([422, message]);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', ''])(
    'a body of the type "%s" is refused with 415',
    async (type) => {
      await using site = await openSite();
      const answer = await site.fetch('/runs', {
        method: 'POST',
        headers: type === '' ? {} : { 'content-type': type },
        body: new TextEncoder().encode('{}'),
      });
      expect([answer.status, await answer.json()]).toEqual([415, 'the request body must be application/json']);
    },
  );

  test.each(['Application/JSON', 'application/json; charset=utf-8', 'application/json;charset="UTF8"'])(
    'a body of the type "%s" is read as UTF-8',
    async (type) => {
      await using site = await openSite();
      expect((await site.post('/runs', { input: { a: 'é€' } }, { 'content-type': type })).status).toBe(200);
      expect(site.api.runs.created[0]?.request.input).toEqual({ a: 'é€' });
    },
  );

  test('a body may begin with a byte order mark, and a byte order mark alone is an empty body', async () => {
    await using site = await openSite();
    expect((await site.post('/runs', '\uFEFF{"input":{}}')).status).toBe(200);
    const alone = await site.post('/runs', '\uFEFF');
    expect([alone.status, await alone.json()]).toEqual([422, 'the request is not valid: the body is required']);
  });

  test('a body that is nested deeper than the limit is refused with 422', async () => {
    await using site = await openSite({ limits: { maxJsonDepth: 10 } });
    const nested = (depth: number) => `{"input":${'{"a":'.repeat(depth - 1)}1${'}'.repeat(depth)}`;
    expect((await site.post('/runs', nested(10))).status).toBe(200);
    const answer = await site.post('/runs', nested(11));
    const message = 'the request is not valid: the body is nested deeper than 10 levels';
    expect([answer.status, await answer.json()]).toEqual([422, message]);
  });
});

describe('faults', () => {
  test('an internal fault is answered with 500 that reveals nothing of it, and is logged whole', async () => {
    await using site = await openSite();
    const failure = new Error('password=hunter2 at /srv/db');
    site.api.runs.failure = failure;
    for (const accept of ['*/*', 'application/problem+json']) {
      const answer = await site.fetch(`/runs/${runId}`, { headers: { accept, 'x-request-id': 'r-1' } });
      const text = await answer.text();
      expect(answer.status).toBe(500);
      expect(text).toContain('internal error');
      expect(text).not.toMatch(/hunter2|srv|\.ts|at /);
    }
    const fields = { request_id: 'r-1', method: 'GET', path: `/runs/${runId}`, code: 'internal', err: failure };
    const line = { level: 'error', message: 'request failed', fields };
    expect(site.lines).toEqual([line, line]);
  });

  test('a fault that passes is answered with Retry-After', async () => {
    await using site = await openSite();
    site.api.runs.failure = new GatewayError('storage_unavailable', { retryAfterSeconds: 3, cause: new Error('disk') });
    const answer = await site.post('/runs', {});
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '3']);
    expect(await answer.json()).toBe('the store does not answer; nothing was accepted');
  });
});

describe('problem+json', () => {
  test.each([
    ['application/problem+json', true],
    ['application/problem+json, application/json', true],
    // Of equals the first one is preferred.
    ['application/json, application/problem+json', false],
    ['text/html, Application/Problem+JSON;q=0.9, */*;q=0.1', true],
    ['application/json;q=0.5, application/problem+json;q=0.6', true],
    ['application/json, application/problem+json;q=0.5', false],
    ['application/problem+json;q=0', false],
    ['application/json', false],
    ['*/*', false],
  ])('whether an error is problem+json for Accept: %s is %s', async (accept, isProblem) => {
    await using site = await openSite();
    const answer = await site.fetch(`/runs/${absentId}`, { headers: { accept } });
    expect(answer.headers.get('content-type')).toBe(isProblem ? 'application/problem+json' : 'application/json');
    expect(answer.headers.get('vary')).toBe('Accept');
  });

  test('a problem+json error holds what the plain error says, and its code', async () => {
    await using site = await openSite();
    const headers = { accept: 'application/problem+json', 'x-request-id': 'r-1' };
    const refused = await site.post('/runs', { inptu: 1 }, headers);
    expect([refused.status, await refused.json()]).toEqual([
      422,
      {
        type: 'urn:rungate:problem:invalid_request',
        title: 'the request is not valid',
        status: 422,
        detail: 'inptu is not a known member; did you mean "input"?',
        code: 'invalid_request',
        path: 'inptu',
        retryable: false,
        request_id: 'r-1',
      },
    ]);
    const unrouted = await site.fetch('/nowhere', { headers });
    expect([unrouted.status, await unrouted.json()]).toMatchObject([404, { code: 'route_not_found' }]);
  });

  test('an error outside every protocol is problem+json', async () => {
    const { protocol } = await import('./app.ts');
    await using site = await openSite({ mounts: [{ protocol, prefix: '/acp' }] });
    const answer = await site.fetch('/nowhere');
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect((await site.fetch(`/acp/runs/${absentId}`)).headers.get('content-type')).toBe('application/json');
  });
});

describe('X-Request-Id', () => {
  test('X-Request-Id of an answer or an error is the one that the client sent', async () => {
    await using site = await openSite();
    for (const path of [`/runs/${runId}`, '/nowhere', '/health/live']) {
      const answer = await site.fetch(path, { headers: { 'x-request-id': 'trace:1/a=b' } });
      expect(answer.headers.get('x-request-id')).toBe('trace:1/a=b');
    }
  });

  test.each([undefined, 'two words', '<script>', 'x'.repeat(129)])(
    'X-Request-Id is a new one where the client sent %s',
    async (sent) => {
      await using site = await openSite();
      const headers: Record<string, string> = sent === undefined ? {} : { 'x-request-id': sent };
      const ids = await Promise.all(
        [1, 2].map(async () => (await site.fetch(`/runs/${runId}`, { headers })).headers.get('x-request-id')),
      );
      for (const id of ids) expect(id).toMatch(/^[\w-]{16}$/);
      expect(new Set(ids).size).toBe(2);
    },
  );

  test('a generated X-Request-Id is never repeated', () => {
    const ids = new RequestIds();
    const request = new IncomingMessage(new Socket());
    expect(new Set(Array.from({ length: 2000 }, () => ids.read(request))).size).toBe(2000);
  });
});

test('a request acts for the tenant that authentication finds, or is refused', async () => {
  await using site = await openSite({
    authenticate: ({ headers }) => {
      if (headers['x-team'] === undefined) throw new GatewayError('route_not_found');
      return { ...anonymous, tenant: String(headers['x-team']) };
    },
  });
  await site.fetch(`/runs/${runId}`, { headers: { 'x-team': 'blue' } });
  expect(site.api.runs.keys).toEqual([{ tenant: 'blue', runId }]);
  expect((await site.fetch(`/runs/${runId}`)).status).toBe(404);
  expect(site.api.runs.keys).toHaveLength(1);
});

const long = 'x'.repeat(9000);
const echoes: readonly (readonly [string, string, string, object])[] = [
  ['the name of an agent', 'POST', '/runs', { agent_id: long }],
  ['an unknown member', 'POST', '/runs', { [long]: 1 }],
  ['many unknown members', 'POST', '/runs', Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`key-${n}`, 1]))],
  ['the key of an input that is refused', 'POST', '/runs/search', { metadata: 1, [long]: 1 }],
  ['a status', 'POST', '/runs/search', { status: long }],
];

test.each(echoes)(
  'an answer repeats no more than a little of what its request held: %s',
  async (_name, _method, path, body) => {
    await using site = await openSite();
    const answer = await site.post(path, JSON.stringify(body), { accept: 'application/problem+json' });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect((await answer.text()).length).toBeLessThan(5000);
    for (const line of site.lines) expect(JSON.stringify(line).length).toBeLessThan(12_000);
  },
);

test('the detail and the path of an error are cut, whatever they repeat', () => {
  const error = new GatewayError('invalid_request', { path: long, detail: long });
  expect(error.message.length).toBeLessThan(2100);
  expect(error.detail).toContain('… (18001 characters)');
  expect(error.path).toContain('… (9000 characters)');
});
