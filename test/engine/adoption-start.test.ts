import { afterEach, describe, expect, test } from 'vitest';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import { crash, lost, openAdopting, rig, startWith, stubborn } from './adopting-rig.ts';
import { AdoptingVendor, cut, success } from './adopting-vendor.ts';
import { fault } from './scripted-vendor.ts';

afterEach(() => rig.close());

describe('a vendor that knows a start again by its key', () => {
  test.each(lost)('%s: the start is sent again under the same key, and the result arrives', async (_name, fate) => {
    const vendor = await openAdopting('start');
    vendor.observeScript.push(success);
    const run = await startWith(vendor, fate);
    await rig.clock.advance(5000);
    expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 'done' } });
    expect(vendor.keys).toEqual([run.runId, run.runId]);
    expect(vendor.executions).toBe(1);
  });

  test('a start that never arrived is made by the second one', async () => {
    const vendor = await openAdopting('start');
    vendor.observeScript.push(success);
    const run = await startWith(vendor, { taken: false, answer: 'hang' });
    await rig.clock.advance(5000);
    expect((await rig.read(run)).status).toBe('success');
    expect(vendor.executions).toBe(1);
  });

  test('a late first request makes no second run', async () => {
    const vendor = await openAdopting('start');
    const run = await startWith(vendor, { taken: 'late', answer: cut() });
    await rig.clock.advance(5000);
    vendor.arrive();
    vendor.observeScript.push(success);
    await rig.clock.advance(20_000);
    expect((await rig.read(run)).status).toBe('success');
    expect(vendor.executions).toBe(1);
  });

  test.each([
    ['503', fault('retry', { httpStatus: 503 })],
    ['a refused connection', fault('retry', { kind: 'refused' })],
    ['another cut', cut()],
  ])(
    '%s to the repeated start is no word on the first one: it is sent again, and the run keeps its phase',
    async (_n, again) => {
      const vendor = await openAdopting('start');
      vendor.fates.push(
        { taken: true, answer: cut() },
        { taken: false, answer: again },
        { taken: false, answer: again },
      );
      vendor.observeScript.push({ status: 'running' });
      const run = await rig.create();
      await rig.clock.advance(300);
      expect((await rig.read(run)).phase).toBe('starting');
      await rig.clock.advance(5000);
      expect((await rig.read(run)).phase).toBe('running');
      expect(vendor.executions).toBe(1);
    },
  );

  test('a key that the vendor holds against another input leaves the start unknown, in words', async () => {
    const vendor = await openAdopting('start');
    const conflict = fault('rejected', { httpStatus: 422, message: 'the key was used with another body' });
    vendor.fates.push({ taken: true, answer: cut() }, { taken: false, answer: conflict });
    const run = await rig.create();
    await rig.clock.advance(5000);
    const { outcome } = await rig.read(run);
    expect(outcome).toMatchObject({ errcode: errcodes.startUnknown });
    expect(JSON.stringify(outcome)).toMatch(
      /connection was cut; the start was sent again once, at last: the key was used/,
    );
  });

  test('a target that is gone by then ends the run as refused', async () => {
    const vendor = await openAdopting('start');
    const gone = fault('rejected', { httpStatus: 404, message: 'no such project' });
    vendor.fates.push({ taken: false, answer: cut() }, { taken: false, answer: gone });
    const run = await rig.create();
    await rig.clock.advance(5000);
    expect((await rig.read(run)).outcome).toMatchObject({ errcode: errcodes.startRejected });
  });

  test('a start is not sent again once its key may be forgotten', async () => {
    const vendor = await openAdopting('start', new AdoptingVendor({ termsOf: () => ({ keyLifeMs: 30_000 }) }));
    vendor.fates.push(...stubborn(50));
    const run = await rig.create();
    await rig.clock.advance(29_000);
    expect((await rig.read(run)).status).toBe('pending');
    await rig.clock.advance(40_000);
    const sent = vendor.starts.length;
    expect((await rig.read(run)).outcome).toMatchObject({ errcode: errcodes.startUnknown });
    await rig.clock.advance(600_000);
    expect(vendor.starts).toHaveLength(sent);
  });

  test('the age of the key counts from the first start, across processes', async () => {
    const vendor = await openAdopting('start', new AdoptingVendor({ termsOf: () => ({ keyLifeMs: 30_000 }) }));
    vendor.fates.push({ taken: true, answer: 'hang' }, { taken: false, answer: 'hang' });
    const run = await rig.create();
    await rig.clock.settle();
    await crash();
    await rig.clock.advance(20_000);
    expect(vendor.starts).toHaveLength(2);
    vendor.fates.push(...stubborn(50));
    await crash();
    await rig.clock.advance(60_000);
    expect((await rig.read(run)).outcome).toMatchObject({ errcode: errcodes.startUnknown });
  });
});
