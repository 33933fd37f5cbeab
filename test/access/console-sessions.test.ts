import { describe, expect, test } from 'vitest';
import { sessionHeader } from '../../src/access/console-sessions.ts';
import { type AuthSite, keyOf, openAuthSite } from './auth-site.ts';

const ops = keyOf('ops', { role: 'operator' });
const viewer = keyOf('viewer', { role: 'viewer' });
const plain = keyOf('plain');
const sections = { auth: { keys: [ops.entry, viewer.entry, plain.entry] } };

async function logIn(site: AuthSite, key: string, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(`${site.url}/console/session`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, ...headers },
  });
}

async function cookieOf(site: AuthSite, key: string): Promise<string> {
  return (await logIn(site, key)).headers.get('set-cookie')?.split(';')[0] ?? '';
}

const call = (site: AuthSite, path: string, cookie: string, init: RequestInit = {}) =>
  fetch(site.url + path, { ...init, headers: { cookie, ...init.headers } });

describe('sessions of the console', { timeout: 30_000 }, () => {
  test('a session opens the admin API to its key, at every process on the store and over a restart', async () => {
    await using site = await openAuthSite({ sections });
    const cookie = await cookieOf(site, viewer.key);
    expect(await (await call(site, '/admin/v1/whoami', cookie)).json()).toMatchObject({ name: 'viewer' });
    await site.restart();
    expect(await (await call(site, '/admin/v1/whoami', cookie)).json()).toMatchObject({ name: 'viewer' });
  });

  test('a session acts only with the header that pages of other sites cannot send', async () => {
    await using site = await openAuthSite({ sections });
    const cookie = await cookieOf(site, ops.key);
    const act = (headers: Record<string, string>) =>
      call(site, '/admin/v1/webhooks:redrive', cookie, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json', ...headers },
      });
    const refused = await act({});
    expect([refused.status, await refused.json()]).toMatchObject([403, { error: { code: 'origin_forbidden' } }]);
    expect((await act({ [sessionHeader]: '1' })).status).toBe(200);
  });

  test('a session opens no other path, and nothing with a changed or foreign signature', async () => {
    await using site = await openAuthSite({ sections });
    const cookie = await cookieOf(site, ops.key);
    expect((await call(site, '/agents/search', cookie, { method: 'POST' })).status).toBe(401);
    const changed = cookie.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    expect((await call(site, '/admin/v1/whoami', changed)).status).toBe(401);
    // The secret signs tickets as well, for another purpose.
    const asked = await site.ask(ops.key, 'POST', '/runs', { agent_id: 'scrape', input: {} });
    const { run_id } = asked.body as { run_id: string };
    const { body } = await site.ask(ops.key, 'POST', '/stream-tickets', { run_id });
    const { ticket } = body as { ticket: string };
    expect((await call(site, '/admin/v1/whoami', `rungate_session=${ticket}`)).status).toBe(401);
  });

  test('a key without a role gets no session', async () => {
    await using site = await openAuthSite({ sections });
    const refused = await logIn(site, plain.key);
    expect([refused.status, refused.headers.get('set-cookie')]).toEqual([403, null]);
  });

  test('the cookie of a session is hidden from scripts and from other sites, and kept to TLS where the browser speaks it', async () => {
    await using site = await openAuthSite({ sections });
    const plainCookie = (await logIn(site, ops.key)).headers.get('set-cookie');
    expect(plainCookie).toMatch(/; Path=\/admin\/v1; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    const { host } = new URL(site.url);
    const secure = await logIn(site, ops.key, { origin: `https://${host}` });
    expect(secure.headers.get('set-cookie')).toMatch(/; Secure$/);
  });
});
