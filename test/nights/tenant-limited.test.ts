import { expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { keyOf } from '../access/auth-site.ts';
import { reply } from '../gateway/manners.ts';
import { scraper } from '../gateway/site.ts';
import { secrets } from '../gateway/stand-ins.ts';
import { expectQuiet, expectSigns, openNight, patience } from './night-rig.ts';
import { nights } from './night-table.ts';

const credentials = { blue: secrets.apiKey, red: 'ik_red-4b1' };
const [blue, red] = [keyOf('blue', { tenant: 'blue' }), keyOf('red', { tenant: 'red' })];
const ops = keyOf('ops', { tenant: 'platform', role: 'operator' });
const bearing = ({ key }: { readonly key: string }) => ({ authorization: `Bearer ${key}` });

test('a tenant that the vendor limits is named by every sign, and the others go on', async () => {
  const credentialsByTenant = Object.fromEntries(Object.entries(credentials).map(([of, apiKey]) => [of, { apiKey }]));
  await using rig = await openNight({
    agents: [scraper],
    backend: { credentialsByTenant },
    sections: { auth: { keys: [blue, red, ops].map(({ entry }) => entry) } },
    headers: bearing(ops),
  });
  const { intuned } = rig;
  intuned.apiKeys.add(credentials.red);
  intuned.plan = () => ({ status: 'started' });
  const gateway = await rig.serve();
  await using _process = gateway.process;
  const { client } = gateway;
  const create = async (who: typeof red, input: JsonObject): Promise<string> =>
    (await client.create({ agent_id: 'price-scraper', input }, bearing(who))).run_id;
  const running = [await create(red, { n: 0 }), await create(red, { n: 1 })];
  for (const _run of running) await (await intuned.nextRun()).polled();

  const sinceMs = performance.now();
  const busy = reply(429, { message: 'slow down' }, { 'retry-after': '3000' });
  intuned.twist = (_step, { headers }) => (headers['x-api-key'] === credentials.red ? busy : null);
  await expectSigns(gateway, nights.tenantLimited, sinceMs);

  const queued = await create(red, { n: 2 });
  intuned.plan = () => ({ status: 'completed', result: 'ran' });
  const endOf = async (who: typeof red, runId: string) =>
    (await client.ask('GET', `/runs/${runId}/output?block_timeout=20`, undefined, bearing(who))).body;
  expect(await endOf(blue, await create(blue, { n: 3 }))).toMatchObject({ status: 'success', result: 'ran' });
  expect(intuned.runs).toHaveLength(3);

  intuned.twist = () => null;
  for (const run of intuned.runs) run.say({ status: 'completed', result: 'ran' });
  expect((await gateway.admin('POST', '/backends/intuned/probe')).status).toBe(200);
  for (const runId of [...running, queued])
    await vi.waitFor(async () => expect(await endOf(red, runId)).toMatchObject({ status: 'success' }), patience);
  await expectQuiet(gateway, nights.tenantLimited);
  expect(intuned.runs).toHaveLength(4);
}, 60_000);
