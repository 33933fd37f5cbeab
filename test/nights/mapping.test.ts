import { expect, test } from 'vitest';
import { scraper } from '../gateway/site.ts';
import { expectQuiet, expectSigns, openNight } from './night-rig.ts';
import { nights } from './night-table.ts';

test('a status that the mapping does not have is named by every sign, and a reload with a row for it goes on with the run', async () => {
  await using rig = await openNight({ agents: [scraper] });
  const { intuned } = rig;
  const gateway = await rig.serve();
  await using _process = gateway.process;
  const { run_id } = await gateway.client.create({ agent_id: 'price-scraper', input: {} });
  const upstream = await intuned.nextRun();
  await upstream.polled();

  const sinceMs = performance.now();
  upstream.say({ status: 'suspended' });
  await expectSigns(gateway, nights.statusUnknown, sinceMs);

  const mapping = { status: { suspended: 'pending', completed: 'success' } };
  expect(await rig.reload(gateway, { agents: [{ ...scraper, mapping }] })).toMatchObject({ applied: true });
  await expectQuiet(gateway, nights.statusUnknown);
  upstream.say({ status: 'completed', result: 'ran' });
  expect(await gateway.client.output(run_id)).toMatchObject({ status: 'success', result: 'ran' });
  expect(intuned.runs).toHaveLength(1);
}, 60_000);

test('an output expression that fails is named by every sign, and its run can be replayed once it is corrected', async () => {
  const failing = { ...scraper, mapping: { output: '$number(result.price)' } };
  await using rig = await openNight({ agents: [failing] });
  const { intuned } = rig;
  const gateway = await rig.serve();
  await using _process = gateway.process;
  const { client } = gateway;
  intuned.plan = () => ({ status: 'completed', result: { price: 'twelve' } });
  const sinceMs = performance.now();
  const { run_id } = await client.create({ agent_id: 'price-scraper', input: { page: 7 } });
  await expectSigns(gateway, nights.outputFails, sinceMs);
  expect(await client.output(run_id)).toMatchObject({ status: 'error', errcode: 1005 });

  const stop = { kind: 'agent', name: 'price-scraper', reason: 'its mapping fails' };
  expect((await gateway.admin('POST', '/stops', stop)).status).toBe(200);
  const queued = await client.create({ agent_id: 'price-scraper', input: { page: 8 } });
  const corrected = { ...scraper, mapping: { output: 'result.price' } };
  expect(await rig.reload(gateway, { agents: [corrected] })).toMatchObject({ applied: true });
  expect(intuned.runs).toHaveLength(1);
  expect((await gateway.admin('DELETE', '/stops/agent/price-scraper')).status).toBe(204);
  expect(await client.output(queued.run_id)).toMatchObject({ status: 'success', result: 'twelve' });

  const { body } = await gateway.admin('POST', '/runs:replay', { run_ids: [run_id] });
  const [replayed] = (body as { readonly done: readonly { readonly new_run_id: string }[] }).done;
  expect(await client.output(replayed?.new_run_id ?? '')).toMatchObject({ status: 'success', result: 'twelve' });
  expect(intuned.runs.map(({ asked }) => (asked.body as { parameters: object }).parameters)).toEqual([
    { page: 7 },
    { page: 8 },
    { page: 7 },
  ]);
}, 60_000);
