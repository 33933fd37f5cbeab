import { afterEach, describe, expect, test } from 'vitest';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import { lost, openAdopting, rig, startWith } from './adopting-rig.ts';
import { AdoptingVendor, cut, success } from './adopting-vendor.ts';
import { fault } from './scripted-vendor.ts';

afterEach(() => rig.close());

describe('a vendor that can be searched for a run', () => {
  test.each(lost)('%s: the run is searched for and its result arrives, without a second start', async (_name, fate) => {
    const vendor = await openAdopting('find');
    vendor.observeScript.push(success);
    const run = await startWith(vendor, fate);
    await rig.clock.advance(5000);
    expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 'done' } });
    expect(vendor.starts).toHaveLength(1);
  });

  test('a request that arrives after a search found nothing is found by a later one', async () => {
    const vendor = await openAdopting('find');
    const run = await startWith(vendor, { taken: 'late', answer: 'hang' });
    await rig.clock.advance(60_000);
    expect((await rig.read(run)).phase).toBe('starting');
    vendor.arrive();
    vendor.observeScript.push(success);
    await rig.clock.advance(60_000);
    expect((await rig.read(run)).status).toBe('success');
    expect(vendor.starts).toHaveLength(1);
  });

  test.each(['fail', 'retry'] as const)(
    'a run that is absent until no request can arrive any more ends as unknown, with onUnknownStart: %s, and says what was tried',
    async (onUnknownStart) => {
      const vendor = await openAdopting('find', new AdoptingVendor(), { agent: { onUnknownStart } });
      const run = await startWith(vendor, { taken: false, answer: cut() });
      await rig.clock.advance(119_000);
      expect((await rig.read(run)).status).toBe('pending');
      await rig.clock.advance(60_000);
      const { outcome } = await rig.read(run);
      expect(outcome).toMatchObject({ errcode: errcodes.startUnknown });
      expect(JSON.stringify(outcome)).toMatch(/was asked for it \d+ times, and it was not there/);
      expect(vendor.starts).toHaveLength(1);
    },
  );

  test('an absent run is started again where the operator asks for it and the vendor refuses a second one', async () => {
    const vendor = await openAdopting('find', new AdoptingVendor({ refusesSecond: true }), {
      agent: { onUnknownStart: 'retry' },
    });
    vendor.observeScript.push(success);
    const run = await startWith(vendor, { taken: false, answer: cut() });
    await rig.clock.advance(119_000);
    expect(vendor.starts).toHaveLength(1);
    await rig.clock.advance(90_000);
    expect((await rig.read(run)).status).toBe('success');
    expect(vendor.starts).toHaveLength(2);
  });

  test('a vendor that cannot be asked proves nothing: the search goes on beyond its bound until it answers', async () => {
    const vendor = await openAdopting('find');
    vendor.findScript.push(...Array.from({ length: 40 }, () => fault('retry', { message: 'down' })));
    const run = await startWith(vendor, { taken: true, answer: cut() });
    await rig.clock.advance(200_000);
    expect((await rig.read(run)).phase).toBe('starting');
    vendor.findScript.length = 0;
    vendor.observeScript.push(success);
    await rig.clock.advance(60_000);
    expect((await rig.read(run)).status).toBe('success');
  });

  test('what is not clearly the run is not taken for it', async () => {
    const vendor = await openAdopting('find');
    vendor.findScript.push(...Array.from({ length: 40 }, (): 'unclear' => 'unclear'));
    const run = await startWith(vendor, { taken: true, answer: cut() });
    await rig.clock.advance(200_000);
    expect((await rig.read(run)).outcome).toMatchObject({ errcode: errcodes.startUnknown });
    expect(vendor.observed).toEqual([]);
  });
});
