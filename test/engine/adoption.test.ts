import { afterEach, describe, expect, test } from 'vitest';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { StorageFault } from '../../src/contract/store/store.ts';
import { lost, openAdopting, rig, startWith, stubborn, unsearchable } from './adopting-rig.ts';
import { AdoptingVendor, cut } from './adopting-vendor.ts';
import { fault } from './scripted-vendor.ts';

afterEach(() => rig.close());

describe('a vendor that can tell nothing', () => {
  test.each(lost)('%s: the run ends as unknown at once and is not started again', async (_name, fate) => {
    const vendor = await openAdopting('none');
    const run = await startWith(vendor, fate);
    await rig.clock.advance(1000);
    expect((await rig.read(run)).outcome).toMatchObject({ errcode: errcodes.startUnknown });
    expect(vendor.starts).toHaveLength(1);
  });
});

test('an unsettled start holds its slot at the backend', async () => {
  const vendor = await openAdopting('push', unsearchable(), {
    options: { push: { publicUrl: 'https://runs.example' }, secrets: ['hush'], maxConcurrentRuns: 1 },
  });
  await startWith(vendor, { taken: true, answer: cut() });
  const second = await rig.create();
  await rig.clock.advance(60_000);
  expect((await rig.read(second)).phase).toBe('queued');
});

describe('a run that is ended here before its start is settled', () => {
  const ways: readonly (readonly [string, (run: Run) => Promise<unknown>])[] = [
    [
      'a cancel',
      (run) =>
        rig.engine.api.runs.cancel({ tenant: run.tenant, runId: run.runId }, { action: 'interrupt', wait: false }),
    ],
    ['its deadline', () => rig.clock.advance(30_000)],
  ];
  const refOf = (_target: unknown, runId: string) => ({ runId: `ours-${runId}` });

  test.each(ways)('%s reaches what the vendor made, where its key is known', async (_name, end) => {
    const vendor = await openAdopting('start', new AdoptingVendor(), { agent: { timeoutMs: 30_000 } });
    vendor.fates.push({ taken: true, answer: cut() }, ...stubborn(8));
    delete vendor.adoption.find;
    const run = await rig.create();
    await rig.clock.advance(2000);
    await end(run);
    vendor.fates.length = 0;
    await rig.clock.advance(120_000);
    expect(vendor.cancelled).toEqual(['made-1']);
    expect(vendor.executions).toBe(1);
    expect((await rig.read(run)).phase).toBe('done');
  });

  test.each(ways)(
    '%s reaches a run that arrives at the vendor later, where it can be searched for',
    async (_name, end) => {
      const vendor = await openAdopting('find', new AdoptingVendor(), { agent: { timeoutMs: 30_000 } });
      const run = await startWith(vendor, { taken: 'late', answer: cut() });
      await rig.clock.advance(2000);
      await end(run);
      await rig.clock.advance(10_000);
      expect(vendor.cancelled).toEqual([]);
      vendor.arrive();
      await rig.clock.advance(60_000);
      expect(vendor.cancelled).toEqual(['made-1']);
    },
  );

  test.each(ways)('%s reaches a run whose id follows from ours, also after "not found"', async (_name, end) => {
    const vendor = await openAdopting('find', new AdoptingVendor({ refOf }), { agent: { timeoutMs: 30_000 } });
    vendor.cancelScript.push(fault('gone'), fault('gone'));
    const run = await startWith(vendor, { taken: 'late', answer: cut() });
    await rig.clock.advance(2000);
    await end(run);
    await rig.clock.advance(120_000);
    expect(vendor.cancelled).toEqual([`ours-${run.runId}`]);
  });

  test('a defect or a store that is away while such a run is looked for ends no process', async () => {
    const vendor = await openAdopting('find', new AdoptingVendor(), { agent: { timeoutMs: 30_000 } });
    await startWith(vendor, { taken: 'late', answer: cut() });
    await rig.clock.advance(29_500);
    vendor.findScript.push(new StorageFault('away'), new StorageFault('away'), new TypeError('a defect'));
    await rig.clock.advance(60_000);
    expect(vendor.findScript).toEqual([]);
    expect(vendor.cancelled).toEqual([]);
    const givenUp = rig.logged.filter(
      ({ level, message }) => level === 'error' && /could not be cancelled/.test(message),
    );
    expect(givenUp).toHaveLength(1);
  });

  test('what never arrives is not looked for beyond the bound', async () => {
    const vendor = await openAdopting('find', new AdoptingVendor(), { agent: { timeoutMs: 30_000 } });
    await startWith(vendor, { taken: false, answer: cut() });
    await rig.clock.advance(200_000);
    const { finds } = vendor;
    await rig.clock.advance(600_000);
    expect(vendor.finds).toBe(finds);
    expect(vendor.cancelled).toEqual([]);
  });
});
