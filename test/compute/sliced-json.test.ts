import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSliced, stringifySliced } from '../../src/compute/sliced-json.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { measureTurns, nearlyLongest } from './held-turns.ts';

/** Texts and lists that are longer than a slice, so that every kind of value is cut somewhere. */
const large = fc.oneof(
  fc.string({ maxLength: 40 }).map((text) => text.repeat(20_000)),
  fc.json().map((text) => Array.from({ length: 9000 }, () => JSON.parse(text) as Json)),
  fc
    .json()
    .map((text) => Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`k"${n}`, JSON.parse(text) as Json]))),
);
const value: fc.Arbitrary<Json> = fc.oneof(
  large,
  fc.tuple(large, large).map(([a, b]) => ({ a, list: [1, b, null], '__proto__ ': { deep: [[a]] } })),
  fc.json().map((text) => JSON.parse(text) as Json),
) as fc.Arbitrary<Json>;

describe('sliced JSON', () => {
  test('reads and writes what JSON does', async () => {
    await fc.assert(
      fc.asyncProperty(value, fc.constantFrom(undefined, 1), async (sample, indent) => {
        const text = JSON.stringify(sample);
        expect(await stringifySliced(sample)).toBe(text);
        expect(JSON.stringify(await parseSliced(JSON.stringify(sample, null, indent)))).toBe(text);
      }),
      { numRuns: 60 },
    );
  });

  const filler = `"${'x'.repeat(50_000)}",`.repeat(3);
  test.each([
    ['ends early', `[${filler}1`],
    ['goes on', `[${filler}1] 2`],
    ['closes another way', `[${filler}1}`],
    ['lacks a value', `[${filler}]`],
    ['lacks a comma', `[${filler}1 2]`],
    ['lacks a colon', `{"a":[${filler}1],"b" 1}`],
    ['has a number as a name', `{"a":[${filler}1],1:1}`],
    ['has half an escape', `[${filler}"\\u12"]`],
    ['has a text that never ends', `["${'y'.repeat(200_000)}`],
    ['has a control character', `["${'y'.repeat(200_000)}\n"]`],
    ['is a word', `[${filler}nul]`],
    ['has a comma too many within', `{"a":{"b":"${'y'.repeat(200_000)}",}}`],
  ])('refuses a text that %s', async (_name, text) => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    await expect(parseSliced(text)).rejects.toThrow(SyntaxError);
  });

  test('keeps a member that is called __proto__', async () => {
    const text = `{"__proto__":{"a":1},"b":"${'x'.repeat(200_000)}"}`;
    expect(await stringifySliced(await parseSliced(text))).toBe(text);
  });

  test('lets the event loop turn, however large the value is', async () => {
    const text = JSON.stringify(
      Array.from({ length: 300_000 }, (_, n) => ({ id: n, name: `a"${n}`, tags: ['x', 'y'] })),
    );
    const { turnsMs } = await measureTurns(async () => await stringifySliced(await parseSliced(text)));
    expect(turnsMs.length).toBeGreaterThan(30);
    expect(nearlyLongest(turnsMs)).toBeLessThan(15);
  });
});
