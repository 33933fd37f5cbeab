import { beforeEach, describe, expect, test } from 'vitest';
import type { UpstreamFault } from '../../src/contract/adapter/http.ts';
import { AccountHealth } from '../../src/engine/limits/account-health.ts';
import { currentAdmission } from '../../src/engine/limits/call-permit.ts';
import { CallQueue, type Urgency } from '../../src/engine/limits/call-queue.ts';
import type { Rate } from '../../src/engine/limits/rate-limit.ts';
import { silentLog } from '../store/runs.ts';
import { fault } from './scripted-vendor.ts';
import { VirtualClock } from './virtual-clock.ts';

// One call of an adapter makes several HTTP requests.

let clock: VirtualClock;
let queue: CallQueue;
/** When each request went. */
let sentMs: number[];
const never = new AbortController().signal;

beforeEach(() => {
  clock = new VirtualClock();
  sentMs = [];
});

function open(rate: Rate | null): void {
  queue = new CallQueue(
    { clock, health: new AccountHealth({ clock, log: silentLog }), maxPauseMs: 300_000, maxConnections: 128 },
    rate,
  );
}

/** As the client does before and after it sends. */
async function request(error: UpstreamFault | null = null, signal?: AbortSignal, tookMs = 0): Promise<boolean> {
  const request = await currentAdmission()?.enter(signal);
  if (request == null) return false;
  sentMs.push(clock.monotonicMs());
  if (tookMs > 0) await new Promise<void>((resolve) => clock.schedule(tookMs, resolve));
  request.settle(error);
  if (error !== null) throw error;
  return true;
}

async function call<T>(work: () => Promise<T>, urgency: Urgency = 'unwatched', signal = never): Promise<T | null> {
  const permit = await queue.enter(urgency, { tenant: 'default', signal }).permit;
  return permit === null ? null : await permit.send(work);
}

async function inTurn(requests: number): Promise<void> {
  for (let made = 0; made < requests; made += 1) await request();
}

describe('a call that makes several requests', () => {
  test.each([2, 3, 4, 5])(
    'a call of %i requests takes so many of the budget, and its first goes at once',
    async (count) => {
      open({ requestsPerSecond: 1, burst: 1 });
      void call(() => inTurn(count));
      await clock.advance(10_000);
      expect(sentMs).toHaveLength(count);
      expect(sentMs[0]).toBe(0);
      for (const [index, atMs] of sentMs.entries()) expect(atMs).toBeGreaterThanOrEqual(index * 1000);
    },
  );

  test('calls of several requests never send more in a second than the budget has, and all of them end', async () => {
    open({ requestsPerSecond: 4, burst: 4 });
    const calls = Array.from({ length: 12 }, (_, index) => call(() => inTurn(1 + (index % 5))));
    await clock.advance(20_000);
    await Promise.all(calls);
    expect(sentMs).toHaveLength(12 + 0 + 1 + 2 + 3 + 4 + 0 + 1 + 2 + 3 + 4 + 0 + 1);
    for (const [index, atMs] of sentMs.entries()) {
      const fifth = sentMs[index + 4];
      if (fifth !== undefined) expect(fifth - atMs).toBeGreaterThanOrEqual(1000);
    }
  });

  test('what completes a call goes before calls that wait to begin', async () => {
    open({ requestsPerSecond: 1, burst: 1 });
    const order: string[] = [];
    void call(async () => {
      await request();
      await request();
      order.push('completed');
    });
    await clock.settle();
    for (const name of ['other', 'another']) void call(async () => void order.push(name));
    await clock.advance(5000);
    expect(order).toEqual(['completed', 'other', 'another']);
  });

  test('a call without a request of its own counts as one', async () => {
    open({ requestsPerSecond: 1, burst: 1 });
    const wentMs: number[] = [];
    for (let index = 0; index < 3; index += 1) void call(async () => void wentMs.push(clock.monotonicMs()));
    await clock.advance(5000);
    expect(wentMs[1]).toBeGreaterThanOrEqual(1000);
    expect(wentMs[2]).toBeGreaterThanOrEqual(2000);
  });

  test('outside a call nothing admits requests, not even what admits those of another call', async () => {
    open(null);
    expect(currentAdmission()).toBeUndefined();
    await call(async () => expect(currentAdmission()).toBeDefined());
    expect(currentAdmission()).toBeUndefined();
  });

  test('a probe whose first request is answered closes the circuit before its second waits', async () => {
    open(null);
    for (let index = 0; index < 5; index += 1) {
      await call(() => request(fault('retry', { kind: 'refused' }))).catch(() => {});
    }
    expect(queue.state).toBe('down');
    sentMs = [];
    const done = call(() => inTurn(3));
    await clock.advance(5000);
    await done;
    expect(sentMs).toHaveLength(3);
    expect(queue.state).toBe('up');
  });

  test('parallel requests of a probe wait for the first of them, and then go', async () => {
    open(null);
    for (let index = 0; index < 5; index += 1) {
      await call(() => request(fault('retry', { kind: 'refused' }))).catch(() => {});
    }
    sentMs = [];
    const done = call(() => Promise.all([request(null, undefined, 300), request(), request()]));
    await clock.advance(5000);
    expect(await done).toEqual([true, true, true]);
    expect((sentMs[1] ?? 0) - (sentMs[0] ?? 0)).toBeGreaterThanOrEqual(300);
  });

  test('each silent request counts for the circuit', async () => {
    open(null);
    const silent = () => request(fault('retry', { kind: 'cut' })).catch(() => false);
    await call(async () => {
      for (let index = 0; index < 5; index += 1) await silent();
    });
    expect(queue.state).toBe('down');
  });

  test('a pause that one request is asked for holds back the next one of the same call', async () => {
    open(null);
    const busy = fault('retry', { httpStatus: 429, retryAfterMs: 3000 });
    void call(async () => {
      await request(busy).catch(() => {});
      await request();
    });
    await clock.advance(2900);
    expect(sentMs).toHaveLength(1);
    await clock.advance(2000);
    expect(sentMs).toHaveLength(2);
  });

  test.each(['of the run', 'of the request'])(
    'a request whose signal, that %s, fires while it waits is not sent',
    async (whose) => {
      open({ requestsPerSecond: 1, burst: 1 });
      const abort = new AbortController();
      const [ofRun, ofRequest] = whose === 'of the run' ? [abort.signal, undefined] : [never, abort.signal];
      const seen: boolean[] = [];
      void call(
        async () => {
          await request();
          seen.push(await request(null, ofRequest));
        },
        'watched',
        ofRun,
      );
      await clock.settle();
      abort.abort();
      await clock.advance(5000);
      expect(seen).toEqual([false]);
      expect(sentMs).toHaveLength(1);
      expect(queue.isIdle).toBe(true);
    },
  );
});
