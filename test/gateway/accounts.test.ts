import { expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { keyOf } from '../access/auth-site.ts';
import { type Answering, reply } from './manners.ts';
import { openSite, scraper } from './site.ts';
import { IntunedStandIn, secrets } from './stand-ins.ts';
import type { Step } from './vendor.ts';

const keys = { blue: secrets.apiKey, red: 'ik_red-4b1', crimson: 'ik_red-4b1' };
type Tenant = keyof typeof keys;
const clientKeys = Object.fromEntries(Object.keys(keys).map((tenant) => [tenant, keyOf(tenant, { tenant })]));

/** What the vendor does to the calls of one key, and to which of them. */
type Trouble = { readonly state: string; readonly of: (step: Step) => boolean; readonly answering: Answering };

const busy = (status: number): Answering => reply(status, { message: 'later' }, { 'retry-after': '3000' });
const troubles: Readonly<Record<string, Trouble>> = {
  '429 with Retry-After: 3000': { state: 'paused', of: () => true, answering: busy(429) },
  '503 with Retry-After: 3000': { state: 'paused', of: () => true, answering: busy(503) },
  // A start that is cut off ends its run.
  'cut connections': { state: 'down', of: (step) => step === 'poll', answering: (answer) => answer.socket?.destroy() },
};

test.each(Object.entries(troubles))(
  "a vendor's trouble with one tenant's credentials, %s, leaves those of another alone",
  async (_name, { state, of, answering }) => {
    await using vendor = await IntunedStandIn.open();
    vendor.apiKeys.add(keys.red);
    vendor.plan = () => ({ status: 'started' });
    vendor.twist = (step, { headers }) => (of(step) && headers['x-api-key'] === keys.red ? answering : null);
    const credentialsByTenant = Object.fromEntries(Object.entries(keys).map(([name, apiKey]) => [name, { apiKey }]));
    const auth = { keys: Object.values(clientKeys).map(({ entry }) => entry) };
    await using site = await openSite({
      intuned: vendor,
      agents: [scraper],
      backend: { credentialsByTenant },
      sections: { auth, server: { port: 0, metrics: true } },
    });
    const ask = (tenant: Tenant, method: string, path: string, body?: JsonObject) =>
      site.client.ask(method, path, body, { authorization: `Bearer ${clientKeys[tenant]?.key}` });
    const create = async (tenant: Tenant): Promise<string> => {
      const { body } = await ask(tenant, 'POST', '/runs', { agent_id: 'price-scraper', input: { tenant } });
      return (body as { readonly run_id: string }).run_id;
    };

    const held = [];
    for (let run = 0; run < 5; run += 1) held.push(await create('red'));
    await vi.waitFor(async () => {
      const { body } = await ask('blue', 'GET', '/health/ready');
      expect(body).toMatchObject({
        backends: { intuned: { state } },
        accounts: [{ backend: 'intuned', tenants: ['red', 'crimson'], state }],
      });
    }, 60_000);
    const metrics = await (await fetch(`${site.client.url}/metrics`)).text();
    expect(metrics).toContain(`rungate_backend_accounts{backend="intuned",state="${state}"} 1`);

    vendor.plan = () => ({ status: 'completed', result: { ok: true } });
    const before = vendor.asked.length;
    held.push(await create('crimson'));
    const { body } = await ask('blue', 'GET', `/runs/${await create('blue')}/output?block_timeout=20`);
    expect(body).toMatchObject({ status: 'success', result: { ok: true } });
    for (const id of held) {
      const owner = id === held.at(-1) ? 'crimson' : 'red';
      expect((await ask(owner, 'GET', `/runs/${id}`)).body).toMatchObject({ status: 'pending' });
    }
    // The tenant that shares the credentials was not tried: its run waits with the others.
    const tried = vendor.asked.slice(before).filter(({ body }) => JSON.stringify(body)?.includes('crimson'));
    expect(tried).toEqual([]);
    const said = JSON.stringify(site.log);
    expect(said).toMatch(/backend rate-limited|circuit opened/);
    for (const key of Object.values(keys)) expect(said).not.toContain(key);
  },
);
