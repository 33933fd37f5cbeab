import fc from 'fast-check';
import jsonata from 'jsonata';
import { expect, test } from 'vitest';
import { followPlan, metArray, planOf } from '../../src/mapping/plain-plan.ts';

const planned = (text: string) => planOf(jsonata(text).ast());

test.each([
  "'a text'",
  '7',
  '-1',
  'true',
  'null',
  'a',
  'a.b.c',
  '$.a',
  "{ 'x': a.b, 'y': 'z', 'n': { 'm': $, 'k': null } }",
  "[{ 'x': a }, 'b', [1, 2]]",
  '{}',
  '[]',
])('the plan of %s gives what JSONata gives, for any data without arrays on the way', async (text) => {
  const plan = planned(text);
  const leaf = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.integer(), { minLength: 2 }),
  );
  const inner = fc.record({ b: fc.oneof(leaf, fc.record({ c: leaf }, { requiredKeys: [] })) }, { requiredKeys: [] });
  const data = fc.record({ a: fc.oneof(leaf, inner) }, { requiredKeys: [] });
  await fc.assert(
    fc.asyncProperty(data, async (input) => {
      if (plan === undefined) throw new Error('no plan');
      const value = followPlan(plan, input);
      if (value === metArray) return;
      const expected: unknown = await jsonata(text).evaluate(structuredClone(input));
      expect(JSON.stringify(value)).toBe(JSON.stringify(expected));
    }),
    { numRuns: 100 },
  );
});

test('a path through an array is left to JSONata', () => {
  const plan = planned("{ 'x': a.b }");
  expect(plan && followPlan(plan, { a: [{ b: 1 }] })).toBe(metArray);
  expect(plan && followPlan(plan, [{ a: { b: 1 } }])).toBe(metArray);
});

test.each([
  'a[0]',
  'a.b[]',
  '$string(a)',
  'a ? b : c',
  "{ a: 'computed key' }",
  "{ 'x': 1, 'x': 2 }",
  '[a.b]',
  'a & b',
  '*',
  "a.{ 'x': b }",
  "a{ 'x': b }",
  '-a',
  '$x := a',
])('%s has no plan', (text) => {
  expect(planned(text)).toBeUndefined();
});
