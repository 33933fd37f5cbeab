import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import { boundJson } from '../../src/json/bound-json.ts';
import { readJson } from '../../src/json/exact-number.ts';

const maxBytes = 2000;
const bytesOf = (value: Json) => Buffer.byteLength(JSON.stringify(value));
const bound = (value: Json) => boundJson(value, { leftBytes: maxBytes });

const deep = (levels: number): Json => (levels === 0 ? 'x'.repeat(100) : { inner: deep(levels - 1), more: levels });

/** Values that are too large, in every form. */
const large: Readonly<Record<string, Json>> = {
  'a long text': 'x'.repeat(3_000_000),
  'a long text of many bytes': '😀ä'.repeat(100_000),
  'a long text of escapes': '\u0000"\\'.repeat(100_000),
  'a text as long as the bound': 'x'.repeat(maxBytes),
  'many small members': Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`key-${n}`, n])),
  'many small items': Array.from({ length: 1_000_000 }, () => 1),
  'long names': Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`${n}${'x'.repeat(50_000)}`, n])),
  'long texts in a list': Array.from({ length: 100 }, () => 'x'.repeat(5000)),
  'many levels': deep(100),
  'a long number': readJson(`[${'1'.repeat(5000)}]`) as Json,
};

describe('JSON within a number of bytes', () => {
  test.each(Object.entries(large))('what is left of %s fits', (_name, value) => {
    const left = bound(value);
    expect(bytesOf(left)).toBeLessThanOrEqual(maxBytes + 200);
    expect(bytesOf(left)).toBeGreaterThan(10);
  });

  test.each<Json>([null, true, 0, 'x', [], {}, { a: [1, { b: null }] }, readJson('{"n":9007199254740993}') as Json])(
    'what fits is kept as it is: %j',
    (value) => {
      expect(bound(value)).toBe(value);
    },
  );

  test('a text that is cut names its whole length', () => {
    expect(bound('x'.repeat(5000))).toMatch(/^x{1000,}… \(5000 characters\)$/);
  });

  test('lists and objects say how many members are not kept', () => {
    const list = bound(Array.from({ length: 1000 }, () => 'twelve bytes')) as readonly Json[];
    expect(list.at(-1)).toBe(`… (${1000 - list.length + 1} more)`);
    const object = bound(Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`key-${n}`, n])));
    const { '…': more, ...kept } = object as { readonly [name: string]: Json };
    expect(more).toBe(`${1000 - Object.keys(kept).length} more`);
  });
});
