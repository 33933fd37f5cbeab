import { describe, expect, test } from 'vitest';
import { actOnce, endRun, observeRun } from '../../adapters/call-rules.ts';
import type { Consequence } from '../../src/contract/adapter/http.ts';
import { classifyFault, type Happening } from '../../src/upstream/fault-rule.ts';
import { maxRetryAfterMs, readRetryAfterMs } from '../../src/upstream/retry-after.ts';

const nowMs = Date.parse('2026-11-22T10:00:00Z');

function status(code: number, isVendors = true): Happening {
  return { kind: 'http-status', status: code, isVendors };
}

type Row = readonly [Happening, Consequence, Consequence, Consequence];

/** Happening, then what it means for a start, a resume or a message, for an observation, for a cancel. */
const table: readonly Row[] = [
  [{ kind: 'refused' }, 'retry', 'retry', 'retry'],
  [{ kind: 'reset' }, 'retry', 'retry', 'retry'],
  [{ kind: 'unsendable' }, 'rejected', 'retry', 'rejected'],
  [{ kind: 'timeout', sent: false }, 'retry', 'retry', 'retry'],
  [{ kind: 'timeout', sent: true }, 'unknown', 'retry', 'retry'],
  [{ kind: 'aborted', sent: false }, 'retry', 'retry', 'retry'],
  [{ kind: 'aborted', sent: true }, 'unknown', 'retry', 'retry'],
  [{ kind: 'cut' }, 'unknown', 'retry', 'retry'],
  [{ kind: 'malformed' }, 'unknown', 'retry', 'retry'],
  [{ kind: 'too-large' }, 'unknown', 'retry', 'retry'],
  [status(301), 'rejected', 'retry', 'rejected'],
  [status(304), 'rejected', 'retry', 'rejected'],
  [status(400), 'rejected', 'retry', 'rejected'],
  [status(401), 'rejected', 'retry', 'rejected'],
  [status(403), 'rejected', 'retry', 'rejected'],
  [status(404), 'rejected', 'gone', 'gone'],
  [status(408), 'unknown', 'retry', 'retry'],
  [status(409), 'rejected', 'retry', 'rejected'],
  [status(410), 'rejected', 'gone', 'gone'],
  [status(422), 'rejected', 'retry', 'rejected'],
  [status(425), 'retry', 'retry', 'retry'],
  [status(429), 'retry', 'retry', 'retry'],
  [status(500), 'unknown', 'retry', 'retry'],
  [status(502), 'unknown', 'retry', 'retry'],
  [status(503), 'retry', 'retry', 'retry'],
  [status(504), 'unknown', 'retry', 'retry'],
  [status(599), 'unknown', 'retry', 'retry'],
  [status(429, false), 'unknown', 'retry', 'retry'],
  [status(503, false), 'unknown', 'retry', 'retry'],
  [status(425, false), 'retry', 'retry', 'retry'],
];

test.each(table)('%j means what the table says for a call sent once, an observation and a cancel', (...row) => {
  const [happening, once, observe, cancel] = row;
  expect(classifyFault(actOnce, happening)).toBe(once);
  expect(classifyFault(observeRun, happening)).toBe(observe);
  expect(classifyFault(endRun, happening)).toBe(cancel);
});

test('the row of a call for a busy vendor says what any 429 and 503 mean', () => {
  for (const busy of ['retry', 'unknown', 'rejected'] as const) {
    const rule = { retry: 'at-most-once', faults: { busy } } as const;
    const judged = [true, false].flatMap((own) =>
      [429, 503, 502].map((code) => classifyFault(rule, status(code, own))),
    );
    expect(judged).toEqual([busy, busy, 'unknown', busy, busy, 'unknown']);
  }
});

test('the rows of a call say what a refusal and "not found" mean, and nothing else', () => {
  const faults = { refused: 'unknown', notFound: 'retry' } as const;
  for (const retry of ['safe', 'at-most-once'] as const) {
    const lost = retry === 'safe' ? 'retry' : 'unknown';
    const judged = [400, 404, 410, 422, 408, 500, 429, 503].map((code) =>
      classifyFault({ retry, faults }, status(code)),
    );
    expect(judged).toEqual(['unknown', 'retry', 'retry', 'unknown', lost, lost, 'retry', 'retry']);
    expect(classifyFault({ retry, faults }, { kind: 'unsendable' })).toBe('unknown');
    // Without a row of its own, "not found" is a refusal like the others.
    expect(classifyFault({ retry, faults: { refused: 'retry' } }, status(404))).toBe('retry');
    expect(classifyFault({ retry }, status(404))).toBe('rejected');
  }
});

describe('how long to wait', () => {
  test.each([
    ['0', 0],
    ['7', 7_000],
    [' 7 ', 7_000],
    ['1.5', 1_500],
    ['86400', maxRetryAfterMs],
    ['Sun, 22 Nov 2026 10:00:30 GMT', 30_000],
    ['Sunday, 22-Nov-26 10:00:30 GMT', 30_000],
    ['Sun Nov 22 10:00:30 2026', 30_000],
    ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
    ['Sun, 22 Nov 2099 10:00:00 GMT', maxRetryAfterMs],
    ['', null],
    ['-1', null],
    ['soon', null],
    ['foo 1', null],
    ['Sunday', null],
    ['Sun, 99 Foo 2026 10:00:30 GMT', null],
  ])('Retry-After %j of a 429 gives the expected wait', (value, expected) => {
    expect(readRetryAfterMs(429, { 'retry-after': value }, nowMs)).toBe(expected);
  });

  test('a date in Retry-After is measured by the clock of the vendor', () => {
    const headers = { date: 'Sun, 22 Nov 2026 12:00:00 GMT', 'retry-after': 'Sun, 22 Nov 2026 12:00:10 GMT' };
    expect(readRetryAfterMs(503, headers, nowMs)).toBe(10_000);
  });

  test.each([
    ['30', 30_000],
    [`${nowMs / 1000 + 30}`, 30_000],
    [`${nowMs + 30_000}`, 30_000],
    [`${nowMs / 1000 - 30}`, 0],
    ['Sun, 22 Nov 2026 10:00:30 GMT', null],
  ])('X-RateLimit-Reset %j gives the expected wait for a 429 only', (value, expected) => {
    expect(readRetryAfterMs(429, { 'x-ratelimit-reset': value }, nowMs)).toBe(expected);
    expect(readRetryAfterMs(429, { 'ratelimit-reset': value }, nowMs)).toBe(expected);
    expect(readRetryAfterMs(404, { 'x-ratelimit-reset': value }, nowMs)).toBeNull();
  });

  test('Retry-After wins over the rate limit hints, and the first of two over the second', () => {
    expect(readRetryAfterMs(429, { 'retry-after': ['2', '9'], 'x-ratelimit-reset': '30' }, nowMs)).toBe(2_000);
    expect(readRetryAfterMs(429, { 'retry-after': 'soon', 'x-ratelimit-reset': '30' }, nowMs)).toBe(30_000);
    expect(readRetryAfterMs(500, {}, nowMs)).toBeNull();
  });
});
