import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { compareDecimals, isMultipleOf, isWholeDecimal, parseDecimal } from '../../src/json/decimal.ts';
import { isExactNumber, readJson } from '../../src/json/exact-number.ts';
import { numbersOf, standInForExactNumbers, Unjudged } from '../../src/validation/stand-in-numbers.ts';

const big = '9007199254740993';

function standIn(text: string, schema: JsonObject = {}): Json {
  return standInForExactNumbers(readJson(text), numbersOf(schema));
}

const decimalOf = (double: number) => parseDecimal(String(double));

describe('a double that stands in for an exact number', () => {
  const sources = fc.oneof(
    fc.bigInt(-(10n ** 30n), 10n ** 30n).map(String),
    fc.tuple(fc.bigInt(-(10n ** 20n), 10n ** 20n), fc.integer({ min: -400, max: 400 })).map((two) => two.join('e')),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: 1, max: 1e9 }).map((double) => `${double.toFixed(25)}1`),
  );
  const limits = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer());
  const divisors = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constantFrom(0.01, 0.1, 0.25, 0.5));

  test('a stand-in is judged like the exact number by every limit, divisor and type of its schema', () => {
    let judged = 0;
    fc.assert(
      fc.property(sources, limits, limits, divisors, (source, minimum, maximum, multipleOf) => {
        const exact = readJson(source);
        fc.pre(isExactNumber(exact));
        const decimal = parseDecimal(source);
        let double: Json;
        try {
          double = standIn(source, { minimum, maximum, multipleOf });
        } catch (fault) {
          // Refused in words instead of judged wrongly; the count below says how rarely.
          expect(fault).toBeInstanceOf(Unjudged);
          return;
        }
        judged += 1;
        if (typeof double !== 'number') throw new Error('not a number');
        expect(Number.isInteger(double)).toBe(isWholeDecimal(decimal));
        for (const limit of [minimum, maximum, 0]) {
          expect(Math.sign(compareDecimals(decimalOf(double), decimalOf(limit)))).toBe(
            Math.sign(compareDecimals(decimal, decimalOf(limit))),
          );
        }
        expect(isMultipleOf(decimalOf(double), decimalOf(multipleOf))).toBe(
          isMultipleOf(decimal, decimalOf(multipleOf)),
        );
      }),
    );
    expect(judged).toBeGreaterThan(50);
  });

  test('a number has a stand-in under a schema without numbers', () => {
    fc.assert(
      fc.property(sources, (source) => {
        expect(typeof standIn(source)).toBe('number');
      }),
    );
  });

  test('equal numbers have one stand-in, and other numbers have others', () => {
    const [a, b, c, d] = standIn(`[${big},${big}.0,9007199254740995,9007199254740992]`) as readonly number[];
    expect(a).toBe(b);
    expect(new Set([a, c, d]).size).toBe(3);
    expect(d).toBe(9007199254740992);
  });

  test('a double of the value or of the schema stands in for no other number', () => {
    expect(standIn(big, { not: { const: 9007199254740992 } })).not.toBe(9007199254740992);
    expect(standIn(`[${big},9007199254740994]`, {})).toEqual([expect.any(Number), 9007199254740994]);
    expect((standIn(`[${big},9007199254740994]`, {}) as readonly number[])[0]).not.toBe(9007199254740994);
  });

  test('every other part of the value stays as it is', () => {
    const value = { a: [1, 'x', null, true], __proto: { b: {} } };
    expect(standIn(JSON.stringify(value))).toEqual(value);
    expect(standIn(`{"a":[1,${big}],"b":"${big}"}`)).toEqual({ a: [1, expect.any(Number)], b: big });
  });

  test.each(['-0', '-0.0', '-0e7'])('%s is zero', (text) => {
    expect(standIn(text)).toBe(0);
  });

  test.each([
    [`{"n":${big}}`, '/n'],
    [`[1,{"a/b":[${big}]}]`, '/1/a~1b/0'],
  ])(
    'an exact number of %s between two limits without a double between them is refused with its pointer',
    (text, at) => {
      const schema = { enum: [9007199254740992, 9007199254740994] };
      expect(() => standIn(text, schema)).toThrow(expect.objectContaining({ name: 'Unjudged', pointer: at }));
    },
  );
});
