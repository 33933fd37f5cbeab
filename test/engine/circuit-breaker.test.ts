import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CircuitBreaker } from '../../src/engine/limits/circuit-breaker.ts';
import { openRig, type Rig } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

const at = (nowMs: number) => ({ nowMs, random: 1 });

describe('a circuit breaker', () => {
  test('a circuit opens after five calls in a row without an answer, and any answer resets the count', () => {
    const breaker = new CircuitBreaker();
    for (let call = 0; call < 4; call += 1) expect(breaker.settle('silent', false, at(0))).toBeNull();
    breaker.settle('answered', false, at(0));
    for (let call = 0; call < 4; call += 1) expect(breaker.settle('silent', false, at(0))).toBeNull();
    breaker.settle('unclear', false, at(0));
    expect(breaker.waitMs(0)).toBe(0);
    expect(breaker.settle('silent', false, at(0))).toBe('opened');
    expect(breaker.isClosed).toBe(false);
    expect(breaker.waitMs(0)).toBe(1000);
  });

  test('an open circuit lets one call through at a time, at intervals that double up to a minute', () => {
    const breaker = new CircuitBreaker();
    for (let call = 0; call < 5; call += 1) breaker.settle('silent', false, at(0));
    const rests: number[] = [];
    for (let nowMs = 0; rests.length < 8; ) {
      const restMs = breaker.waitMs(nowMs);
      rests.push(restMs);
      nowMs += restMs;
      expect(breaker.enter()).toBe(true);
      expect(breaker.waitMs(nowMs)).toBe(Number.POSITIVE_INFINITY);
      // Calls that were under way when it opened change nothing.
      expect(breaker.settle('silent', false, at(nowMs))).toBeNull();
      expect(breaker.waitMs(nowMs)).toBe(Number.POSITIVE_INFINITY);
      breaker.settle('silent', true, at(nowMs));
    }
    expect(rests).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    breaker.enter();
    expect(breaker.settle('answered', true, at(0))).toBe('closed');
    expect(breaker.waitMs(0)).toBe(0);
  });

  test('a probe without a clear result is repeated at once', () => {
    const breaker = new CircuitBreaker();
    for (let call = 0; call < 5; call += 1) breaker.settle('silent', false, at(0));
    breaker.enter();
    breaker.settle('unclear', true, at(1000));
    expect(breaker.waitMs(1000)).toBe(0);
    breaker.enter();
    breaker.settle('silent', true, at(1000));
    expect(breaker.waitMs(1000)).toBe(2000);
  });
});

describe('a backend that does not answer', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await openRig();
  });
  afterEach(() => rig.close());

  const refused = fault('retry', { kind: 'refused' });
  const said = (message: RegExp): number => rig.logged.filter((line) => message.test(line.message)).length;
  const state = (): string | undefined => rig.engine.backends().find(({ name }) => name === 'scripted')?.state;

  test('a silent backend gets probes only, its runs stay pending, and log and readiness report it once', async () => {
    const runs = await Promise.all(Array.from({ length: 20 }, () => rig.create()));
    await rig.clock.settle();
    expect(state()).toBe('ok');
    rig.vendor.observeScript.push(refused);
    await rig.clock.advance(10_000);
    expect(state()).toBe('down');
    const before = rig.vendor.polls;
    await rig.clock.advance(300_000);
    // About one a minute, where twenty runs would have made 600 polls.
    expect(rig.vendor.polls - before).toBeLessThanOrEqual(10);
    expect(rig.vendor.polls - before).toBeGreaterThanOrEqual(4);
    expect(said(/^circuit opened; probing with backoff$/)).toBe(1);
    for (const run of runs) expect((await rig.read(run)).status).toBe('pending');

    rig.vendor.observeScript.splice(0, 1, { status: 'success', output: 'back' });
    await rig.clock.advance(120_000);
    expect(state()).toBe('ok');
    expect(said(/^circuit closed$/)).toBe(1);
    for (const run of runs) expect((await rig.read(run)).status).toBe('success');
  });

  test('a run created while the circuit is open stays queued, and a poll probes the backend instead of its start', async () => {
    await rig.create();
    await rig.clock.settle();
    rig.vendor.observeScript.push(refused);
    await rig.clock.advance(30_000);
    expect(state()).toBe('down');
    const run = await rig.create();
    await rig.clock.advance(600_000);
    expect(await rig.read(run)).toMatchObject({ status: 'pending', phase: 'queued' });
    expect(rig.vendor.starts).toHaveLength(1);
    rig.vendor.observeScript.splice(0, 1, { status: 'running' });
    await rig.clock.advance(90_000);
    expect((await rig.read(run)).phase).toBe('running');
  });

  test('error statuses are answers and do not open the circuit', async () => {
    for (let run = 0; run < 10; run += 1) await rig.create();
    rig.vendor.observeScript.push(fault('retry', { kind: 'http-status' }));
    await rig.clock.advance(60_000);
    expect(state()).toBe('degraded');
  });

  test('a cancellation waits for a silent backend no longer than its tries', async () => {
    const run = await rig.create();
    await rig.clock.settle();
    rig.vendor.observeScript.push(refused);
    await rig.clock.advance(30_000);
    const key = { tenant: run.tenant, runId: run.runId };
    const cancelling = rig.engine.api.runs.cancel(key, { action: 'interrupt', wait: true });
    await rig.clock.advance(20_000);
    expect((await cancelling).status).toBe('error');
  });
});
