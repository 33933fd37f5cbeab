import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { ConsoleSessions, sessionHeader } from '../../src/access/console-sessions.ts';
import { hashKey, principalOf } from '../../src/access/key-ring.ts';
import { noLimits } from '../../src/access/principals.ts';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import { type AuthSite, keyOf, openAuthSite } from './auth-site.ts';

const ops = keyOf('ops', { role: 'operator' });
const viewer = keyOf('viewer', { role: 'viewer' });
const plain = keyOf('plain');
const sections = { auth: { keys: [ops.entry, viewer.entry, plain.entry] } };
const base64urlDigits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

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
    // Each other last character, also those that decode to the same bytes.
    for (const last of base64urlDigits.replace(cookie.at(-1) ?? '', ''))
      expect((await call(site, '/admin/v1/whoami', cookie.slice(0, -1) + last)).status, last).toBe(401);
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

describe('a session', () => {
  const store = { secret: async () => Buffer.alloc(32, 7) };
  const config = (...entries: readonly ReturnType<typeof keyOf>[]) => ({
    jwt: null,
    keys: entries.map(({ key }) => ({
      ...{ sha256: hashKey(key), name: 'ops', tenant: 'platform', agents: null, limits: noLimits },
      role: 'operator' as const,
    })),
  });
  const refuseAll = () => {
    throw new GatewayError('unauthorized', { detail: 'asked for a key' });
  };
  const [first] = config(ops).keys;

  async function request(): Promise<IncomingMessage> {
    if (first === undefined) throw new Error('there is no key');
    const { value } = await new ConsoleSessions({ store, auth: config(ops), nowMs: () => 0 }).issue(principalOf(first));
    const headers = { cookie: `other=1; rungate_session=${value}` };
    return { method: 'GET', url: '/admin/v1/whoami', headers } as unknown as IncomingMessage;
  }

  test('a session ends after twelve hours', async () => {
    const asked = await request();
    const at = (hours: number) => new ConsoleSessions({ store, auth: config(ops), nowMs: () => hours * 3_600_000 });
    expect(await at(11.9).admit(refuseAll)(asked)).toMatchObject({ name: 'ops', role: 'operator' });
    await expect(at(12).admit(refuseAll)(asked)).rejects.toMatchObject({ detail: 'the session is over' });
  });

  test('a session ends when its key leaves the config, and one of another secret is none', async () => {
    const asked = await request();
    const other = new ConsoleSessions({ store, auth: config(viewer), nowMs: () => 0 });
    await expect(other.admit(refuseAll)(asked)).rejects.toMatchObject({ detail: 'the session is over' });
    const foreign = { secret: async () => Buffer.alloc(32, 8) };
    const elsewhere = new ConsoleSessions({ store: foreign, auth: config(ops), nowMs: () => 0 });
    await expect(elsewhere.admit(refuseAll)(asked)).rejects.toMatchObject({ code: 'unauthorized' });
  });
});
