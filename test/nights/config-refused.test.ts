import { expect, test } from 'vitest';
import { scraper } from '../gateway/site.ts';
import { expectQuiet, expectSigns, openNight } from './night-rig.ts';
import { nights } from './night-table.ts';

test('a config that is refused is named by every sign until one is taken, and its run goes on', async () => {
  await using rig = await openNight({ agents: [scraper] });
  const gateway = await rig.serve();
  await using _process = gateway.process;
  const { run_id } = await gateway.client.create({ agent_id: 'price-scraper', input: {} });
  const upstream = await rig.intuned.nextRun();

  const sinceMs = performance.now();
  const refused = await rig.reload(gateway, { agents: [{ ...scraper, timeoutSecond: 5 }] });
  expect(refused).toMatchObject({ applied: false });
  await expectSigns(gateway, nights.configRefused, sinceMs);
  const { body } = await gateway.admin('GET', '/overview');
  expect(JSON.stringify(body)).toContain('did you mean');

  expect(await rig.reload(gateway, { agents: [scraper] })).toMatchObject({ applied: true });
  await expectQuiet(gateway, nights.configRefused);
  upstream.say({ status: 'completed', result: 'ran' });
  expect(await gateway.client.output(run_id)).toMatchObject({ status: 'success', result: 'ran' });
  expect(rig.intuned.runs).toHaveLength(1);
}, 60_000);
