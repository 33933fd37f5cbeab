import { beforeEach, describe, expect, test } from 'vitest';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import { AccountHealth } from '../../src/engine/limits/account-health.ts';
import { CallQueue, type Urgency } from '../../src/engine/limits/call-queue.ts';
import type { Rate } from '../../src/engine/limits/rate-limit.ts';
import { silentLog } from '../store/runs.ts';
import { fault } from './scripted-vendor.ts';
import { VirtualClock } from './virtual-clock.ts';

const tenant = 'default';
const never = new AbortController().signal;

describe('the call queue of a backend', () => {
  let clock: VirtualClock;
  /** The calls that were made, in order. */
  let went: string[];
  beforeEach(() => {
    clock = new VirtualClock();
    went = [];
  });

  const openQueue = (rate: Rate | null): CallQueue =>
    new CallQueue(
      { clock, health: new AccountHealth({ clock, log: silentLog }), maxPauseMs: 300_000, maxConnections: 128 },
      rate,
    );

  const busy = (retryAfterMs: number, httpStatus = 429): UpstreamFault =>
    fault('retry', { kind: 'http-status', httpStatus, retryAfterMs });

  /** A call that waits its turn and ends at once, with a fault where one is given. */
  function call(callQueue: CallQueue, urgency: Urgency, name: string, ends?: UpstreamFault, signal = never) {
    const entry = callQueue.enter(urgency, { tenant, signal });
    const done = entry.permit.then(async (permit) => {
      if (permit === null) return void went.push(`${name} left`);
      const work = async (): Promise<void> => {
        went.push(name);
        if (ends !== undefined) throw ends;
      };
      await permit.send(work).catch((error: unknown) => {
        if (!(error instanceof UpstreamFault)) throw error;
      });
    });
    return { ...entry, done };
  }

  test('starts go before watched polls, and those before other polls, each in order of arrival', async () => {
    const callQueue = openQueue({ requestsPerSecond: 1, burst: 1 });
    for (const [urgency, name] of [
      ['unwatched', 'first'],
      ['unwatched', 'u1'],
      ['watched', 'w1'],
      ['unwatched', 'u2'],
      ['start', 's1'],
      ['watched', 'w2'],
      ['start', 's2'],
    ] as const) {
      call(callQueue, urgency, name);
    }
    await clock.advance(7000);
    expect(went).toEqual(['first', 's1', 's2', 'w1', 'w2', 'u1', 'u2']);
  });

  test('a call that has waited long goes before new starts, so that none waits for ever', async () => {
    const callQueue = openQueue({ requestsPerSecond: 1, burst: 1 });
    call(callQueue, 'unwatched', 'patient');
    await clock.settle();
    call(callQueue, 'unwatched', 'waits');
    for (let second = 0; second < 100; second += 1) {
      call(callQueue, 'start', `s${second}`);
      await clock.advance(900);
    }
    const position = went.indexOf('waits');
    expect(position).toBeGreaterThan(30);
    expect(position).toBeLessThan(60);
  });

  test('a queued poll moves up when a client begins to watch its run', async () => {
    const callQueue = openQueue({ requestsPerSecond: 1, burst: 1 });
    call(callQueue, 'unwatched', 'first');
    call(callQueue, 'unwatched', 'u1');
    const hurried = call(callQueue, 'unwatched', 'u2');
    hurried.raiseUrgency();
    await clock.advance(3000);
    expect(went).toEqual(['first', 'u2', 'u1']);
  });

  test('a call that leaves the queue delays no other call', async () => {
    const callQueue = openQueue({ requestsPerSecond: 1, burst: 1 });
    const leaver = new AbortController();
    call(callQueue, 'start', 'first');
    call(callQueue, 'start', 'second', undefined, leaver.signal);
    call(callQueue, 'start', 'third');
    leaver.abort();
    await clock.advance(1050);
    expect(went).toEqual(['first', 'second left', 'third']);
    expect(callQueue.waiting).toBe(0);
  });

  test('a permit that is released lets the next call go at once', async () => {
    const callQueue = openQueue({ requestsPerSecond: 1, burst: 1 });
    const permit = await callQueue.enter('start', { tenant, signal: never }).permit;
    call(callQueue, 'start', 'next');
    await clock.advance(5000);
    expect(went).toEqual([]);
    permit?.release();
    permit?.release();
    await clock.settle();
    expect(went).toEqual(['next']);
  });

  test('Retry-After delays every call, starts included, until it is over', async () => {
    const callQueue = openQueue(null);
    call(callQueue, 'unwatched', 'paused', busy(30_000));
    await clock.settle();
    expect(callQueue.state).toBe('paused');
    call(callQueue, 'start', 's');
    call(callQueue, 'watched', 'w');
    await clock.advance(29_999);
    expect(went).toEqual(['paused']);
    await clock.advance(101);
    expect(went).toEqual(['paused', 's', 'w']);
    expect(callQueue.state).toBe('up');
  });

  test.each([301, 400, 401, 403, 404, 408, 409, 410, 425, 500, 502, 504])(
    'a %i with Retry-After slows no other call',
    async (status) => {
      const callQueue = openQueue(null);
      call(callQueue, 'unwatched', 'slowed', busy(120_000, status));
      await clock.settle();
      expect(callQueue.state).toBe('up');
      call(callQueue, 'start', 's');
      await clock.settle();
      expect(went).toEqual(['slowed', 's']);
    },
  );

  test.each([429, 503])('a pause that a %i asks for a day is probed by one call after five minutes', async (status) => {
    const callQueue = openQueue(null);
    call(callQueue, 'unwatched', 'paused', busy(86_400_000, status));
    await clock.settle();
    call(callQueue, 'unwatched', 'u1', busy(86_400_000, status));
    for (const name of ['u2', 'u3', 'u4']) call(callQueue, 'unwatched', name);
    await clock.advance(299_999);
    expect(went).toEqual(['paused']);
    // The first probe is refused again, the second one answered: the others need not wait for the day to pass.
    await clock.advance(1);
    expect(went).toEqual(['paused', 'u1']);
    expect(callQueue.state).toBe('paused');
    await clock.advance(299_999);
    expect(went).toEqual(['paused', 'u1']);
    await clock.advance(1001);
    expect(went).toEqual(['paused', 'u1', 'u2', 'u3', 'u4']);
    expect(callQueue.state).toBe('up');
  });

  test('a probe that is lost leaves the pause, and another one follows as much later', async () => {
    const callQueue = openQueue(null);
    call(callQueue, 'unwatched', 'paused', busy(86_400_000));
    await clock.settle();
    call(callQueue, 'unwatched', 'lost', fault('retry', { kind: 'timeout' }));
    call(callQueue, 'unwatched', 'next');
    await clock.advance(300_000);
    expect(went).toEqual(['paused', 'lost']);
    await clock.advance(300_000);
    expect(went).toEqual(['paused', 'lost', 'next']);
  });

  test('calls that queued up during a pause do not all go at once', async () => {
    const callQueue = openQueue(null);
    call(callQueue, 'start', 'paused', busy(1000));
    await clock.settle();
    for (let run = 0; run < 300; run += 1) call(callQueue, 'unwatched', `u${run}`);
    await clock.advance(1000);
    expect(went.length).toBeLessThanOrEqual(2);
    await clock.advance(1000);
    expect(went.length).toBeGreaterThan(90);
    expect(went.length).toBeLessThan(130);
    await clock.advance(4000);
    expect(went).toHaveLength(301);
  });

  test('the backlog is the time that the queued calls need by the budget', async () => {
    const callQueue = openQueue({ requestsPerSecond: 10, burst: 10 });
    for (let run = 0; run < 30; run += 1) call(callQueue, 'unwatched', `u${run}`);
    await clock.settle();
    expect(callQueue.backlogMs('unwatched')).toBe(2020);
    expect(callQueue.backlogMs('watched')).toBe(0);
    await clock.advance(60_000);
    expect(callQueue.backlogMs('unwatched')).toBe(0);
  });
});
