import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareDecimals,
  isMultipleOf,
  isWholeDecimal,
  normalizeDecimal,
  parseDecimal,
} from '../../src/json/decimal.ts';

const places = 12;
/** A number as its text, and as a count of units of the last place that any of them has. */
const numbers = fc
  .record({ digits: fc.bigInt(-(10n ** 24n), 10n ** 24n), exponent: fc.integer({ min: -places, max: places }) })
  .map(({ digits, exponent }) => ({
    text: `${digits}e${exponent}`,
    units: digits * 10n ** BigInt(exponent + places),
  }));
const unitsInOne = 10n ** BigInt(places);

describe('a decimal', () => {
  test.each([
    ['0', '0e0'],
    ['-0', '0e0'],
    ['-0.000e-7', '0e0'],
    ['1', '1e0'],
    ['1.50', '15e-1'],
    ['-100', '-1e2'],
    ['0.0012', '12e-4'],
    ['12e+3', '12e3'],
    ['1E2', '1e2'],
    ['1200.00e-2', '12e0'],
    ['9007199254740993', '9007199254740993e0'],
    ['1e0000000000000000000000000000000003', '1e3'],
  ])('%s is written as %s', (text, normal) => {
    expect(normalizeDecimal(text)).toBe(normal);
  });

  test('decimals have one text if and only if they are equal', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        expect(normalizeDecimal(a.text) === normalizeDecimal(b.text)).toBe(a.units === b.units);
        expect(normalizeDecimal(`${a.units}e-${places}`)).toBe(normalizeDecimal(a.text));
      }),
    );
  });

  test('decimals have the order of the numbers', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const order = compareDecimals(parseDecimal(a.text), parseDecimal(b.text));
        expect(Math.sign(order)).toBe(a.units === b.units ? 0 : a.units < b.units ? -1 : 1);
      }),
    );
  });

  test('a decimal is whole if it has no part behind the point', () => {
    fc.assert(
      fc.property(numbers, ({ text, units }) => {
        expect(isWholeDecimal(parseDecimal(text))).toBe(units % unitsInOne === 0n);
      }),
    );
  });

  test('a decimal is a multiple of another if no remainder is left', () => {
    fc.assert(
      fc.property(numbers, numbers, fc.bigInt(1n, 99n), (a, b, times) => {
        fc.pre(b.units !== 0n);
        const divisor = parseDecimal(b.text);
        expect(isMultipleOf(parseDecimal(a.text), divisor)).toBe(a.units % b.units === 0n);
        expect(isMultipleOf(parseDecimal(`${b.units * times}e-${places}`), divisor)).toBe(true);
      }),
    );
  });

  // Longer ones than memory could hold as digits.
  test.each([
    ['1e400', '9e399', 1],
    ['1e-400', '1e-401', 1],
    ['-1e99999999999999999999', '1', -1],
    [`1e${'9'.repeat(100_000)}`, '1e400', 1],
    [`1e-${'9'.repeat(100_000)}`, '1e-400', -1],
  ])('a number with a large exponent is compared without its digits (%#)', (a, b, sign) => {
    expect(Math.sign(compareDecimals(parseDecimal(a), parseDecimal(b)))).toBe(sign);
    expect(Math.sign(compareDecimals(parseDecimal(b), parseDecimal(a)))).toBe(-sign);
  });

  test('a number with a large exponent is divided without its digits', () => {
    const large = parseDecimal(`1e${'9'.repeat(100_000)}`);
    expect(isMultipleOf(large, parseDecimal('1024'))).toBe(true);
    expect(isMultipleOf(large, parseDecimal('3'))).toBe(false);
    expect(isMultipleOf(large, parseDecimal('0.007'))).toBe(false);
  });
});
