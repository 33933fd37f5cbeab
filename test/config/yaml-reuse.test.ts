// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config are what is tested
import { describe, expect, test } from 'vitest';
import { readDocument } from '../../src/config/document.ts';
import { acme, parse, refuse, sample } from './vendors.ts';

/** What a YAML text means. Earlier merged mappings win over later ones, and own keys over both. */
const meanings: readonly (readonly [string, string, unknown])[] = [
  ['one merge', 'a: &a { x: 1 }\nb: { <<: *a, y: 2 }', { a: { x: 1 }, b: { x: 1, y: 2 } }],
  ['a key before the merge', 'a: &a { x: 1 }\nb: { x: 2, <<: *a }', { a: { x: 1 }, b: { x: 2 } }],
  ['a key after the merge', 'a: &a { x: 1 }\nb: { <<: *a, x: 2 }', { a: { x: 1 }, b: { x: 2 } }],
  [
    'a list of merges',
    'a: &a { x: 1 }\nb: &b { x: 2, y: 2 }\nc: { <<: [*a, *b] }',
    { a: { x: 1 }, b: { x: 2, y: 2 }, c: { x: 1, y: 2 } },
  ],
  ['a merge of a merge', 'a: &a { x: 1 }\nb: &b { <<: *a }\nc: { <<: *b }', { a: { x: 1 }, b: { x: 1 }, c: { x: 1 } }],
  ['a mapping that is written in place', 'c: { <<: { x: 1 } }', { c: { x: 1 } }],
  ['a list behind an alias', 'a: &a [{ x: 1 }]\nc: { <<: *a }', { a: [{ x: 1 }], c: { x: 1 } }],
  ['a quoted <<', 'c: { "<<": 1 }', { c: { '<<': 1 } }],
  ['a scalar behind an alias', 'a: &a 7\nb: *a', { a: 7, b: 7 }],
  ['an anchor that is set twice', 'a: &a 1\nb: *a\nc: &a 2\nd: *a', { a: 1, b: 1, c: 2, d: 2 }],
  [
    'a member that objects inherit',
    'a: &a { constructor: 1 }\nb: { <<: *a }',
    { a: { constructor: 1 }, b: { constructor: 1 } },
  ],
];

describe('a YAML text with anchors', () => {
  test.each(meanings)('%s means what YAML says', (_name, text, value) => {
    expect(readDocument(text)).toMatchObject({ problems: [], value });
  });

  test('a __proto__ that is merged stays a plain member', () => {
    const { value } = readDocument('a: &a { __proto__: { x: 1 } }\nb: { <<: *a }') as { value: { b: object } };
    expect([Object.keys(value.b), 'x' in value.b]).toEqual([['__proto__'], false]);
  });

  test('many aliases of one anchor, each with an alias inside, are no attack', () => {
    const text = `a: &a { x: 1 }\nb: &b { <<: *a }\nc:\n${'  - <<: *b\n'.repeat(5000)}`;
    expect(readDocument(text).problems).toEqual([]);
  });
});

const bomb = (width: number, height: number) =>
  [
    'a0: &a0 [x]',
    ...Array.from({ length: height }, (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level},`.repeat(width)}]`),
  ].join('\n');

/** A text, its line and column, and what is said. */
const refused: readonly (readonly [string, string, readonly [number, unknown], RegExp])[] = [
  ['a list that holds itself', 'agents: &a [ *a ]', [1, 14], /\*a stands inside the value that it refers to/],
  ['a mapping that holds itself', 'a: &a\n  b: *a', [2, 6], /stands inside/],
  ['a mapping that merges itself', 'a: &a { <<: *a }', [1, 13], /stands inside/],
  ['a list in a list that holds the outer one', 'a: &a [ &b [ 1, *a ] ]', [1, 17], /stands inside/],
  ['a bomb of lists', bomb(10, 9), [7, 14], /more than 250000/],
  ['a bomb of two aliases a level', bomb(2, 60), [17, 1], /more than 250000/],
  [
    'a bomb of merged mappings',
    `a0: &a0 { b: [${'1,'.repeat(999)}] }\nc:\n${'  - <<: *a0\n'.repeat(300)}`,
    [252, 5],
    /more than 250000/,
  ],
  ['300 levels', `a: ${'['.repeat(300)}${']'.repeat(300)}`, [1, 204], /nested more than 200/],
  ['100000 levels', `a: ${'['.repeat(100_000)}`, [1, expect.any(Number)], /nested too deep/],
  ['100000 levels of blocks', '- '.repeat(100_000), [1, expect.any(Number)], /nested too deep/],
  ['an anchor that is not there', 'a: &base 1\nb: *bsae', [2, 4], /\*bsae names no anchor before it/],
  ['an anchor that comes later', 'a: *b\nb: &b 1', [1, 4], /names no anchor/],
  ['a merge of a text', 'a: &a text\nb: { <<: *a }', [2, 6], /<< takes an alias of a mapping/],
  ['a merge of nothing', 'b: { <<: }', [1, 6], /<< takes/],
  ['a list of merges with a number', 'b: { <<: [{}, 1] }', [1, 6], /<< takes/],
  ['two merges', 'a: &a {}\nb:\n  <<: *a\n  <<: *a', [4, 3], /stands twice.*<<: \[\*a, \*b\]/],
  ['a key that stands twice', 'a: 1\nb: 2\na: 3', [3, 1], /the key stands twice/],
];

describe('a YAML text that refers to itself, to nothing or to too much', () => {
  test.each(refused)('%s is refused with its place', (_name, text, [line, column], message) => {
    const [problem, ...others] = readDocument(text).problems;
    expect(others).toEqual([]);
    expect(problem?.message).toMatch(message);
    expect([problem?.line, problem?.column]).toEqual([line, column]);
  });

  test('an anchor that is not there is answered with the nearest one', () => {
    expect(readDocument('a: &base 1\nb: *bsae').problems[0]?.hint).toBe('base');
  });

  test.each([
    ['keys of one mapping', Array.from({ length: 100_000 }, (_, index) => `k${index}: 1`).join('\n')],
    ['aliases', `a: &a 1\nb:\n${'  - *a\n'.repeat(100_000)}`],
    ['anchors', `b:\n${Array.from({ length: 50_000 }, (_, index) => `  - &a${index} 1\n  - *a${index}\n`).join('')}`],
  ])('100000 %s are read in less than quadratic time', (_name, text) => {
    // Processor time, which other programs do not add to.
    const before = process.cpuUsage();
    expect(readDocument(text).problems).toEqual([]);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(8000);
  });
});

const common = 'x-common: &common { apiKey: hush-hush-1234, baseUrl: "https://acme.example/v1" }\n';
const withBackend = (entry: string) => sample().replace(/ {2}main:[\s\S]*?(?=agents:)/, entry);

/** Configs in which parts are kept under `x-` and merged elsewhere. */
const reuses: readonly (readonly [string, string])[] = [
  ['at the top level', common + withBackend('  main: { <<: *common, adapter: acme }\n')],
  [
    'at the top level, behind a list',
    `${common}x-b: &b { region: south }\n${withBackend('  main: { <<: [*common, *b], adapter: acme }\n')}`,
  ],
  [
    'in the list of backends',
    withBackend(
      '  x-base: &base { apiKey: hush-hush-1234, baseUrl: "https://a.example" }\n  main: { <<: *base, adapter: acme }\n',
    ),
  ],
  ['in a backend', sample({ backend: 'x-note: { owner: ann }' })],
  ['in an agent', sample({ agent: 'x-note: [1, 2]' })],
  ['in a target', sample({ target: 'job: a, x-note: b' })],
  ['in a section', sample({ rest: 'server: { x-port: &port 8080, port: *port }' })],
  [
    'in a section of a section',
    sample({ rest: 'server: { cors: { x-web: &web ["https://a.example"], origins: *web } }' }),
  ],
  ['in the schemas of an agent', sample({ agent: 'schemas: { x-a: &a { type: object }, input: *a, output: *a }' })],
  ['in an inline mapping', sample({ agent: 'mapping: { x-a: 1, status: { done: success }, output: result }' })],
  ['with a variable that is not set', `x-unused: "\${LOST}"\n${sample()}`],
  ['with a variable that is not set, in a section', sample({ rest: 'server: { x-unused: "${LOST}" }' })],
];

describe('parts under x-', () => {
  test.each(reuses)('a part %s is no unknown key', async (_name, text) => {
    expect((await parse(text)).backends.map(({ name, adapter }) => [name, adapter])).toEqual([['main', acme]]);
  });

  test('a key under x- in a JSON Schema and in metadata is kept', async () => {
    const agent = 'schemas: { input: { x-order: 1 } }\nmetadata: { x-team: a }';
    const [parsed] = (await parse(sample({ agent }))).agents;
    expect([parsed?.schemas.input, parsed?.metadata]).toEqual([{ 'x-order': 1 }, { 'x-team': 'a' }]);
  });

  test('a backend under x- that an agent names is a backend', async () => {
    const text = sample().replace('  main:', '  x-ray:').replace('backend: main', 'backend: x-ray');
    expect((await parse(text)).backends.map(({ name }) => name)).toEqual(['x-ray']);
  });

  test.each(['x_note', 'xnote', 'X-note', 'x'])('the key %s is unknown', async (key) => {
    const problems = await refuse(sample({ rest: `${key}: 1` }));
    expect(problems.map(({ path, message }) => [path, message])).toContainEqual([
      key === 'X-note' ? 'X-note' : key,
      'is not a known key',
    ]);
  });

  test('a wrong value that is merged is reported where it is written', async () => {
    const text = `x-common: &common\n  apiKey: ""\n${withBackend('  main: { <<: *common, adapter: acme, baseUrl: "https://a.example" }\n')}`;
    expect(await refuse(text)).toEqual([
      {
        path: 'backends.main.apiKey',
        message: 'must not be empty',
        line: 2,
        column: 3,
        excerpt: { text: '  apiKey: ""', start: 2, length: 10 },
      },
    ]);
  });
});
