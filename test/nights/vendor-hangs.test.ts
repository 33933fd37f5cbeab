import { expect, test } from 'vitest';
import { scraper } from '../gateway/site.ts';
import { expectQuiet, expectSigns, openNight } from './night-rig.ts';
import { nights } from './night-table.ts';

test('a vendor that answers no call is named by every sign, and every run ends with its result once it answers', async () => {
  await using rig = await openNight({ agents: [scraper], backend: { requestTimeoutSeconds: 0.5 } });
  const { intuned } = rig;
  const gateway = await rig.serve();
  await using _process = gateway.process;
  const { client } = gateway;
  intuned.plan = () => ({ status: 'started' });
  const running = [];
  for (let n = 0; n < 3; n += 1) running.push(await client.create({ agent_id: 'price-scraper', input: { n } }));
  for (const _run of running) await (await intuned.nextRun()).polled();

  const sinceMs = performance.now();
  intuned.twist = () => () => {};
  await expectSigns(gateway, nights.vendorHangs, sinceMs);

  const queued = await client.create({ agent_id: 'price-scraper', input: { n: 3 } });
  expect((await client.ask('GET', `/runs/${queued.run_id}`)).headers.get('x-rungate-waiting')).toContain(
    'circuit-open',
  );
  intuned.twist = () => null;
  intuned.plan = () => ({ status: 'completed', result: 'ran' });
  for (const run of intuned.runs) run.say({ status: 'completed', result: 'ran' });
  expect((await gateway.admin('POST', '/backends/intuned/probe')).status).toBe(200);
  for (const { run_id } of [...running, queued])
    expect(await client.output(run_id)).toMatchObject({ status: 'success', result: 'ran' });
  await expectQuiet(gateway, nights.vendorHangs);
  expect(intuned.runs).toHaveLength(4);
}, 60_000);
