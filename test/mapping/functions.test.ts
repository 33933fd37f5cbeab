import jsonata from 'jsonata';
import { describe, expect, test } from 'vitest';
import { functions } from '../../src/mapping/functions.ts';
import { findMistake } from '../../src/mapping/syntax.ts';

/** Counts the parameters of a signature of JSONata, such as `<s-(sf)n?:a<s>>`. */
function countParameters(definition: string): { min: number; max: number } {
  let flat = definition.slice(1, -1);
  while (/<[^<>]*>|\([^()]*\)/.test(flat)) flat = flat.replaceAll(/<[^<>]*>/g, '').replaceAll(/\([^()]*\)/g, 'x');
  const [parameters = ''] = flat.split(':');
  const each = [...parameters.matchAll(/[a-z]([-?+]?)/g)].map(([, mark = '']) => mark);
  const min = each.filter((mark) => mark === '' || mark === '+').length;
  return { min, max: each.includes('+') ? Number.POSITIVE_INFINITY : each.length };
}

describe('the table of functions', () => {
  test.each([...functions].filter(([name]) => name !== 'parseJson'))(
    '$%s takes as many arguments as JSONata says',
    async (name, arity) => {
      const { signature } = (await jsonata(`$${name}`).evaluate({})) as { signature: { definition: string } };
      expect(arity).toEqual(countParameters(signature.definition));
    },
  );
});

/** An expression, and what is said of it. */
const mistaken: readonly (readonly [string, string])[] = [
  ['$uppercas(a)', 'nothing defines $uppercas; did you mean $uppercase?'],
  ['$upper(a)', 'nothing defines $upper; did you mean $uppercase?'],
  ['$substring_before(a, "x")', 'did you mean $substringBefore?'],
  ['($total := 1; $totl)', 'nothing defines $totl; did you mean $total?'],
  ['$zzzzzzz(a)', 'nothing defines $zzzzzzz'],
  ['uppercas(a)', 'uppercas(...) calls no function; did you mean $uppercase(...)?'],
  ['count(a)', 'did you mean $count(...)?'],
  ['$uppercase(a, b)', '$uppercase takes 0 to 1 arguments, and has 2'],
  ['$count()', '$count takes 1 argument, and has none'],
  ['$count(a, b)', '$count takes 1 argument, and has 2'],
  ['$map(a)', '$map takes 2 arguments, and has 1'],
  ['$join(a, ",", 3)', '$join takes 1 to 2 arguments, and has 3'],
  ['$zip()', '$zip takes at least 1 argument, and has none'],
  ['$millis(1)', '$millis takes no arguments, and has 1'],
  ['a ~> $substring(b, 1, 2)', '$substring takes 1 to 3 arguments, and has 4 with the one before ~>'],
  ['a.{ "x": $exists() }', '$exists takes 1 argument, and has none'],
  ['$substring(?, 1, 2, 3)', '$substring takes 1 to 3 arguments, and has 4'],
];

const right = [
  '$uppercase(a)',
  'a.$uppercase()',
  'a ~> $substring(1)',
  'a ~> $substring(1, 2)',
  '$map(a, function($x, $i) { $x })',
  'a ~> $map($string)',
  '$substring(?, 1)(a)',
  '($count := function($a, $b) { $a + $b }; $count(1, 2))',
  '($f := function($a) { $a }; $f(1, 2))',
  '$zip(a, b, c, d)',
  '$now()',
  '$now("[Y]", "+0000")',
];

describe('calls of functions', () => {
  test.each(mistaken)('%s is refused, with what is wrong', (text, said) => {
    expect(findMistake(text)).toContain(said);
  });

  test.each(right)('%s is taken', (text) => {
    expect(findMistake(text)).toBeUndefined();
  });

  test('a word without a near one is answered with none', () => {
    expect(findMistake('$zzzzzzz(a)')).toBe('the expression cannot work: nothing defines $zzzzzzz');
  });
});
