import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import { openSite } from '../http/app.ts';
import { runId, runOf } from '../protocols/scripted-api.ts';

const guards = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};
const pick = (headers: Headers, names: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.keys(names).map((name) => [name, headers.get(name)]));

describe('every answer', () => {
  test.each([`/runs/${runId}`, '/runs/nonsense', '/no/such/path', '/health/live'])(
    'the answer of %s has the security headers',
    async (path) => {
      await using site = await openSite();
      const { headers } = await site.fetch(path);
      expect(pick(headers, guards)).toEqual(guards);
      expect([headers.get('x-powered-by'), headers.get('server')]).toEqual([null, null]);
    },
  );

  test('headers of an earlier step stay next to the security headers', async () => {
    const origin = 'https://app.example';
    await using site = await openSite({ origins: [origin] });
    site.api.runs.byId.set(runId, runOf({}));
    const ask = (headers: Record<string, string>) =>
      site.fetch(`/runs/${runId}`, { headers: { ...headers, 'x-request-id': 'r-1' } });
    const own = { 'x-request-id': 'r-1', 'content-type': 'application/json' };
    for (const known of [await ask({}), await ask({ origin })]) {
      const policy = known.headers.has('access-control-allow-origin') ? 'cross-origin' : 'same-origin';
      const expected = { ...guards, ...own, 'cross-origin-resource-policy': policy };
      expect(pick(known.headers, expected)).toEqual(expected);
      expect(known.headers.get('content-length')).toBe(String(Buffer.byteLength(await known.text())));
    }
    expect((await ask({ origin })).headers.get('access-control-allow-origin')).toBe(origin);
    // Nothing was said before.
    await using plain = await openSite();
    plain.api.runs.byId.set(runId, runOf({}));
    const answer = await plain.fetch(`/runs/${runId}`, { headers: { 'x-request-id': 'r-1' } });
    expect(pick(answer.headers, { ...guards, ...own })).toEqual({ ...guards, ...own });
    expect(answer.headers.get('content-length')).toBe(String(Buffer.byteLength(await answer.text())));
  });

  test('a stream has the security headers and its own Cache-Control', async () => {
    await using site = await openSite();
    site.api.runs.script = (feed) => feed.give(null);
    const { headers } = await site.fetch(`/runs/${runId}/stream`);
    expect(pick(headers, guards)).toEqual({ ...guards, 'cache-control': 'no-cache, no-transform' });
  });
});

describe('pages of other origins', () => {
  const origin = 'https://app.example';
  const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };

  test('pages of other origins may read nothing by default', async () => {
    await using site = await openSite();
    const answer = await site.fetch(`/runs/${runId}`, { headers: { origin } });
    const asked = await site.fetch('/runs', { method: 'OPTIONS', headers: { origin, ...preflight } });
    for (const { headers } of [answer, asked]) expect([...headers.keys()].join()).not.toContain('access-control');
  });

  test('pages of configured origins may read answers and errors', async () => {
    await using site = await openSite({ origins: [origin] });
    for (const path of [`/runs/${runId}`, '/runs/nonsense']) {
      const { headers } = await site.fetch(path, { headers: { origin } });
      expect(headers.get('access-control-allow-origin')).toBe(origin);
      expect(headers.get('access-control-expose-headers')).toContain('X-Request-Id');
      expect(headers.get('access-control-allow-credentials')).toBeNull();
      expect(headers.get('vary')).toContain('Origin');
    }
    const asked = await site.fetch('/runs', { method: 'OPTIONS', headers: { origin, ...preflight } });
    expect(asked.status).toBe(204);
    expect(asked.headers.get('access-control-allow-methods')).toContain('DELETE');
    expect(asked.headers.get('access-control-allow-headers')).toContain('Idempotency-Key');
  });

  test.each(['https://app.example.evil', 'https://app.example:8443', 'http://app.example', 'null'])(
    'pages of %s may read nothing',
    async (other) => {
      await using site = await openSite({ origins: [origin] });
      const { headers } = await site.fetch(`/runs/${runId}`, { headers: { origin: other } });
      expect(headers.get('access-control-allow-origin')).toBeNull();
      expect(headers.get('vary')).toContain('Origin');
    },
  );

  test('a preflight needs no key', async () => {
    const authenticate = () => {
      throw new GatewayError('unauthorized');
    };
    await using site = await openSite({ origins: ['*'], authenticate });
    const asked = await site.fetch('/runs', { method: 'OPTIONS', headers: { origin, ...preflight } });
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
    const answer = await site.fetch(`/runs/${runId}`, { headers: { origin } });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([401, '*']);
  });
});
