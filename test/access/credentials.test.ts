import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { keyOf, openAuthSite } from './auth-site.ts';

const tenants = ['blue', 'red', 'green'] as const;
const keys = Object.fromEntries(tenants.map((tenant) => [tenant, keyOf(tenant, { tenant })]));
const keyFor = (tenant: string): string => keys[tenant]?.key ?? '';

describe('a backend with credentials for each tenant', () => {
  // The vendor knows blue's key alone.
  const backend = { credentialsByTenant: { blue: { apiKey: 'blue-key-0001' }, red: { apiKey: 'red-key-0002' } } };
  const open = () =>
    openAuthSite({
      sections: { auth: { keys: Object.values(keys).map(({ entry }) => entry) } },
      backend,
      apiKeys: ['blue-key-0001'],
    });

  test("a backend is called with the credentials of the run's tenant", async () => {
    await using site = await open();
    const run = async (tenant: string) => {
      const created = await site.ask(keyFor(tenant), 'POST', '/runs', { agent_id: 'echo', input: { of: tenant } });
      const { run_id: id } = created.body as { run_id: string };
      return (await site.ask(keyFor(tenant), 'GET', `/runs/${id}/output?block_timeout=20`)).body as JsonObject;
    };
    expect(await run('blue')).toMatchObject({ type: 'result', result: { of: 'blue' } });
    expect(await run('red')).toMatchObject({ type: 'error', errcode: 1003 });
    expect(site.log()).not.toContain('blue-key');
    expect(site.log()).not.toContain('red-key');
  });

  test('a backend with credentials by tenant does not exist for a tenant without any', async () => {
    await using site = await open();
    const refused = await site.ask(keyFor('green'), 'POST', '/runs', { agent_id: 'echo', input: {} });
    expect([refused.status, refused.body]).toEqual([403, 'the key may not use this agent']);
    expect((await site.ask(keyFor('green'), 'GET', '/agents/echo')).status).toBe(404);
    expect((await site.ask(keyFor('green'), 'POST', '/agents/search', {})).body).toHaveLength(1);
    expect((await site.ask(keyFor('green'), 'GET', '/agents/approval')).status).toBe(200);
    const agents = (await site.ask(keyFor('blue'), 'POST', '/agents/search', {})).body;
    expect(agents).toHaveLength(3);
  });
});
