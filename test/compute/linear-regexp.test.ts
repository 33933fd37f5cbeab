import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePattern, LinearRegExp } from '../../src/compute/linear-regexp.ts';

/** Patterns over a small alphabet, so that texts often match. */
const pattern = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(
      'a',
      'b',
      '.',
      '\\w',
      '\\d',
      '\\s',
      '[ab]',
      '[^a]',
      '[\\w-.]',
      '\\b',
      '^',
      '$',
      '-',
      '\\-',
      '\u00e9',
    ),
    fc.tuple(tie('any'), tie('any')).map(([a, b]) => a + b),
    fc.tuple(tie('any'), tie('any')).map(([a, b]) => `(?:${a}|${b})`),
    fc.tuple(tie('any'), fc.constantFrom('*', '+', '?', '*?', '{1,2}', '{2}')).map(([a, count]) => `(?:${a})${count}`),
    tie('any').map((a) => `(${a})`),
  ),
})).any;
/** Without loops over what may be empty: of those, RE2 leaves the empty turns out that ECMAScript takes. */
const plainPattern = fc
  .array(
    fc.tuple(
      fc.constantFrom('a', 'b', '.', '\\w', '(a|b)', '(ab|a)', '[^a]', '(?:a|(b))'),
      fc.constantFrom('', '+', '*', '?', '+?', '*?', '{1,2}'),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.map(([part, count]) => part + count).join(''));
const text = fc.string({
  unit: fc.constantFrom('a', 'b', '-', '.', ' ', '1', '\n', '\u2028', '\u00e9', 'A'),
  maxLength: 8,
});

describe('a linear regular expression', () => {
  test('finds what the engine of ECMAScript finds', () => {
    fc.assert(
      fc.property(pattern, text, fc.constantFrom('', 'i', 's'), (source, value, flags) => {
        expect(compilePattern(source, flags).test(value)).toBe(new RegExp(source, flags).test(value));
      }),
      { numRuns: 3000 },
    );
  });

  test('counts code points where it is one counted part', () => {
    const part = fc.constantFrom('a', '.', '[ab]', '\\w', '[^a]');
    const count = fc.constantFrom('{1,3}', '{2,}', '{3}', '{0,2}', '*', '+');
    fc.assert(
      fc.property(part, count, text, (repeated, times, value) => {
        const source = `^${repeated}${times}$`;
        expect(compilePattern(source).test(value)).toBe(new RegExp(source, 'u').test(value));
      }),
      { numRuns: 1000 },
    );
  });

  test('goes from match to match as the engine of ECMAScript does', () => {
    fc.assert(
      fc.property(plainPattern, text, (source, value) => {
        const [linear, native] = [new LinearRegExp(new RegExp(source, 'g')), new RegExp(source, 'g')];
        for (let step = 0; step < 4; step++) {
          const [found, expected] = [linear.exec(value), native.exec(value)];
          expect([found?.index, found?.[0], linear.lastIndex]).toEqual([
            expected?.index,
            expected?.[0],
            native.lastIndex,
          ]);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['nested counts', '^(a+)+$', 'a', '!'],
    ['alternatives that overlap', '^(a|a)*$', 'a', '!'],
    ['a row of stars', '^.*.*.*.*.*=$', 'x', '!'],
    ['a word and its end', '(\\w+\\s?)+$', 'word ', '!'],
    ['empty loops', '^(a*)*b$', 'a', '!'],
    ['a text within', '(.*)*(a|b)*c', 'ab', '!'],
  ])('takes a text of a megabyte: %s', (_name, source, part, end) => {
    const value = part.repeat(1_000_000 / part.length) + end;
    expect(compilePattern(source).test(value)).toBe(false);
  });
});
