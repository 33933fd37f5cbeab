import { afterAll, describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { ask, openAuthSite } from '../access/auth-site.ts';
import { call, keys, plain } from './admin-site.ts';
import { openStores } from './admin-stores.ts';

const { stores, close } = await openStores();
afterAll(close);

const patience = { timeout: 30_000, interval: 20 };
const capsOf = async (url: string) => (await call(url, 'list_caps')).body.caps as readonly JsonObject[];
const create = (url: string) => ask(url, plain.key, 'POST', '/runs', { agent_id: 'echo', input: {} });

describe.each(stores)('caps on $name', { timeout: 120_000 }, ({ name: store, makeUrl }) => {
  const open = async (caps: readonly JsonObject[]) => {
    const storeUrl = await makeUrl();
    const sections = { auth: { keys }, caps, server: { port: 0, metrics: true } };
    return await openAuthSite({ sections, ...(storeUrl === undefined ? {} : { storeUrl }) });
  };

  test(`gateways that race for the last places of a cap take as many runs as it has, and tell the others when to come back (${store})`, async () => {
    await using site = await open([
      { agent: 'echo', runsPerHour: 7 },
      { tenant: 'acme', runsPerDay: 100 },
    ]);
    const twin = store === 'PostgreSQL' ? await site.twin() : site;
    const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => create(n % 2 === 0 ? site.url : twin.url)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(7);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(23);
    for (const { body, headers } of refused) {
      expect(JSON.stringify(body)).toContain('the cap of agent echo is 7 runs an hour');
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(3500);
    }
    for (const { url } of [site, twin]) {
      expect(await capsOf(url)).toMatchObject([
        { name: 'agent echo', hour: { runs: 7 }, reached: { limit: 'runs_per_hour' } },
        { name: `tenant acme`, day: { runs: 7 }, reached: null },
      ]);
      const text = await (await fetch(`${url}/metrics`)).text();
      expect(text).toContain('rungate_cap_used{cap="agent echo",limit="runsPerHour"} 7\n');
      expect(text).toContain(`rungate_cap_max{cap="tenant acme",limit="runsPerDay"} 100\n`);
      expect(text).toMatch(/rungate_runs_capped_total\{cap="agent echo"\} \d+\n/);
    }
    await vi.waitFor(() => expect(site.sandbox.stats().starts).toBe(7), patience);
  });
});
