import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { compileCheck } from '../../src/validation/json-schema.ts';

/** What the schema is, the schema, values that pass, values that do not. */
type Row = readonly [name: string, schema: JsonObject, passing: readonly Json[], failing: readonly Json[]];

const parsed = (text: string) => JSON.parse(text) as JsonObject;
const tree = { properties: { name: { type: 'string' }, child: { $ref: '#' } }, required: ['name'] };
const drafts = [
  'http://json-schema.org/draft-04/schema#',
  'http://json-schema.org/draft-06/schema#',
  'http://json-schema.org/draft-07/schema#',
  'http://json-schema.org/draft-07/schema',
  'https://json-schema.org/draft-07/schema#',
  'https://json-schema.org/draft-04/schema',
  'https://json-schema.org/draft/2019-09/schema',
  'https://json-schema.org/draft/2020-12/schema',
  'https://json-schema.org/draft/2020-12/schema#',
  'https://apify-projects.github.io/actor-json-schemas/input.ide.json',
];

const rows: readonly Row[] = [
  ['a recursive object as zod writes it', tree, [{ name: 'a', child: { name: 'b' } }], [{ name: 'a', child: {} }]],
  [
    'a recursive definition as pydantic writes it',
    {
      $defs: { Node: { properties: { next: { $ref: '#/$defs/Node' }, v: { type: 'integer' } } } },
      $ref: '#/$defs/Node',
    },
    [{ next: { next: { v: 1 } } }],
    [{ next: { next: { v: 'x' } } }],
  ],
  [
    'a dynamic reference',
    {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'https://a.example/tree',
      $dynamicAnchor: 'node',
      properties: { children: { type: 'array', items: { $dynamicRef: '#node' } } },
    },
    [{ children: [{ children: [] }] }],
    [{ children: [{ children: 1 }] }],
  ],
  ...drafts.map(
    (draft): Row => [`a recursive schema of ${draft}`, { $schema: draft, ...tree }, [{ name: 'a' }], [{ name: 1 }, {}]],
  ),
  [
    'the exclusive bounds of draft-04',
    { $schema: drafts[0] as string, minimum: 1, exclusiveMinimum: true, maximum: 3, exclusiveMaximum: false },
    [2, 3],
    [1, 4],
  ],
  ['the exclusive bound of OpenAPI 3.0', { type: 'number', minimum: 0, exclusiveMinimum: true }, [0.1], [0]],
  [
    'an id of draft-04',
    { $schema: drafts[0] as string, id: 'https://a.example/s#', properties: { id: { type: 'string' } } },
    [{ id: 'x' }],
    [{ id: 1 }],
  ],
  ['a tuple of before 2020-12 that names no draft', { items: [{ type: 'string' }] }, [['a', 1]], [[1]]],
  [
    'dependencies of draft-07',
    { $schema: drafts[2] as string, dependencies: { a: ['b'] } },
    [{ a: 1, b: 1 }],
    [{ a: 1 }],
  ],
  ['nullable with a type', { type: 'string', nullable: true }, ['a', null], [1]],
  ['nullable with an enum', { type: 'string', enum: ['a'], nullable: true }, ['a', null], ['b']],
  ['nullable without a type', { nullable: true, minLength: 2 }, [null, 'ab', 1], ['a']],
  [
    'nullable beside a reference',
    { nullable: true, $ref: '#/$defs/a', $defs: { a: { type: 'string' } } },
    [null, 'a'],
    [1],
  ],
  ['nullable beside allOf', { nullable: true, allOf: [{ type: 'string' }] }, [null, 'a'], [1]],
  ['nullable that is false', { type: 'string', nullable: false }, ['a'], [null]],
  [
    'what OpenAPI adds',
    {
      type: 'object',
      example: { kind: 'a' },
      xml: { name: 'x' },
      discriminator: { propertyName: 'kind', mapping: { a: '#/components/schemas/A' } },
      externalDocs: { url: 'https://a.example' },
      properties: { kind: { type: 'string', example: 'a', deprecated: true } },
    },
    [{ kind: 'a' }],
    [{ kind: 1 }],
  ],
  [
    'an input of Apify',
    {
      title: 'Input',
      type: 'object',
      schemaVersion: 1,
      properties: {
        startUrls: { title: 'URLs', type: 'array', editor: 'requestListSources', prefill: [{ url: 'x' }] },
      },
      required: ['startUrls'],
    },
    [{ startUrls: [] }],
    [{}],
  ],
  ['a pattern with a loose hyphen', { pattern: '^[\\w-.]+$' }, ['a-b.c'], ['a b']],
  ['a pattern with needless escapes', { pattern: '^\\-\\_\\@\\/$' }, ['-_@/'], ['x']],
  ['a pattern with long counts', { pattern: '^[a-z]{1,2048}$' }, ['a', 'a'.repeat(2048)], ['', 'A', 'a'.repeat(2049)]],
  ['a pattern with a huge count', { pattern: '^.{2,99999}$' }, ['ab', '\u{1f600}\u{1f600}'], ['\u{1f600}', 'a\n']],
  ['a pattern with counts within counts', { pattern: '^([a-z]{1,63}\\.){1,20}$' }, ['ab.c.'], ['ab']],
  ['a pattern that looks behind', { pattern: '(?<=a)b' }, ['ab'], ['b']],
  ['a pattern that looks ahead', { pattern: '^(?=.*\\d)(?!.*\\s).{3,}$' }, ['ab1'], ['abc', 'a 1', '1']],
  ['a pattern of emoji', { pattern: '^\\p{Extended_Pictographic}+$' }, ['\u{1f600}'], ['a', '']],
  [
    'two patterns',
    { properties: { a: { pattern: '^a$' }, b: { pattern: '^b$' } } },
    [{ a: 'a', b: 'b' }],
    [{ b: 'a' }],
  ],
  [
    'two patterns of properties',
    { patternProperties: { '^a': { type: 'string' }, '^b': { type: 'number' } } },
    [{ a: 'a', b: 1 }],
    [{ b: 'b' }, { a: 1 }],
  ],
  ['a time without an offset', { format: 'time' }, ['03:04:05', '03:04:05Z', '03:04:05.5+02:00'], ['3:04', '25:00:00']],
  [
    'a date and time without an offset',
    { format: 'date-time' },
    ['2026-11-27T03:04:05', '2026-11-27T03:04:05Z'],
    ['2026-11-27', '2026-13-27T03:04:05'],
  ],
  ['a pattern of any characters', { pattern: '^[^]+$' }, ['\n'], ['']],
  ['a pattern by code points', { pattern: '^.$' }, ['\u{1f600}', 'a'], ['\n', '\u2028', 'ab']],
  ['a pattern of white space', { pattern: '^\\s$' }, ['\u00a0', '\ufeff', '\v'], ['a']],
  ['a pattern of a script', { pattern: '^\\p{Script=Greek}+$' }, ['αβ'], ['ab']],
  ['a multiple of a hundredth', { multipleOf: 0.01 }, [19.99, 0.07, 1e300, -4.35, 0], [0.001, 19.995]],
  ['a multiple of a tiny number', { multipleOf: 1e-8 }, [12.12345678, 1], [1e-9]],
  ['a multiple of a whole number', { multipleOf: 3 }, [9, -3, 3e20], [4, 0.3]],
  [
    'a property called constructor',
    { properties: { constructor: { type: 'string' } } },
    [{}, { constructor: 'x' }],
    [{ constructor: 1 }],
  ],
  ['a required constructor', { required: ['constructor'] }, [{ constructor: 1 }], [{}]],
  ['a required toString', { required: ['toString', 'valueOf'] }, [{ toString: 1, valueOf: 1 }], [{}, { toString: 1 }]],
  [
    'inherited names in closed objects',
    { properties: { a: {} }, additionalProperties: false },
    [{ a: 1 }],
    [{ constructor: 1 }],
  ],
  [
    'a property called __proto__',
    { type: 'object', ...parsed('{"properties":{"__proto__":{"type":"string"}},"additionalProperties":false}') },
    [{}, parsed('{"__proto__":"a"}')],
    [parsed('{"__proto__":1}'), { b: 1 }],
  ],
  [
    'an object among an enum',
    { enum: [{ valueOf: 1, constructor: [] }] },
    [{ constructor: [], valueOf: 1 }],
    [{ valueOf: 1 }],
  ],
  ['a constant object', { const: { a: 1, b: [2] } }, [{ b: [2], a: 1 }], [{ a: 1, b: ['2'] }]],
  ['a constant text', { const: '{}' }, ['{}'], [parsed('{}')]],
  [
    'unique items by value',
    { uniqueItems: true },
    [[1, '1', true, null, [1], { a: 1 }, '[1]', '{"a":1}']],
    [
      [1, 1.0],
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      [0, -0],
    ],
  ],
  ['unique items that are off', { uniqueItems: false }, [[1, 1]], []],
  ['a format that is not known', { type: 'string', format: 'shoe-size' }, ['x'], [1]],
  [
    'a format host name',
    { format: 'hostname' },
    ['a-b.example', `${'a.'.repeat(126)}a`],
    ['-a', 'a..b', `${'a.'.repeat(127)}ab`],
  ],
  ['a format duration', { format: 'duration' }, ['P1D', 'PT5M', 'P1Y2M3DT4H5M6S', 'P2W'], ['P', 'P1DT', 'PT', '1D']],
  [
    'a format url',
    { format: 'url' },
    ['https://a.example/x', 'http://8.8.8.8/'],
    ['http://10.0.0.1/', 'http://192.168.1.1:8080/x', 'a'],
  ],
  [
    'a format uri',
    { format: 'uri' },
    ['https://a.example/x', 'urn:a:b', 'mailto:a@b.example'],
    ['a', 'a:', '//a.example', 'x y'],
  ],
  ['a format email', { format: 'email' }, ['a.b@c.example'], ['a', 'a@b']],
  ['a format regex', { format: 'regex' }, ['^[\\w-.]+$', '(?=a)'], ['(', '[']],
];

describe('schemas as tools write them', () => {
  test.each(rows)('%s passes and refuses what it says', async (_name, schema, passing, failing) => {
    const check = await compileCheck(schema, 'input');
    for (const value of passing) expect([value, await check(value)]).toEqual([value, null]);
    for (const value of failing) expect([value, await check(value)]).not.toEqual([value, null]);
  });
});

test.each([
  ['hostname', `${'a'.repeat(60)}.`.repeat(5), false],
  ['duration', `P${'1'.repeat(300)}D`, true],
  ['duration', `P${'1'.repeat(300)}DT`, false],
  ['url', `https://a.example/${'x'.repeat(300)}`, true],
  ['url', `http://10.0.0.1/${'x'.repeat(300)}`, false],
  ['uri', `urn:a:${'x'.repeat(300)}`, true],
  ['uri', `//a.example/${'x'.repeat(300)}`, false],
  ['uri', `https://a.example/${'x'.repeat(300)} `, false],
  ['email', `a@${'b.'.repeat(200)}example`, true],
  ['email', `a@${'b.'.repeat(200)}`, false],
  ['uri-reference', `/${'x'.repeat(300)}?a#b`, true],
  ['json-pointer', `/${'a/'.repeat(200)}~`, false],
])('a long text is judged as %s like a short one', async (format, text, passes) => {
  expect((await (await compileCheck({ format }, 'input'))(text)) === null).toBe(passes);
});

describe('schemas that cannot be used', () => {
  test.each([
    [
      'looks ahead',
      { properties: { pin: { pattern: '^.+(?=.*\\d).+$' } } },
      /properties\/pin\/pattern looks ahead .*allOf/,
    ],
    ['looks ahead for nothing', { pattern: 'b(?!a)' }, /pattern looks ahead .*"allOf" and "not"/],
    ['refers back', { patternProperties: { '(a)\\1': {} } }, /patternProperties\/\(a\)\\1 refers back to a group/],
    ['is no regular expression', { items: { pattern: '(' } }, /items\/pattern is no regular expression/],
    ['repeats too often', { pattern: '^(ab){0,99999}$' }, /pattern repeats a part up to 99999 times; use minLength/],
    ['refers to another document', { $ref: 'other.json#/a' }, /refers to other.json#\/a, which it does not hold; copy/],
    ['refers to nothing', { $ref: '#/$defs/none' }, /refers to #\/\$defs\/none, which it does not hold/],
    [
      'has a type that does not exist',
      { type: 'text' },
      /is not a valid JSON Schema: type "text" is none of array, boolean/,
    ],
  ] as const)('a schema that %s is refused in words', async (_name, schema, message) => {
    await expect(compileCheck(schema as JsonObject, 'input')).rejects.toThrow(message);
  });

  test('a schema that refers to itself at once fails a check instead of the process', async () => {
    expect(await (await compileCheck({ $ref: '#' }, 'input'))(1)).toEqual({
      path: 'input',
      message: 'nests too deeply to be checked',
    });
  });
});
