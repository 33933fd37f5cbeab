import { Ajv } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { isPlainSchema, takesEverything } from '../../src/validation/plain-schema.ts';

const judges = [new Ajv({ strict: false }), new Ajv2019({ strict: false }), new Ajv2020({ strict: false })];

const plain: readonly JsonObject[] = [
  {},
  { type: 'object', required: ['url'], properties: { url: { type: 'string', format: 'uri', minLength: 1 } } },
  { properties: { items: { type: 'array', items: { type: 'object' }, maxItems: 10, uniqueItems: true } } },
  { properties: { seconds: { type: 'number', minimum: 0, exclusiveMaximum: 60.5, multipleOf: 0.5 } } },
  { properties: { a: true }, additionalProperties: false, minProperties: 1 },
  {
    title: 'a',
    description: 'b',
    properties: { kind: { enum: ['a', 'b'], default: 'a' }, one: { const: { x: null } } },
  },
];

/** Right or wrong values of keywords, known or not. */
const member = fc.oneof(
  fc.constantFrom('string', 'object', 'text', '', 0, 1, -1, 0.5, Number.POSITIVE_INFINITY, true, false, null),
  fc.constantFrom<unknown>(
    [],
    ['a'],
    ['a', 'a'],
    ['a', 1],
    [null],
    {},
    { a: {} },
    { a: true },
    { a: 1 },
    { a: { type: 'x' } },
  ),
);
const keyword = fc.constantFrom(
  ...['type', 'enum', 'const', 'format', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ...['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties', 'uniqueItems', 'required'],
  ...['properties', 'additionalProperties', 'items', 'title', 'description', '$comment', 'default', 'examples'],
  ...['deprecated', 'readOnly', 'writeOnly', '$ref', 'allOf', 'pattern', 'if', '$id', 'dependencies', 'unknown'],
);
const inner = fc.dictionary(keyword, member, { maxKeys: 3 });
const schema = fc.dictionary(keyword, fc.oneof(member, inner, fc.dictionary(fc.constantFrom('a', 'b'), inner)), {
  maxKeys: 3,
}) as fc.Arbitrary<JsonObject>;

describe('a plain schema', () => {
  test.each(plain)('%j is plain, so that no meta-schema is compiled for it', (schema) => {
    expect(isPlainSchema(schema)).toBe(true);
  });

  test('every schema that is called plain is one to the meta-schemas of all drafts', () => {
    const found: JsonObject[] = [];
    fc.assert(
      fc.property(schema, (any) => {
        if (!isPlainSchema(any)) return;
        found.push(any);
        expect(judges.map((judge) => judge.validateSchema(any))).toEqual([true, true, true]);
      }),
      { numRuns: 8000 },
    );
    expect(found.filter((each) => Object.keys(each).length > 0).length).toBeGreaterThan(100);
  });

  test.each<[JsonObject, boolean]>([
    [{}, true],
    [{ title: 'a', description: 'b', examples: [{}], default: {} }, true],
    [{ type: 'object' }, false],
    [{ title: 3 }, false],
    [{ $schema: 'https://json-schema.org/draft/2020-12/schema' }, false],
  ])('whether %j takes everything is %s', (schema, expected) => {
    expect(takesEverything(schema)).toBe(expected);
  });
});
