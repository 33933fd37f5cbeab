import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import { compileExpression } from '../../src/mapping/evaluate.ts';
import { defaultBudgets } from '../../src/mapping/evaluation.ts';
import { findMistake } from '../../src/mapping/syntax.ts';

const evaluate = (text: string, data: Json) =>
  compileExpression(text, { key: 'output', queueKey: {}, budgets: defaultBudgets }).evaluate(data);

const hostile = `${'a'.repeat(31)}!`;

describe('regular expressions in mappings', () => {
  test.each([
    ['$match', '$match(s, /(a+)+$/)', undefined],
    ['$contains', '$contains(s, /^(a+)+$/)', false],
    ['$replace', '$replace(s, /(a|a)+$/, "x")', hostile],
    ['$split', '$split(s, /(a|aa)+$/)', [hostile]],
    ['a condition', 's ~> /(a*)*b/ ? 1 : 2', 2],
  ])('%s of a text that makes others hang is over at once', async (_name, text, result) => {
    expect(await evaluate(text, { s: hostile })).toEqual(result);
  });

  test.each([
    [
      'groups and places',
      '$match("ab-ac", /a(.)/)',
      [
        { match: 'ab', index: 0, groups: ['b'] },
        { match: 'ac', index: 3, groups: ['c'] },
      ],
    ],
    ['a group that took no part', '$match("a", /a(b)?/).groups', [null]],
    ['case', '$contains("ABC", /b/i)', true],
    ['lines', '$split("a\\nb", /^b/m)', ['a\n', '']],
    ['replacements', '$replace("John Smith", /(\\w+)\\s(\\w+)/, "$2, $1")', 'Smith, John'],
    ['limits', '$replace("aaa", /a/, "b", 2)', 'bba'],
    ['a function as replacement', '$replace("1 2", /\\d/, function($m) { $string($number($m.match) * 2) })', '2 4'],
    ['escapes that need none', '$contains("a_b", /a\\_b/)', true],
    ['white space of ECMAScript', '$split("a\u00a0b", /\\s/)', ['a', 'b']],
  ])('keep their meaning: %s', async (_name, text, result) => {
    expect((await evaluate(text, {})) ?? null).toEqual(result);
  });

  test.each([
    ['looks ahead', '$match(s, /a(?=b)/)', /\/a\(\?=b\)\/.* looks ahead .*and/],
    ['refers back', '$contains(s, /(a)\\1/)', /refers back to a group/],
  ])('one that %s is refused when the config is read', (_name, text, message) => {
    expect(findMistake(text)).toMatch(message);
  });

  test('a text of a hundred thousand matches is read once', async () => {
    const found = await evaluate('$count($match(s, /a/))', { s: 'a'.repeat(20_000) });
    expect(found).toBe(20_000);
  });
});
