import { describe, expect, test } from 'vitest';
import { parseJson } from '../../src/json/parse-json.ts';

const rules = { maxDepth: 3, protoKeys: 'refuse' } as const;
const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('parseJson', () => {
  test.each(['null', '"text"', ' 1 ', '[]', '{"a":{"b":[]}}'])('valid JSON %s becomes its value', (text) => {
    expect(parseJson(text, rules)).toEqual({ kind: 'json', value: JSON.parse(text) });
  });

  test('malformed JSON is reported with its position and without a word of the text', () => {
    const parsed = parseJson('{"secret":1,}', rules);
    expect(parsed).toEqual({ kind: 'malformed', position: 12 });
    expect(JSON.stringify(parsed)).not.toContain('secret');
  });

  test('malformed JSON that speaks of a prototype is malformed and no forbidden key', () => {
    expect(parseJson('{"prototype', rules).kind).toBe('malformed');
    expect(parseJson('["Object contains forbidden prototype property"', rules).kind).toBe('malformed');
  });

  test('malformed JSON whose end is missing has no position or a number', () => {
    expect(parseJson('{"a":', rules)).toMatchObject({ kind: 'malformed' });
    expect(parseJson('', rules)).toMatchObject({ kind: 'malformed' });
  });

  test('text that is malformed as well as deep counts as malformed', () => {
    expect(parseJson('['.repeat(100), rules)).toMatchObject({ kind: 'malformed' });
  });

  test.each([
    [3, 'json'],
    [4, 'too-deep'],
    [100_000, 'too-deep'],
  ])('a value of %i levels under a limit of 3 is %s', (depth, kind) => {
    expect(parseJson(nested(depth), rules).kind).toBe(kind);
  });

  test('brackets inside strings are not levels', () => {
    expect(parseJson(JSON.stringify(['[[[[[[', '\\"[[[[', '{{{{{{\\']), rules).kind).toBe('json');
  });

  test('many values side by side are not deep', () => {
    expect(parseJson(JSON.stringify(Array.from({ length: 50 }, () => [[]])), rules).kind).toBe('json');
  });

  test.each(['{"__proto__":1}', '{"a":[{"\\u005f_pro\\u0074o__" : {}}]}'])(
    'the key __proto__ in %s is refused',
    (text) => {
      expect(parseJson(text, rules)).toEqual({ kind: 'proto-key' });
    },
  );

  test('the text __proto__ as a value is not a key', () => {
    expect(parseJson('["__proto__"]', rules)).toEqual({ kind: 'json', value: ['__proto__'] });
  });

  test('a kept __proto__ key is a member like another and changes no prototype', () => {
    const parsed = parseJson('{"__proto__":{"a":1}}', { ...rules, protoKeys: 'keep' });
    if (parsed.kind !== 'json') throw new Error(`parsed as ${parsed.kind}`);
    expect(Object.getPrototypeOf(parsed.value)).toBe(Object.prototype);
    expect(JSON.stringify(parsed.value)).toBe('{"__proto__":{"a":1}}');
  });
});
