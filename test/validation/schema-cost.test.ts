import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { normalizeSchema } from '../../src/validation/dialect.ts';
import { compileCheck } from '../../src/validation/json-schema.ts';
import { createSchemaCheck } from '../../src/validation/schema-check.ts';
import { costOf, isCheckedInline } from '../../src/validation/schema-cost.ts';
import { measureTurns, nearlyLongest } from '../compute/held-turns.ts';

const list = (count: number, item: (index: number) => Json): Json => Array.from({ length: count }, (_, n) => item(n));
const nest = (depth: number, leaf: Json): Json =>
  Array.from({ length: depth }).reduce<Json>((below) => ({ a: below }), leaf);
const cost = (schema: JsonObject) => costOf(normalizeSchema(schema).schema);

/** Each level doubles the work where the first branch fails only at the end. */
const twofold: JsonObject = {
  anyOf: [
    { allOf: [{ properties: { a: { $ref: '#' } } }, { required: ['never'] }] },
    { properties: { a: { $ref: '#' } }, required: ['a'] },
    { type: 'integer' },
  ],
};
const laughs: JsonObject = {
  $defs: Object.fromEntries(
    Array.from({ length: 40 }, (_, n): [string, JsonObject] => {
      const below = { $ref: `#/$defs/d${n - 1}` };
      return [`d${n}`, n === 0 ? { type: 'integer' } : { allOf: [below, below] }];
    }),
  ),
  $ref: '#/$defs/d39',
};

describe('a check that would hold the event loop', () => {
  test.each([
    ['unique items', { uniqueItems: true }, list(40_000, (n) => [n]), null],
    ['unique items that are not', { uniqueItems: true }, list(40_000, (n) => ({ n: n % 39_999 })), /duplicate items/],
    ['a pattern that backtracks', { pattern: '^(a+)+$' }, `${'a'.repeat(500_000)}!`, /must match pattern/],
    ['a pattern of properties', { patternProperties: { '^(a|a)*$': false } }, { [`${'a'.repeat(100_000)}!`]: 1 }, null],
    ['an email', { format: 'email' }, 'a.'.repeat(300_000), /must match format/],
    ['an address', { format: 'uri' }, `a:${'/%'.repeat(300_000)}`, /must match format/],
    ['a union over a long list', { items: { anyOf: list(50, (n) => ({ const: n })) } }, list(50_000, () => 49), null],
    ['a large enum', { items: { enum: list(5000, (n) => ({ n })) } }, list(20_000, () => ({ n: 4999 })), null],
    ['contained items', { contains: { const: 'x' } }, list(100_000, (n) => n), /contain/],
    [
      'what is left',
      {
        unevaluatedProperties: false,
        anyOf: list(20, (n) => ({ properties: { [`k${n}`]: true }, required: [`k${n}`] })),
      },
      Object.fromEntries(list(20_000, (n) => [`p${n}`, n]) as [string, Json][]),
      /./,
    ],
    ['a union that leads to itself', twofold, nest(60, 1), /longer than 250 ms/],
    ['references that multiply', laughs, 1, /longer than 250 ms/],
    [
      'a recursive list',
      { items: { $ref: '#' }, uniqueItems: true },
      list(200, (n) => list(200, (m) => [n, m + 1000])),
      null,
    ],
  ] as const)('runs in a thread: %s', async (_name, schema, value, message) => {
    // What ends by itself has all the time that a busy machine needs.
    const timeMs = String(message).includes('250 ms') ? 250 : 10_000;
    const check = await compileCheck(schema as JsonObject, 'input', { timeMs, key: {} });
    const { result: violation, turnsMs } = await measureTurns(async () => {
      const pending = check(value as Json);
      expect(pending).toBeInstanceOf(Promise);
      return await pending;
    });
    if (message === null) expect(violation).toBeNull();
    else expect(violation?.message).toMatch(message);
    expect(violation?.path ?? 'input').toMatch(/^input/);
    expect(nearlyLongest(turnsMs)).toBeLessThan(20);
  });
});

describe('the cost of a schema', () => {
  test.each([
    [
      'a plain one',
      { type: 'object', properties: { url: { type: 'string', format: 'uri' } }, required: ['url'] },
      { url: 'https://a.example' },
    ],
    [
      'a recursive one',
      { properties: { child: { $ref: '#' }, left: { $ref: '#' }, right: { $ref: '#' } } },
      nest(50, { left: {}, right: {} }),
    ],
    ['a union', { oneOf: list(20, (n) => ({ properties: { kind: { const: `k${n}` } } })) }, { kind: 'k3' }],
    [
      'messages',
      { properties: { messages: { type: 'array', items: { properties: { content: { type: 'string' } } } } } },
      { messages: list(200, () => ({ role: 'user', content: 'a text of some length' })) },
    ],
    [
      'unique tags',
      { properties: { tags: { type: 'array', uniqueItems: true, items: { type: 'string', maxLength: 20 } } } },
      { tags: list(50, (n) => `tag ${n}`) },
    ],
    ['a union that leads to itself, on a small value', twofold, nest(3, 1)],
  ] as const)('lets small values be checked at once: %s', (_name, schema, value) => {
    expect(isCheckedInline(cost(schema as JsonObject), value as Json)).toBe(true);
  });

  test.each([
    ['references that multiply', laughs],
    ['a dynamic reference', { $dynamicRef: '#a' }],
    ['a reference to itself', { allOf: [{ $ref: '#' }] }],
  ] as const)('has no bound for %s', (_name, schema) => {
    expect(cost(schema as JsonObject).perNode).toBe(Number.POSITIVE_INFINITY);
  });

  test('grows with depth where branches lead back to the same member', () => {
    expect(cost({ properties: { a: { $ref: '#' }, b: { $ref: '#' } } }).branching).toBe(1);
    expect(cost(twofold).branching).toBe(2);
    expect(cost({ properties: { a: { $ref: '#' } }, additionalProperties: { $ref: '#' } }).branching).toBe(2);
    expect(cost({ items: { $ref: '#' }, contains: { $ref: '#' } }).branching).toBe(2);
  });

  const part = fc.letrec<{ any: JsonObject }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<JsonObject>(
        { type: 'string' },
        { pattern: '^(a|b|ab)*c?$' },
        { format: 'uri' },
        { minLength: 3 },
        { uniqueItems: true },
        { enum: ['a', { a: 1 }] },
        { multipleOf: 0.01 },
        { $ref: '#' },
        { required: ['a', 'b'] },
      ),
      fc
        .array(tie('any'), { minLength: 2, maxLength: 4 })
        .chain((all) => fc.constantFrom('anyOf', 'oneOf', 'allOf').map((keyword) => ({ [keyword]: all }))),
      fc.record({ properties: fc.record({ a: tie('any'), b: tie('any') }), additionalProperties: tie('any') }),
      fc.record({ items: tie('any'), contains: tie('any') }),
      fc.record({ patternProperties: fc.record({ '^(a|b)+$': tie('any') }), unevaluatedProperties: tie('any') }),
      fc.record({ if: tie('any'), else: tie('any') }),
    ),
  })).any as fc.Arbitrary<JsonObject>;
  const value = fc.constantFrom<readonly Json[]>(
    [list(1500, (n) => n)],
    [list(400, (n) => ({ a: n, b: 'ab' }))],
    [
      nest(
        30,
        list(20, () => 'ab'),
      ),
    ],
    [nest(12, { b: nest(6, 1) })],
    ['ab'.repeat(1500)],
    [Object.fromEntries(list(600, (n) => [`ab${n}`, { a: 'abab' }]) as [string, Json][])],
    [list(20, () => list(20, () => list(3, (n) => n)))],
  );

  test('never lets pass at once what holds the event loop for 5 ms', () => {
    const slow: string[] = [];
    let inline = 0;
    fc.assert(
      fc.property(part, value, (schema, [sample = null]) => {
        if (!isCheckedInline(cost(schema), sample)) return;
        inline += 1;
        const { check } = createSchemaCheck({ schema, root: 'input' });
        // The best of several: compiling and other processes are not what is measured.
        let bestMs = Number.POSITIVE_INFINITY;
        for (let attempt = 0; attempt < 4 && bestMs > 5; attempt++) {
          const before = process.threadCpuUsage();
          check(sample);
          const { user, system } = process.threadCpuUsage(before);
          bestMs = Math.min(bestMs, (user + system) / 1000);
        }
        if (bestMs > 5) slow.push(`${JSON.stringify(schema)}: ${bestMs} ms`);
      }),
      { numRuns: 600 },
    );
    expect(slow).toEqual([]);
    expect(inline).toBeGreaterThan(100);
  });
});
