import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJsonSliced, parseSliced, stringifySliced } from '../../src/compute/sliced-json.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { parseJson } from '../../src/json/parse-json.ts';
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

describe('untrusted JSON that is read in slices', () => {
  const filler = 'x'.repeat(70_000);
  const nested = (depth: number, inmost = '1'): string => `${'{"a":['.repeat(depth)}${inmost}${']}'.repeat(depth)}`;
  const many = Array.from({ length: 9000 }, (_, n) => `"k${n}":[${n}]`).join(',');

  test.each([
    ['a text', `{"a":"${filler}","b":[1,{"c":2}]}`],
    ['a value as deep as may be', `{"a":"${filler}","b":${nested(4)}}`],
    ['a value that is too deep in a slice', `{"a":"${filler}","b":${nested(5)}}`],
    ['a value that is too deep behind a large one', `[[[[[[[[["${filler}",[[1]]]]]]]]]]]`],
    ['large values that are too deep', `[[[[[[[[[["${filler}"]]]]]]]]]]`],
    ['many members of one level', `{${many}}`],
    ['many members that are too deep at the end', `{${many},"z":${nested(5)}}`],
    ['a forbidden name of a small member', `{"a":"${filler}","b":{"__proto__":1}}`],
    ['a forbidden name of a large member', `{"b":{"__proto__":"${filler}"}}`],
    ['a forbidden name that is written with escapes', `{"b":{"\\u005f_proto__":"${filler}"}}`],
    ['a text that speaks of the forbidden name', `{"b":"__proto__ ${filler}"}`],
    ['numbers that a double cannot hold', `[${'12345678901234567890.12,'.repeat(5000)}-0,1e400]`],
    ['half a value', `{"a":"${filler}","b":[1`],
    ['nothing but brackets', '['.repeat(200_000)],
  ])('%s is read or refused as it is when it is read whole', async (_name, text) => {
    for (const protoKeys of ['refuse', 'keep'] as const) {
      const rules = { maxDepth: 9, protoKeys };
      const [sliced, whole] = [await parseJsonSliced(text, rules), parseJson(text, rules)];
      // What is malformed as well as too deep may be called either.
      if (whole.kind === 'malformed') expect(['malformed', 'too-deep']).toContain(sliced.kind);
      else expect(sliced.kind).toBe(whole.kind);
      if (whole.kind === 'json' && sliced.kind === 'json') {
        expect(JSON.stringify(sliced.value)).toBe(JSON.stringify(whole.value));
      }
    }
  });

  test('any value is the same whether it is read whole or in slices', async () => {
    await fc.assert(
      fc.asyncProperty(value, fc.integer({ min: 1, max: 8 }), async (sample, maxDepth) => {
        const text = JSON.stringify([sample, filler]);
        for (const protoKeys of ['refuse', 'keep'] as const) {
          const sliced = await parseJsonSliced(text, { maxDepth, protoKeys });
          expect(JSON.stringify(sliced)).toBe(JSON.stringify(parseJson(text, { maxDepth, protoKeys })));
        }
      }),
      { numRuns: 40 },
    );
  });

  test.each([
    ['300,000 members', `{${Array.from({ length: 300_000 }, (_, n) => `"k${n}":${n}`).join(',')}}`],
    ['200,000 numbers that a double cannot hold', `[${'12345678901234567890.12,'.repeat(200_000)}1]`],
    ['1,500,000 escapes', `["${'\\u0041'.repeat(1_500_000)}"]`],
    ['800,000 empty lists', `[${'[],'.repeat(800_000)}[]]`],
  ])('JSON of %s lets the event loop turn', async (_name, text) => {
    const rules = { maxDepth: 100, protoKeys: 'refuse' } as const;
    const { turnsMs } = await measureTurns(async () => await parseJsonSliced(text, rules));
    expect(turnsMs.length).toBeGreaterThan(2);
    expect(nearlyLongest(turnsMs)).toBeLessThan(25);
  });
});
