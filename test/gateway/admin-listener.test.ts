import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { adapters } from '../../adapters/index.ts';
import { loadConfig, parseConfig } from '../../src/config/load.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { type Gateway, startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/observability/log.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { call, keys } from './admin-site.ts';

const folder = mkdtempSync(join(tmpdir(), 'rungate-admin-'));
const file = join(folder, 'rungate.yaml');
const sandbox = await startSandbox();
afterAll(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true, force: true });
});

const textOf = (sections: JsonObject): string =>
  JSON.stringify({
    server: { port: 0, metrics: true },
    store: { url: 'sqlite::memory:' },
    ...sections,
    backends: { restack: { adapter: 'restack', baseUrl: sandbox.restackUrl } },
    agents: [{ name: 'approval', backend: 'restack', target: { agent: 'ApprovalAgent' } }],
  });
const options = { file, env: {}, registry: adapters };

async function start(sections: JsonObject): Promise<Gateway & AsyncDisposable> {
  writeFileSync(file, textOf(sections));
  const read = (text: string | null) => (text === null ? loadConfig(file, {}, adapters) : parseConfig(text, options));
  const gateway = await startGateway(await read(null), createLog({ level: 'silent', secrets: [] }), { read });
  return { ...gateway, [Symbol.asyncDispose]: () => gateway.stop() };
}

const get = async (url: string | null, path: string, headers: Record<string, string> = {}) =>
  await fetch(`${url}${path}`, { headers });

describe('where the admin API is served', () => {
  test('without auth it is open to this machine, and closed to pages of other sites and to other host names', async () => {
    await using gateway = await start({});
    const whoami = await get(gateway.url, '/admin/v1/whoami');
    expect([whoami.status, await whoami.json()]).toEqual([
      200,
      { name: 'anonymous', tenant: 'default', role: 'operator' },
    ]);
    expect((await get(gateway.url, '/admin/v1/whoami', { origin: 'https://evil.example' })).status).toBe(403);
    expect((await get(gateway.url, '/admin/v1/openapi.json')).status).toBe(200);
    expect(gateway.adminUrl).toBeNull();
  });

  test('with auth: none it is not served beside the runs, and on a loopback port of its own it is', async () => {
    await using without = await start({ auth: 'none' });
    expect((await get(without.url, '/admin/v1/whoami')).status).toBe(404);
    await using gateway = await start({ auth: 'none', admin: { port: 0 } });
    expect((await get(gateway.url, '/admin/v1/whoami')).status).toBe(404);
    expect((await get(gateway.adminUrl, '/admin/v1/whoami')).status).toBe(200);
    expect((await get(gateway.adminUrl, '/admin/v1/whoami', { origin: 'https://evil.example' })).status).toBe(403);
  });

  test('its own port has health, metrics and its document, and no runs', async () => {
    await using gateway = await start({ auth: { keys }, admin: { port: 0 } });
    expect(gateway.adminUrl).not.toBe(gateway.url);
    const statuses = async (url: string | null) =>
      Promise.all(
        ['/health/ready', '/metrics', '/admin/v1/openapi.json', '/acp/v0.1/openapi.json'].map(
          async (path) => (await get(url, path)).status,
        ),
      );
    expect(await statuses(gateway.adminUrl)).toEqual([200, 200, 200, 404]);
    expect((await get(gateway.url, '/admin/v1/openapi.json')).status).toBe(404);
    expect((await call(gateway.adminUrl ?? '', 'whoami')).body).toMatchObject({ role: 'operator' });
    const push = await fetch(`${gateway.adminUrl}/push/restack/x`, { method: 'POST', body: '{}' });
    expect(push.status).toBe(404);
  });

  test('it can be turned off', async () => {
    await using gateway = await start({ admin: { enabled: false } });
    expect((await get(gateway.url, '/admin/v1/whoami')).status).toBe(404);
  });

  test.each([
    [
      { admin: { port: 1, host: '0.0.0.0' } },
      /admin\.host: "0\.0\.0\.0" lets other machines operate the gateway without a key/,
    ],
    [{ auth: 'none', admin: { port: 1, host: '0.0.0.0' } }, /admin\.host: "0\.0\.0\.0" lets other machines operate/],
    [{ auth: { keys: [{ ...keys[0], role: 'admin' }] } }, /auth\.keys\[0\]\.role/],
  ] as const)('the config %j is refused', async (sections, message) => {
    await expect(parseConfig(textOf(sections as unknown as JsonObject), options)).rejects.toThrow(message);
  });
});

describe('the config of a file', () => {
  test('a check shows what a changed file, or a text in its place, would change, and what is wrong with it', async () => {
    await using gateway = await start({ auth: { keys } });
    const { body: before } = await call(gateway.url, 'get_config', { query: 'compare=true' });
    expect(before.check).toMatchObject({ problems: [], hash: before.hash, changes: [] });
    writeFileSync(file, textOf({ auth: { keys: keys.slice(1) }, limits: { cacheRuns: 7 } }));
    const { body: after } = await call(gateway.url, 'get_config', { query: 'compare=true' });
    expect(after.hash).toBe(before.hash);
    expect((after.check as JsonObject).hash).not.toBe(before.hash);
    expect((after.check as { readonly changes: readonly Json[] }).changes).toEqual(
      expect.arrayContaining([
        { path: 'limits.cacheRuns', before: 10_000, after: 7 },
        { path: 'auth.keys.ops', before: expect.objectContaining({ role: 'operator' }), after: null },
      ]),
    );
    const { body: checked } = await call(gateway.url, 'check_config', { body: { text: 'agents: 5' } });
    expect(checked).toMatchObject({ hash: null, changes: [] });
    expect(String((checked.problems as readonly string[]).join('\n'))).toContain('agents');
  });
});
