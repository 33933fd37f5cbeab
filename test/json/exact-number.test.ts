import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../src/json/canonical-json.ts';
import { isExactNumber, readJson } from '../../src/json/exact-number.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { parseJson } from '../../src/json/parse-json.ts';

/** Numbers that a double cannot hold. */
const exactNumbers = [
  '9007199254740993',
  '-9007199254740993',
  '2512292042121000001',
  '1e400',
  '-1E+400',
  '1e-400',
  '-0',
  '-0.0',
  '-0e7',
  '0.1000000000000000055511151231257827',
  '123456789012345678901234567890.5',
  '4.35e-324',
];

/** What is written, and what is sent on. */
const doubles = [
  ['1.0', '1'],
  ['1e2', '100'],
  ['1E+2', '100'],
  ['100', '100'],
  ['1.50', '1.5'],
  ['0.1', '0.1'],
  ['-0.5', '-0.5'],
  ['1e21', '1e+21'],
  ['1000000000000000000000', '1e+21'],
  ['9007199254740992', '9007199254740992'],
  ['1e0000000000000000000003', '1000'],
  ['1.7976931348623157e308', '1.7976931348623157e+308'],
  ['0.000000000000000000000000', '0'],
] as const;

/** Texts without white space outside strings, so that they are written as they came. */
const places = (number: string) => [
  number,
  `[${number}]`,
  `{"a":{"b":[1,${number},"x"]},"${number}":"${number} \\" ${number} \\\\"}`,
];

describe('a number in JSON', () => {
  test.each(exactNumbers)('%s passes as it came, wherever it stands', (number) => {
    for (const text of places(number)) {
      const value = readJson(text);
      expect(JSON.stringify(value)).toBe(text);
      expect(parseJson(text, { maxDepth: 9, protoKeys: 'refuse' })).toEqual({ kind: 'json', value });
    }
  });

  test.each(doubles)('%s is a double, and is written as %s', (number, written) => {
    expect(readJson(number)).toBe(Number(number));
    expect(JSON.stringify(readJson(`{"a":[${number}]}`))).toBe(`{"a":[${written}]}`);
  });

  test('every number keeps its value, and only one that a double changes is exact', () => {
    const digits = fc.stringMatching(/^(0|[1-9]\d{0,24})$/);
    const fraction = fc.option(fc.stringMatching(/^\.\d{1,24}$/), { nil: '' });
    const exponent = fc.option(fc.stringMatching(/^[eE][+-]?\d{1,3}$/), { nil: '' });
    fc.assert(
      fc.property(fc.constantFrom('', '-'), digits, fraction, exponent, (...parts) => {
        const text = parts.join('');
        const value = readJson(text);
        const written = JSON.stringify(value);
        if (isExactNumber(value)) expect(written).toBe(text);
        // What JSON.stringify writes of a double reads as the same decimal.
        else expect(canonicalJson(readJson(`[${text}]`))).toBe(`[${JSON.stringify(Number(text))}]`);
        expect(JSON.stringify(readJson(written))).toBe(written);
      }),
      { numRuns: 2000 },
    );
  });

  test('an exact number is no object', () => {
    expect(isJsonObject(readJson('1e400'))).toBe(false);
  });

  test.each([
    ['9007199254740993', '9007199254740993.0', true],
    ['1e400', '10E399', true],
    ['-0', '0', true],
    ['9007199254740993', '9007199254740995', false],
    ['1e400', '-1e400', false],
  ])('%s and %s are equal: %s', (one, other, equal) => {
    expect(canonicalJson(readJson(one)) === canonicalJson(readJson(other))).toBe(equal);
  });
});

describe('members of objects', () => {
  test.each([
    ['{"a":1,"a":2}', '{"a":2}'],
    ['{"a":1,"b":3,"a":9007199254740993}', '{"a":9007199254740993,"b":3}'],
    ['{"__proto__":{"x":1e400},"constructor":-0}', '{"__proto__":{"x":1e400},"constructor":-0}'],
    ['{"2":1e400,"1":1}', '{"1":1,"2":1e400}'],
    ['{"s":"\\ud800","n":1e400}', '{"s":"\\ud800","n":1e400}'],
  ])('%s is sent on as %s', (text, written) => {
    expect(JSON.stringify(readJson(text))).toBe(written);
  });
});
