import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { UpstreamFault } from '../../src/contract/adapter/http.ts';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import { openRig, type Rig } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

// The vendor says that a run has ended, and the call for its result fails.

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig.close());

const ofResult = (consequence: UpstreamFault['consequence'], httpStatus: number): UpstreamFault =>
  fault(consequence, { step: 'result', vendorStatus: 'success', httpStatus, message: `said ${httpStatus}` });

async function runWith(...answers: UpstreamFault[]) {
  rig.vendor.observeScript.push(...answers);
  return await rig.create();
}

describe('the result of a run', () => {
  test('a result that is refused three times in a row ends the run, with what the vendor said', async () => {
    const run = await runWith(ofResult('rejected', 422));
    await rig.clock.advance(30_000);
    expect(await rig.read(run)).toMatchObject({
      status: 'error',
      outcome: {
        errcode: errcodes.resultRefused,
        description: 'the vendor does not give the result of the run, whose status is "success": said 422',
      },
    });
    expect(rig.vendor.polls).toBe(3);
  });

  test('a result that is not found is asked for again until lostAfterSeconds, and then is what is missing', async () => {
    const run = await runWith(ofResult('gone', 404));
    await rig.clock.advance(59_000);
    expect((await rig.read(run)).phase).toBe('running');
    await rig.clock.advance(10_000);
    expect(await rig.read(run)).toMatchObject({ outcome: { errcode: errcodes.resultRefused } });
  });

  test('a result that is refused twice and then given is the result', async () => {
    rig.vendor.observeScript.push(ofResult('rejected', 422), ofResult('rejected', 422), {
      status: 'success',
      output: 'there',
    });
    const run = await rig.create();
    await rig.clock.advance(60_000);
    expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 'there' } });
  });

  test('a result that is refused for the credentials has the patience of unauthorisedAfterSeconds', async () => {
    const run = await runWith(ofResult('retry', 401));
    await rig.clock.advance(500_000);
    expect((await rig.read(run)).phase).toBe('running');
    await rig.clock.advance(120_000);
    expect(await rig.read(run)).toMatchObject({ outcome: { errcode: errcodes.unauthorised } });
  });

  test('a refusal of the status call does not end the run, because a refusal may pass', async () => {
    const run = await runWith(fault('rejected', { httpStatus: 422 }));
    await rig.clock.advance(120_000);
    expect((await rig.read(run)).phase).toBe('running');
  });
});

describe('a wait that the vendor wishes for', () => {
  /** Polls within a time, once the run was polled first. */
  async function pollsWithin(ms: number): Promise<number> {
    const before = rig.vendor.polls;
    await rig.clock.advance(ms);
    return rig.vendor.polls - before;
  }

  test('a run is not polled before its vendor wants to be asked again', async () => {
    rig.vendor.observeScript.push({ status: 'running', notBeforeMs: 8000 });
    await rig.create();
    await rig.clock.advance(200);
    expect(rig.vendor.polls).toBe(1);
    expect(await pollsWithin(7500)).toBe(0);
    expect(await pollsWithin(3000)).toBe(1);
  });

  test('a wish beyond the ceiling is honoured up to the ceiling', async () => {
    rig.vendor.observeScript.push({ status: 'running', notBeforeMs: 3_600_000 });
    await rig.create();
    await rig.clock.advance(200);
    expect(await pollsWithin(9000)).toBe(0);
    expect(await pollsWithin(4000)).toBe(1);
  });

  test('a wish beyond the deadline leaves time for further polls before it', async () => {
    await rig.close();
    rig = await openRig({ agent: { timeoutMs: 8000 } });
    rig.vendor.observeScript.push({ status: 'running', notBeforeMs: 3_600_000 }, { status: 'success', output: 1 });
    const run = await rig.create();
    await rig.clock.advance(7000);
    expect((await rig.read(run)).status).toBe('success');
  });

  test('a wish holds for one wait, and not after an answer without one', async () => {
    rig.vendor.observeScript.push({ status: 'running', notBeforeMs: 8000 }, { status: 'running' });
    await rig.create();
    await rig.clock.advance(10_000);
    expect(rig.vendor.polls).toBe(2);
    expect(await pollsWithin(5000)).toBeGreaterThan(1);
  });
});
