import { describe, expect, test } from 'vitest';
import type { Delivery, WebhookAnswer } from '../../src/contract/domain/webhook.ts';
import { decideRetry, nextDelayMs } from '../../src/engine/webhooks/retry-policy.ts';

const dayMs = 86_400_000;
const delivery: Delivery = {
  runId: 'run',
  seq: 2,
  tenant: 'main',
  url: 'https://a.test/hook',
  receiver: 'a.test',
  body: '{}',
  state: 'waiting',
  attempts: 0,
  createdAtMs: 0,
  sinceMs: 0,
  dueAtMs: 0,
  endedAtMs: null,
  failure: null,
};
const answered = (status: number, retryAfterMs: number | null = null): WebhookAnswer => ({
  kind: 'answered',
  status,
  retryAfterMs,
});
const judged = (answer: WebhookAnswer, attempts = 0, nowMs = 0) =>
  decideRetry({ ...delivery, attempts }, answer, { nowMs, random: 0, giveUpMs: dayMs });

describe('an attempt', () => {
  test.each([200, 201, 204, 299])('an attempt that is answered with %i is delivered', (status) => {
    expect(judged(answered(status))).toEqual({ kind: 'delivered' });
  });

  test.each([100, 301, 302, 307, 308, 400, 404, 409, 500, 503])(
    'an attempt that is answered with %i is retried',
    (status) => {
      expect(judged(answered(status))).toMatchObject({ kind: 'retry', failure: `the receiver answered ${status}` });
    },
  );

  test.each(['failed', 'forbidden'] as const)('an attempt that is %s is retried', (kind) => {
    expect(judged({ kind, reason: 'because' })).toEqual({ kind: 'retry', delayMs: 5000, failure: 'because' });
  });

  test('an attempt that is answered with 410 stops the deliveries of the run', () => {
    expect(judged(answered(410))).toMatchObject({ kind: 'stopped' });
  });

  test('a retry waits for Retry-After, at most an hour and never less than the backoff', () => {
    expect(judged(answered(503, 60_000))).toMatchObject({ delayMs: 60_000 });
    expect(judged(answered(503, dayMs))).toMatchObject({ delayMs: 3_600_000 });
    expect(judged(answered(503, 1))).toMatchObject({ delayMs: 5000 });
  });

  test('a delivery fails when its next attempt would come too late', () => {
    expect(judged(answered(500), 20, dayMs - 3_600_000)).toMatchObject({ kind: 'retry' });
    expect(judged(answered(500), 20, dayMs - 3_599_999)).toMatchObject({ kind: 'failed' });
  });
});

test('delays grow to an hour, and jitter shortens them by up to half', () => {
  const delays = Array.from({ length: 9 }, (_, n) => nextDelayMs(n + 1, 0) / 1000);
  expect(delays).toEqual([5, 15, 45, 135, 405, 1215, 3600, 3600, 3600]);
  expect(nextDelayMs(1, 0.999_999)).toBe(2500);
  expect(nextDelayMs(1000, 0)).toBe(3_600_000);
});

test('a receiver that is down for a day gets about thirty attempts', () => {
  let nowMs = 0;
  for (let attempts = 0; ; attempts += 1) {
    const verdict = judged(answered(500), attempts, nowMs);
    if (verdict.kind !== 'retry') {
      expect(verdict.kind).toBe('failed');
      expect(attempts).toBe(29);
      expect(dayMs - nowMs).toBeLessThan(3_600_000);
      return;
    }
    nowMs += verdict.delayMs;
  }
});
