import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import draft2019 from 'ajv/dist/refs/json-schema-2019-09/schema.json' with { type: 'json' };
import draft2020 from 'ajv/dist/refs/json-schema-2020-12/schema.json' with { type: 'json' };
import draft06 from 'ajv/dist/refs/json-schema-draft-06.json' with { type: 'json' };
import draft07 from 'ajv/dist/refs/json-schema-draft-07.json' with { type: 'json' };
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { createSchemaCheck } from '../../src/validation/schema-check.ts';

/** Members that replace those of an input that passes, and the path of the violation. */
type Wrong = readonly [change: JsonObject, path: string];

const read = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, 'written', `${name}.json`), 'utf8')) as JsonObject;

const uuid = '0191d3a4-5b6c-7d8e-9f00-112233445566';

const category: z.ZodType = z.lazy(() => z.object({ name: z.string(), children: z.array(category) }));
const address = z.object({ street: z.string().min(1), zip: z.string().regex(/^\d{5}(?:-\d{4})?$/) }).strict();
/** Of each kind of schema that zod has, one. */
const everything = z.object({
  id: z.uuid(),
  email: z.email(),
  site: z.url().optional(),
  at: z.iso.datetime({ offset: true }),
  day: z.iso.date(),
  ip: z.ipv4(),
  b64: z.base64(),
  cuid: z.cuid2(),
  ulid: z.ulid(),
  nano: z.nanoid(),
  emoji: z.emoji(),
  cidr: z.cidrv4(),
  duration: z.iso.duration(),
  time: z.iso.time(),
  e164: z.e164(),
  starts: z.string().startsWith('a.b').endsWith('/z').includes('+'),
  tags: z.array(z.string()).nonempty().max(5),
  set: z.array(z.string()),
  count: z.int().positive(),
  price: z.number().multipleOf(0.01).nonnegative(),
  kind: z.enum(['a', 'b']),
  either: z.union([z.string(), z.number(), z.null()]),
  shape: z.discriminatedUnion('type', [
    z.object({ type: z.literal('circle'), r: z.number() }),
    z.object({ type: z.literal('square'), a: z.number() }),
  ]),
  pair: z.tuple([z.string(), z.number()]),
  rest: z.tuple([z.string()]).rest(z.number()),
  map: z.record(z.string(), z.number()),
  both: z.intersection(z.object({ x: z.number() }), z.object({ y: z.number() })),
  nick: z.string().nullable(),
  opt: z.string().nullish(),
  def: z.number().default(3),
  any: z.any(),
  home: address,
  work: address,
  tree: category,
  lit: z.literal('x'),
  nul: z.null(),
});

const input: JsonObject = {
  id: uuid,
  email: 'ann@a.example',
  site: 'https://a.example/b?c',
  at: '2026-11-27T03:04:05+02:00',
  day: '2026-11-27',
  ip: '10.0.0.1',
  b64: 'aGVsbG8=',
  cuid: 'tz4a98xxat96iws9zmbrgj3a',
  ulid: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  nano: 'V1StGXR8_Z5jdHi6B-myT',
  emoji: '\u{1f600}',
  cidr: '10.0.0.0/8',
  duration: 'P1Y2M3DT4H5M6S',
  time: '03:04:05',
  e164: '+4930123456',
  starts: 'a.b+c/z',
  tags: ['a'],
  set: ['a'],
  count: 1,
  price: 19.99,
  kind: 'a',
  either: null,
  shape: { type: 'circle', r: 1 },
  pair: ['a', 1],
  rest: ['a', 1, 2],
  map: { a: 1 },
  both: { x: 1, y: 2 },
  nick: null,
  opt: null,
  def: 3,
  any: { a: [1] },
  home: { street: 'a', zip: '12345' },
  work: { street: 'a', zip: '12345-6789' },
  tree: { name: 'a', children: [{ name: 'b', children: [] }] },
  lit: 'x',
  nul: null,
};
const wrong: readonly Wrong[] = [
  [{ id: 'x' }, 'input/id'],
  [{ email: 'a@b' }, 'input/email'],
  [{ at: 'today' }, 'input/at'],
  [{ starts: 'b' }, 'input/starts'],
  [{ tags: [] }, 'input/tags'],
  [{ count: 0.5 }, 'input/count'],
  [{ price: 19.999 }, 'input/price'],
  [{ kind: 'c' }, 'input/kind'],
  [{ map: { a: 'b' } }, 'input/map/a'],
  [{ home: { street: 'a', zip: '1' } }, 'input/home/zip'],
  [{ work: { street: '', zip: '12345' } }, 'input/work/street'],
  [{ home: { street: 'a', zip: '12345', x: 1 } }, 'input/home/x'],
];
const inDepth: readonly Wrong[] = [
  [{ tree: { name: 'a', children: [{ name: 'b', children: [{}] }] } }, 'input/tree/children/0/children/0/name'],
];
const ofZod4: readonly Wrong[] = [
  ...wrong,
  ...inDepth,
  [{ emoji: 'a' }, 'input/emoji'],
  [{ emoji: '1' }, 'input/emoji'],
  [{ duration: 'P1YT' }, 'input/duration'],
  [{ duration: 'P1W2D' }, 'input/duration'],
  [{ cidr: '10.0.0.0/33' }, 'input/cidr'],
];

/** An older zod writes bounds of tuples as counts. */
const tuples: readonly Wrong[] = [[{ pair: ['a'] }, 'input/pair']];

const pydantic: JsonObject = {
  id: uuid,
  url: 'https://a.example/',
  secret: 's',
  at: '2026-11-27T03:04:05Z',
  day: '2026-11-27',
  t: '03:04:05Z',
  delta: 1,
  price: 19.99,
  count: 4,
  ip: '10.0.0.1',
  any_ip: '::1',
  size: 2,
  tags: ['a', 'b'],
  frozen: [1, 2],
  pair: ['a', 1],
  many: [1, 2, 3],
  either: 'a',
  shape: { type: 'square', a: 1.5 },
  home: { street: 'a', zip: '12345' },
  mapping: { a: [1.5] },
  keyed: { 1: 'a' },
  tree: { name: 'a', children: [{ name: 'b' }], parent: { name: 'c' } },
  data: 'x',
  pat: '^a',
  lit: 'a',
  path: '/tmp/x',
  j: '{}',
};
const wrongPydantic: readonly Wrong[] = [
  [{ id: 'x' }, 'input/id'],
  [{ price: 101 }, 'input/price'],
  [{ count: 3 }, 'input/count'],
  [{ ip: 'x' }, 'input/ip'],
  [{ size: 3 }, 'input/size'],
  [{ tags: ['a', 'a'] }, 'input/tags'],
  [{ pair: ['a', 1, 2] }, 'input/pair'],
  [{ home: { street: 'a', zip: 'x' } }, 'input/home/zip'],
  [{ mapping: { a: ['x'] } }, 'input/mapping/a/0'],
  [{ tree: { name: 'a', children: [{}] } }, 'input/tree/children/0/name'],
  [{ lit: 'b' }, 'input/lit'],
  [{ more: 1 }, 'input/more'],
];

const actor: JsonObject = {
  $schema: 'https://apify.com/schemas/v1/input.ide.json',
  title: 'Shop scraper',
  schemaVersion: 1,
  type: 'object',
  properties: {
    start: {
      title: 'Pages',
      type: 'array',
      editor: 'requestListSources',
      prefill: [{ url: 'https://a.example' }],
      uniqueItems: true,
      minItems: 1,
      items: { type: 'object', required: ['url'], properties: { url: { type: 'string' } } },
    },
    mode: { title: 'Mode', type: 'string', editor: 'select', enum: ['fast', 'full'], enumTitles: ['Fast', 'Full'] },
    limit: { title: 'Limit', type: 'integer', minimum: 0, nullable: true, unit: 'pages', sectionCaption: 'Bounds' },
    token: { title: 'Token', type: 'string', editor: 'textfield', isSecret: true, pattern: '^[\\w-.]+$' },
    headers: { title: 'Headers', type: 'array', editor: 'keyValue', patternKey: '^\\w+$', patternValue: '^\\w+$' },
    proxy: { title: 'Proxy', type: 'object', editor: 'proxy', prefill: { useApifyProxy: true }, default: {} },
    since: { title: 'Since', type: 'string', editor: 'datepicker', dateType: 'absoluteOrRelative' },
    debug: { title: 'Debug', type: 'boolean', default: false, editor: 'hidden', groupCaption: 'Debug' },
  },
  required: ['start'],
};

/** A document's `components.schemas`, with references rewritten as every bundler does. */
const openapi: JsonObject = {
  $ref: '#/components/schemas/Pet',
  components: {
    schemas: {
      Pet: {
        type: 'object',
        required: ['id', 'kind'],
        discriminator: { propertyName: 'kind', mapping: { cat: '#/components/schemas/Cat' } },
        properties: {
          id: { type: 'integer', format: 'int64', readOnly: true, minimum: 0, exclusiveMinimum: true, example: 7 },
          kind: { type: 'string', enum: ['cat', 'dog'] },
          owner: { nullable: true, allOf: [{ $ref: '#/components/schemas/Owner' }] },
          born: { type: 'string', format: 'date', nullable: true },
          photo: { type: 'string', format: 'byte', writeOnly: true, xml: { attribute: true } },
          price: { type: 'number', format: 'double', multipleOf: 0.01 },
          friends: { type: 'array', items: { $ref: '#/components/schemas/Pet' }, deprecated: true },
          extra: { type: 'object', additionalProperties: { type: 'string', nullable: true } },
        },
      },
      Owner: { type: 'object', required: ['name'], properties: { name: { type: 'string', maxLength: 10 } } },
      Cat: { allOf: [{ $ref: '#/components/schemas/Pet' }, { type: 'object' }] },
    },
  },
};

/** An object whose input is itself a JSON Schema. */
const schema: JsonObject = { type: 'object', properties: { a: { type: ['string', 'null'], minLength: 1 } } };
const wrongSchema: readonly Wrong[] = [
  [{ type: 'strin' }, 'input/type'],
  [{ properties: { a: { minLength: -1 } } }, 'input/properties/a/minLength'],
  [{ required: 'a' }, 'input/required'],
];

type Row = readonly [name: string, schema: JsonObject, input: JsonObject, wrong: readonly Wrong[]];

const convert = (options: Parameters<typeof z.toJSONSchema>[1]) =>
  JSON.parse(JSON.stringify(z.toJSONSchema(everything, options))) as JsonObject;
const asJson = (value: unknown) => value as Json as JsonObject;

const rows: readonly Row[] = [
  ['zod 4', convert({}), input, [...ofZod4, ...tuples]],
  ['zod 4 for draft-07', convert({ target: 'draft-7' }), input, [...ofZod4, ...tuples]],
  ['zod 4 for draft-04', convert({ target: 'draft-4' }), input, ofZod4],
  ['zod 4 for OpenAPI 3.0', convert({ target: 'openapi-3.0' }), input, ofZod4],
  ['zod 4 with shared parts', convert({ reused: 'ref' }), input, ofZod4],
  ['zod 4 of what goes in', convert({ io: 'input' }), input, ofZod4.slice(0, -5)],
  ['zod-to-json-schema for draft-07', read('zod-to-json-schema-draft-07'), input, [...wrong, ...inDepth, ...tuples]],
  ['zod-to-json-schema for OpenAPI', read('zod-to-json-schema-openapi'), input, [...wrong, ...tuples]],
  ['zod-to-json-schema by name', read('zod-to-json-schema-named'), input, [...wrong, ...inDepth]],
  ['pydantic 1', read('pydantic-1'), pydantic, wrongPydantic],
  ['pydantic 2', read('pydantic-2'), { ...pydantic, delta: 'P1D', t: '03:04:05' }, wrongPydantic],
  [
    'typebox',
    read('typebox'),
    {
      ...{ id: uuid, n: 1, k: 'a', t: ['a', 1], r: { a: 1 }, tpl: 'axb', i: { x: 1, y: 2 }, p: {}, fn: 1, not: 1 },
      nodes: { id: uuid, nodes: [{ id: uuid, nodes: [] }] },
    },
    [
      [{ n: 0 }, 'input/n'],
      [{ t: ['a'] }, 'input/t'],
      [{ i: { x: 1, y: 2, z: 3 } }, 'input/i/z'],
      [{ nodes: { id: uuid, nodes: [{ id: 'x', nodes: [] }] } }, 'input/nodes/nodes/0/id'],
      [{ not: 'a' }, 'input/not'],
      [{ more: 1 }, 'input/more'],
    ],
  ],
  [
    'Apify',
    actor,
    { start: [{ url: 'https://a.example' }], limit: null, token: 'a-b.c', headers: [{ key: 'a', value: 'b' }] },
    [
      [{ start: [] }, 'input/start'],
      [{ start: [{ url: 'a' }, { url: 'a' }] }, 'input/start'],
      [{ start: [{}] }, 'input/start/0/url'],
      [{ mode: 'slow' }, 'input/mode'],
      [{ limit: -1 }, 'input/limit'],
      [{ token: 'a b' }, 'input/token'],
    ],
  ],
  [
    'OpenAPI 3.0',
    openapi,
    {
      ...{ id: 1, kind: 'cat', owner: null, born: null, photo: 'aGVsbG8=', price: 0.07, extra: { a: null } },
      friends: [{ id: 2, kind: 'dog', owner: { name: 'Ann' } }],
    },
    [
      [{ id: 0 }, 'input/id'],
      [{ kind: 'cow' }, 'input/kind'],
      [{ price: 0.071 }, 'input/price'],
      [{ friends: [{ id: 2 }] }, 'input/friends/0/kind'],
      [{ extra: { a: 1 } }, 'input/extra/a'],
    ],
  ],
  ['draft-04 itself', read('draft-04'), schema, wrongSchema],
  ['draft-06 itself', asJson(draft06), schema, wrongSchema],
  ['draft-07 itself', asJson(draft07), schema, wrongSchema],
  ['2019-09 itself', asJson(draft2019), schema, wrongSchema],
  ['2020-12 itself', asJson(draft2020), schema, wrongSchema],
  ['a reference to draft-06', { $ref: 'http://json-schema.org/draft-06/schema#' }, schema, wrongSchema],
  ['a reference to draft-07', { $ref: 'http://json-schema.org/draft-07/schema#' }, schema, wrongSchema],
  ['a reference to 2019-09', { $ref: 'https://json-schema.org/draft/2019-09/schema' }, schema, wrongSchema],
  ['a reference to 2020-12', { $ref: 'https://json-schema.org/draft/2020-12/schema' }, schema, wrongSchema],
  [
    'a reference to draft-07 below a schema of 2020-12',
    {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      properties: { schema: { $ref: 'http://json-schema.org/draft-07/schema#' } },
    },
    { schema },
    [[{ schema: { type: 'strin' } }, 'input/schema/type']],
  ],
];

describe('a JSON Schema as a tool writes it', () => {
  test.each(rows)(
    'of %s takes what is right and refuses what is wrong, with its place',
    (_name, written, right, bad) => {
      const { check } = createSchemaCheck({ schema: written, root: 'input' });
      expect(check(right)).toBeNull();
      expect(bad.map(([change]) => check({ ...right, ...change })?.path)).toEqual(bad.map(([, path]) => path));
    },
  );

  test.each<readonly [name: string, schema: JsonObject, said: string]>([
    ['a type that is misspelt', { type: 'strnig' }, 'type "strnig" is none of'],
    ['a type that is misspelt, with the nearest', { type: 'strnig' }, 'did you mean "string"?'],
    [
      'a type of typebox alone',
      { properties: { d: { type: 'Date' } } },
      'properties/d/type "Date" is none of array, boolean',
    ],
    ['the required of draft-03', { properties: { a: { required: true } } }, 'properties/a/required must be array'],
    ['a reference to a file', { $ref: './pet.json' }, 'refers to'],
    ['a reference that is misspelt', { $ref: '#/$defs/Pte', $defs: { Pet: {} } }, 'refers to #/$defs/Pte'],
    ['a list of types that is wrong', { type: ['string', 'nul'] }, 'type'],
    ['properties as a list', { properties: [] }, 'properties must be object'],
    ['a lookahead in the middle', { pattern: '^a*(?=b)' }, 'looks ahead'],
  ])('%s is refused in words', (_name, written, said) => {
    expect(() => createSchemaCheck({ schema: written, root: 'input' })).toThrow(said);
  });
});
