import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { readJson } from '../../src/json/exact-number.ts';
import { compileCheck } from '../../src/validation/json-schema.ts';

const big = '9007199254740993';

describe('an exact number in a value', () => {
  const cases: readonly (readonly [JsonObject, string, boolean])[] = [
    [{ type: 'integer' }, big, true],
    [{ type: 'number' }, big, true],
    [{ type: 'integer' }, `${big}.5`, false],
    [{ type: 'number' }, `${big}.5`, true],
    [{ type: 'integer' }, '1e400', true],
    [{ type: 'integer' }, '1e-400', false],
    [{ type: 'integer' }, '-0', true],
    [{ type: 'object' }, big, false],
    [{ type: 'string' }, big, false],
    [{ maximum: 9007199254740991 }, big, false],
    [{ maximum: 9007199254740996 }, big, true],
    [{ minimum: 9007199254740992 }, big, true],
    [{ exclusiveMinimum: 9007199254740992 }, big, true],
    [{ maximum: 0.1 }, '0.1000000000000000055511151231257827', false],
    [{ minimum: 0.1 }, '0.1000000000000000055511151231257827', true],
    [{ exclusiveMinimum: 0 }, '1e-400', true],
    [{ minimum: 0 }, '-1e-400', false],
    [{ maximum: 1.7976931348623157e308 }, '1e400', false],
    [{ minimum: 0 }, '1e400', true],
    [{ const: 9007199254740992 }, big, false],
    [{ enum: [9007199254740992, 'x'] }, big, false],
    [{ const: 0 }, '-0', true],
    [{ not: { const: 0.1 } }, '0.1000000000000000055511151231257827', true],
    [{ multipleOf: 2 }, big, false],
    [{ multipleOf: 3 }, '9007199254740996.0000000000000', true],
    [{ multipleOf: 1 }, big, true],
    [{ multipleOf: 10 }, '1e400', true],
    [{ multipleOf: 0.01 }, '90071992547409.93', true],
    [{ multipleOf: 0.5 }, `${big}.25`, false],
    [{ format: 'int64', type: 'integer' }, big, true],
    [{ format: 'int32', type: 'integer' }, big, false],
    [{}, '12345678901234567890.12', true],
    [{ type: 'object' }, '{"n":-12345678901234567890.5}', true],
    [{ type: 'number', minimum: 0 }, '12345678901234567890.12', true],
    [{ type: 'number', minimum: 1e19 }, '12345678901234567890.12', true],
    [{ type: 'number', maximum: 0 }, '12345678901234567890.12', false],
    [{ type: 'integer' }, '12345678901234567890.12', false],
    [{ uniqueItems: true }, '[12345678901234567890.12,12345678901234567890.13]', true],
    [{ uniqueItems: true }, `[${big},9007199254740992,9007199254740995]`, true],
    [{ uniqueItems: true }, `[${big},1,${big}.0]`, false],
    [{ properties: { a: { items: { maximum: 5 } } } }, `{"a":[1,${big}]}`, false],
    [{ properties: { a: { items: { minimum: 5 } } } }, `{"a":[6,${big}]}`, true],
    [{ oneOf: [{ maximum: 9007199254740990 }, { minimum: 9007199254740990 }] }, big, true],
  ];

  test.each(cases)('%j judges %s rightly', async (schema, text, isValid) => {
    const violation = await (await compileCheck(schema, 'input'))(readJson(text));
    expect(violation === null, JSON.stringify(violation)).toBe(isValid);
  });

  test('between two limits with no double between them is refused in words', async () => {
    const schema: Json = { properties: { n: { enum: [9007199254740992, 9007199254740994] } } };
    expect(await (await compileCheck(schema, 'input'))(readJson(`{"n":${big}}`))).toEqual({
      path: 'input/n',
      message: 'has more digits than its schema can judge',
    });
  });
});
