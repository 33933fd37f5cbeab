import { expect, test, vi } from 'vitest';
import { openSite, scraper } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

const patience = { timeout: 20_000, interval: 5 };

test('a silent vendor opens the circuit, which readiness and log report, and its runs end once it answers again', async () => {
  await using vendor = await IntunedStandIn.open();
  vendor.plan = () => ({ status: 'started' });
  await using site = await openSite({ intuned: vendor, agents: [scraper] });
  const logged = (text: RegExp) => site.log.filter(({ msg }) => text.test(String(msg)));
  const create = async () => await site.client.create({ agent_id: 'price-scraper', input: {} });
  const untilState = async (state: string) =>
    await vi.waitFor(async () => {
      const { status, body } = await site.client.ask('GET', '/health/ready');
      expect([status, body]).toMatchObject([200, { backends: { intuned: { state } } }]);
    }, patience);

  const runs = [await create(), await create()];
  for (const run of [await vendor.nextRun(), await vendor.nextRun()]) await run.polled();
  await untilState('ok');
  await vendor.silence();
  await untilState('down');
  runs.push(await create());
  for (const { run_id: runId } of runs) expect((await site.client.read(runId)).status).toBe('pending');
  expect(logged(/^circuit opened; probing with backoff$/)).toMatchObject([{ backend: 'intuned' }]);

  for (const run of vendor.runs) run.say({ status: 'completed', result: { back: true } });
  vendor.plan = () => ({ status: 'completed', result: { back: true } });
  await vendor.listen();
  for (const { run_id: runId } of runs) {
    expect(await site.client.output(runId)).toMatchObject({ status: 'success', result: { back: true } });
  }
  await untilState('ok');
  expect(logged(/^circuit closed$/)).toHaveLength(1);
  expect(vendor.count('start')).toBe(3);
});
