import { expect, test } from 'vitest';
import { scraper } from '../gateway/site.ts';
import { secrets } from '../gateway/stand-ins.ts';
import { expectQuiet, expectSigns, openNight } from './night-rig.ts';
import { nights } from './night-table.ts';

test('a revoked key is named by every sign, and a reload with a new one loses no run and starts none twice', async () => {
  const agents = [{ ...scraper, unauthorisedAfterSeconds: 120 }];
  await using rig = await openNight({ agents });
  const { intuned } = rig;
  const gateway = await rig.serve();
  await using _process = gateway.process;
  const { client } = gateway;
  const running = await client.create({ agent_id: 'price-scraper', input: { name: 'running' } });
  const upstream = await intuned.nextRun();
  await upstream.polled();

  const sinceMs = performance.now();
  intuned.apiKeys.delete(secrets.apiKey);
  await expectSigns(gateway, nights.keyRevoked, sinceMs);

  expect((await gateway.admin('POST', '/backends/intuned/pause', { reason: 'the key was revoked' })).status).toBe(200);
  const queued = await client.create({ agent_id: 'price-scraper', input: { name: 'queued' } });
  intuned.apiKeys.add('ik_renewed-5d6e7f/z');
  expect(await rig.reload(gateway, { agents, backend: { apiKey: 'ik_renewed-5d6e7f/z' } })).toMatchObject({
    applied: true,
  });
  await expectQuiet(gateway, nights.keyRevoked);
  expect(intuned.runs).toHaveLength(1);

  intuned.plan = () => ({ status: 'completed', result: 'ran' });
  expect((await gateway.admin('POST', '/backends/intuned/resume')).status).toBe(200);
  upstream.say({ status: 'completed', result: 'ran' });
  for (const { run_id } of [running, queued])
    expect(await client.output(run_id)).toMatchObject({ status: 'success', result: 'ran' });
  expect(intuned.runs).toHaveLength(2);
}, 60_000);
