import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { compilePattern, LinearRegExp } from '../../src/compute/linear-regexp.ts';
import { UnsupportedRegExp } from '../../src/compute/translate-regexp.ts';

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

function compiledOrNull(source: string) {
  try {
    return compilePattern(source);
  } catch (error) {
    if (error instanceof UnsupportedRegExp) return null;
    throw error;
  }
}

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

  test('looks ahead from a fixed place as the engine of ECMAScript does', () => {
    const plain = fc
      .array(
        fc.tuple(fc.constantFrom('a', 'b', '.', '\\w', '[^a]', '(?:a|bb)', '$'), fc.constantFrom('', '*', '?', '{2}')),
        {
          maxLength: 3,
        },
      )
      .map((parts) => parts.map(([part, count]) => (part === '$' ? part : part + count)).join(''));
    const fixed = fc.constantFrom('', 'a', '.', '[ab]{2}', '(?:a|b)', '\\b');
    const ahead = fc.tuple(fc.constantFrom('=', '!'), plain, fc.boolean()).map(([sign, inner, isNested]) => {
      return isNested ? `(?${sign}(?!b)${inner})` : `(?${sign}${inner})`;
    });
    const part = fc.tuple(fixed, ahead, fc.option(ahead, { nil: '' }), plain).map((parts) => parts.join(''));
    const whole = fc.oneof(
      part.map((one) => `^${one}`),
      fc.tuple(part, part).map(([a, b]) => `^(?:${a}|${b})$`),
      fc.tuple(part, part, plain).map(([a, b, rest]) => `^(${a})?${b}|^${rest}`),
      fc.tuple(ahead, plain).map(([a, rest]) => `${a}^${rest}`),
    );
    let compiled = 0;
    fc.assert(
      fc.property(whole, text, (source, value) => {
        const linear = compiledOrNull(source);
        if (linear === null) return;
        compiled += 1;
        expect(linear.test(value)).toBe(new RegExp(source, 'u').test(value));
      }),
      { numRuns: 5000 },
    );
    expect(compiled).toBeGreaterThan(2000);
  });

  test('knows the properties of Unicode as the engine of ECMAScript does', () => {
    const names = ['Emoji', 'Extended_Pictographic', 'Alphabetic', 'White_Space', 'ID_Start', 'Lowercase'];
    const property = fc
      .tuple(fc.constantFrom(...names), fc.constantFrom('p', 'P'))
      .map(([name, sign]) => `\\${sign}{${name}}`);
    fc.assert(
      fc.property(property, fc.string({ unit: 'binary', maxLength: 4 }), (set, value) => {
        for (const source of [`^${set}+$`, `[^${set}a]`]) {
          expect(compilePattern(source).test(value.toWellFormed())).toBe(
            new RegExp(source, 'u').test(value.toWellFormed()),
          );
        }
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['a lookahead in the middle', '^a*(?=b)'],
    ['a lookahead that is not anchored', '(?=.*b).{2}'],
    ['a lookahead that repeats', '^(?:(?!ab).)*$'],
    ['a lookahead in a line', '^(?:a|b(?:c+(?!d)))$'],
    ['too many alternatives', `^${'(?:(?=a)|(?=b))'.repeat(8)}`],
  ])('refuses %s', (_name, source) => {
    expect(() => compilePattern(source)).toThrow(/looks ahead/);
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
    ['lookaheads at its beginning', '^(?=.*[A-Z])(?=(a+)+$)(?!.*b).{8,}$', 'a', '!'],
    ['the duration of zod', z.regexes.duration.source, 'P1Y', '!'],
    ['a duration of zod that is one number', z.regexes.duration.source, '1', 'W'],
  ])('takes a text of a megabyte: %s', (_name, source, part, end) => {
    const value = part.repeat(1_000_000 / part.length) + end;
    expect(compilePattern(source).test(value)).toBe(false);
  });
});
