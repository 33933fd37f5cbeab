import { expect, test } from 'vitest';
import type { Check } from '../../src/contract/domain/agent.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { compileCheck, rememberEmpty } from '../../src/validation/json-schema.ts';

test('a remembering check runs once for empty objects and each time for other values', async () => {
  const check = await compileCheck({ type: 'object', required: ['a'] }, 'config');
  let asked = 0;
  const counted: Check = (value) => {
    asked += 1;
    return check(value);
  };
  const remembering = rememberEmpty(counted);
  const missing = { path: 'config/a', message: 'is required' };
  expect([
    remembering({}),
    remembering({}),
    remembering({ b: 1 }),
    remembering({ a: 1 }),
    remembering([]),
  ]).toMatchObject([missing, missing, missing, null, { path: 'config' }]);
  expect(asked).toBe(4);
});

test.each<[string, JsonObject, Json, Json]>([
  [
    'patterns of two properties',
    { properties: { a: { pattern: '^a$' }, b: { pattern: '^b$' } } },
    { a: 'a', b: 'b' },
    { a: 'a', b: 'a' },
  ],
  [
    'two patterns of property names',
    { patternProperties: { '^a$': { type: 'number' }, '^b$': { type: 'string' } } },
    { a: 1, b: 'b' },
    { a: 1, b: 1 },
  ],
  [
    'a pattern of a name and one of its value',
    { propertyNames: { pattern: '^[a-z]$' }, patternProperties: { '^b$': { pattern: '^B$' } } },
    { b: 'B', c: 'b' },
    { b: 'b' },
  ],
  [
    'a pattern and one behind a reference',
    { properties: { a: { items: { pattern: '^a$' } }, b: { $ref: '#/$defs/b' } }, $defs: { b: { pattern: '^b$' } } },
    { a: ['a'], b: 'b' },
    { a: ['a'], b: 'a' },
  ],
])('%s in one schema are each their own', async (_name, schema, good, bad) => {
  const check = await compileCheck(schema, 'input');
  expect(await check(good)).toBeNull();
  expect(await check(bad)).not.toBeNull();
});
