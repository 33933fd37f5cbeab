import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import { compileMapping } from '../../src/mapping/compile.ts';
import { maxVendorBytes, pickVendorWords } from '../../src/mapping/vendor-words.ts';

const base = { status: { done: 'success' }, output: 'output' };

function mappingOf(...layers: readonly object[]) {
  const compiled = compileMapping([base, ...layers].map((mapping, at) => ({ source: `layer ${at}`, mapping })));
  if (compiled.kind !== 'compiled') throw new Error(JSON.stringify(compiled.problems));
  return compiled.mapping;
}

const raw = {
  runId: 'r',
  status: 'failed',
  output: { large: 'x' },
  error: { code: 'E', correlation_id: 'c', details: { deep: [1] } },
};

describe("what is kept of a vendor's last answer", () => {
  test.each<readonly [Json, readonly string[], Json]>([
    [raw, ['runId', 'error.code'], { runId: 'r', error: { code: 'E' } }],
    [raw, ['error.code', 'error.details.deep'], { error: { code: 'E', details: { deep: [1] } } }],
    [raw, ['error', 'error.code'], { error: raw.error }],
    [raw, ['missing', 'error.missing', 'runId.length'], {}],
    [{ error: 'boom' }, ['error', 'error.code'], { error: 'boom' }],
    [
      JSON.parse('{"__proto__":{"a":1},"constructor":2}') as Json,
      ['__proto__.a', 'constructor'],
      JSON.parse('{"__proto__":{"a":1},"constructor":2}') as Json,
    ],
    ['text', ['runId'], {}],
    [null, ['runId'], {}],
    [[1], ['0', 'length'], {}],
  ])('of %j the paths %j give %j', (value, paths, expected) => {
    expect(JSON.stringify(pickVendorWords(value, paths))).toBe(JSON.stringify(expected));
  });

  test('the last layer that names members decides, and without one the usual members are kept', () => {
    expect(mappingOf().describeEnd(raw)).toEqual({ runId: 'r', status: 'failed', error: raw.error });
    expect(mappingOf({ vendor: ['status'] }, { vendor: ['error.code'] }).describeEnd(raw)).toEqual({
      error: { code: 'E' },
    });
    expect(mappingOf({ vendor: [] }).describeEnd(raw)).toEqual({});
  });

  test.each(['', 'a..b', '.a', 'a.', 'a b', '$x'])('the path %j is judged when the mapping is compiled', (path) => {
    const compiled = compileMapping([{ source: 'x', mapping: { ...base, vendor: [path] } }]);
    expect(compiled.kind).toBe(path === '$x' ? 'compiled' : 'refused');
  });

  test('details of many MiB are kept within the bound', () => {
    const details = Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`key-${n}`, 'x'.repeat(1000)]));
    const kept = pickVendorWords({ runId: 'r', error: { code: 'E', details }, status: 'failed' }, [
      'runId',
      'error',
      'status',
    ]);
    const bytes = Buffer.byteLength(JSON.stringify(kept));
    expect(bytes).toBeLessThanOrEqual(maxVendorBytes + 1000);
    expect(bytes).toBeGreaterThan(8000);
    expect(kept).toMatchObject({ runId: 'r', error: { code: 'E' } });
  });
});
