import { describe, expect, test } from 'vitest';
import { glimpse } from '../../src/upstream/glimpse.ts';

/** The bytes that arrived, and the texts at their top level. */
const seen: readonly (readonly [bytes: string, texts: object | null])[] = [
  ['{"runId":"r","status":"completed","result":"xxx', { runId: 'r', status: 'completed' }],
  ['{"status":"completed"', {}],
  ['{"result":"xxx","status":"completed"}', { result: 'xxx', status: 'completed' }],
  ['{"a":"b","result":"x\\",\\"status\\":\\"completed\\",', { a: 'b' }],
  ['{"a":"b","result":"x\\', { a: 'b' }],
  ['{"status":"completed",', { status: 'completed' }],
  ['{"a":{"status":"completed"},"status":"running","b":[', { status: 'running' }],
  ['{"a":["status","completed"],"status":"running",', { status: 'running' }],
  ['{"a":"\\"status\\":\\"completed\\"","status":"run\\u006eing",', { a: '"status":"completed"', status: 'running' }],
  ['{"status":7,"x":"y",', { x: 'y' }],
  ['{"status":"a","status":"b",', { status: 'b' }],
  ['{"__proto__":"x",', Object.fromEntries([['__proto__', 'x']])],
  ['  {"status":"completed"}', { status: 'completed' }],
  ['[{"status":"completed",', null],
  ['"completed"', null],
  ['<html>', null],
  ['', null],
];

describe('what can be read of an answer', () => {
  test.each(seen)('the texts at the top level of %s are read', (bytes, texts) => {
    expect(glimpse(Buffer.from(bytes))).toEqual(texts);
  });

  test('an answer of many MiB is looked at no further than its beginning', () => {
    const bytes = Buffer.from(`{"a":"${'x'.repeat(10_000_000)}","status":"completed",`);
    expect(glimpse(bytes)).toEqual({});
  });

  test('an answer that is made to be slow to look at is looked at within milliseconds', () => {
    const bytes = Buffer.from(`{"a":"${'\\"'.repeat(40_000)}`);
    const sinceMs = performance.now();
    expect(glimpse(bytes)).toEqual({});
    expect(performance.now() - sinceMs).toBeLessThan(100);
  });

  test('bytes that are no text do not hide the status before them', () => {
    expect(glimpse(Buffer.from('{"status":"completed","result":"Jos\xe9"}', 'latin1'))).toMatchObject({
      status: 'completed',
    });
  });
});
