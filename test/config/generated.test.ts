import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { adapters } from '../../adapters/index.ts';
import { title } from '../../schema/generate/errors-page.ts';
import { renderExample } from '../../schema/generate/example.ts';
import { generateFiles, root } from '../../schema/generate/files.ts';
import { describeParts } from '../../src/config/config-parts.ts';
import { configSchema } from '../../src/config/config-schema.ts';
import { agentSchema, backendSchema } from '../../src/config/entry-schemas.ts';
import { parseConfig } from '../../src/config/load.ts';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import { errorTable } from '../../src/contract/domain/errors.ts';
import { mappingSchema } from '../../src/mapping/schema.ts';
import { counters, gauges } from '../../src/observability/metric-tables.ts';
import { readBlocks, readCode, readSection, readTable } from '../docs/markdown.ts';
import { acme } from './vendors.ts';

const files = generateFiles();
const page = (name: string) => files[name] ?? '';

describe('generated files', () => {
  test.each(Object.keys(files))('%s is what npm run generate writes', (path) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(files[path]);
  });

  test.each(Object.keys(files).filter((path) => path.endsWith('.md')))('%s has aligned tables', (path) => {
    const blocks = page(path)
      .split('\n\n')
      .filter((block) => block.startsWith('| '));
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks)
      expect(
        new Set(
          block
            .trimEnd()
            .split('\n')
            .map(({ length }) => length),
        ).size,
      ).toBe(1);
  });
});

describe('docs/config.md', () => {
  test('docs/config.md has every key of the schemas, with its default and a meaning', () => {
    const rows = readRows();
    const keys = schemaKeys();
    expect(keys.length).toBeGreaterThan(90);
    expect(keys.filter(([key]) => !rows.has(key))).toEqual([]);
    for (const [key, value] of keys) {
      // Two adapters may have a key of one name, each with a row of its own.
      const all = rows.get(key) ?? [];
      expect([key, all.map(([, shown]) => shown)]).toEqual([key, expect.arrayContaining([value])]);
      const [type, , meaning] = all.find(([, shown]) => shown === value) ?? [];
      expect([key, type === '', (meaning ?? '').length > 10]).toEqual([key, false, true]);
      // Sentences: they begin large, or with a word of the config, and end with a stop.
      expect(meaning).toMatch(/^[A-Z`].*\.$/);
    }
  });

  test('every example of docs/config.md is accepted', async () => {
    const blocks = readBlocks(page('docs/config.md'), 'yaml');
    expect(blocks.length).toBeGreaterThan(2);
    const [whole = '', ...fragments] = blocks;
    const env = {
      INTUNED_WORKSPACE_ID: 'w',
      INTUNED_API_KEY: 'k',
      SHOP_WORKSPACE_ID: 'w',
      SHOP_API_KEY: 'k',
      NEWS_WORKSPACE_ID: 'w',
      NEWS_API_KEY: 'k',
      SHOP_KEY_SHA256: 'a'.repeat(64),
      RUNGATE_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
    };
    const isWhole = (text: string) => /^backends:/m.test(text);
    for (const text of [whole, ...fragments.map((part) => (isWhole(part) ? part : `${whole}\n${part}`))]) {
      const config = await parseConfig(text, { file: join(root, 'x.yaml'), env, registry: adapters });
      expect(config.agents).toHaveLength([...text.matchAll(/^ {2}- (name:|<<:|&)/gm)].length);
    }
  });
});

describe('docs/errors.md', () => {
  test('docs/errors.md has every error of the error table', () => {
    expect(readTable(page('docs/errors.md'), 'code')).toEqual(
      Object.entries(errorTable).map(([code, { http, retryable, message, when }]) => [
        `\`${code}\``,
        String(http),
        retryable ? 'yes' : 'no',
        message,
        when,
      ]),
    );
  });

  test('docs/errors.md has every errcode of the gateway', () => {
    const section = readSection(page('docs/errors.md'), 'Errcodes of runs');
    const codes = readTable(section, 'errcode').map(([errcode]) => Number(errcode));
    expect(codes).toEqual(Object.values(errcodes));
  });

  test.each(adapters.map(({ name }) => name))('docs/errors.md has the statuses and errcodes of %s', (name) => {
    const mapping = mappingSchema.parse(parseYaml(readFileSync(join(root, `mappings/${name}.yaml`), 'utf8')));
    const section = readSection(page('docs/errors.md'), title(name));
    const words = readTable(section, 'errcode').map(([errcode, word]) => [
      readCode(word ?? '')[0] ?? 'default',
      Number(errcode),
    ]);
    expect(Object.fromEntries(words)).toEqual(mapping.errcodes);
    const statuses = readTable(section, 'vendor status').map(([word, meaning]) => [readCode(word ?? '')[0], meaning]);
    expect(statuses.map(([word]) => word)).toEqual(Object.keys(mapping.status ?? {}));
    for (const [word, meaning = ''] of statuses) {
      const cases = mapping.status?.[word ?? ''] ?? [];
      expect(readCode(meaning)).toEqual(cases.flatMap(({ is, when }) => (when === undefined ? [is] : [is, when])));
    }
  });
});

test('docs/metrics.md has every counter of the gateway', () => {
  expect(readTable(page('docs/metrics.md'), 'counter')).toEqual(
    Object.entries(counters).map(([name, { help, labels }]) => [
      `\`rungate_${name}_total\``,
      labels.map((label) => `\`${label}\``).join(', '),
      help,
    ]),
  );
});

test('docs/metrics.md has every gauge of the gateway', () => {
  expect(readTable(page('docs/metrics.md'), 'gauge')).toEqual(
    Object.entries(gauges).map(([name, { help, labels }]) => [
      `\`rungate_${name}\``,
      labels.map((label) => `\`${label}\``).join(', '),
      help,
    ]),
  );
});

test('an adapter that the sample does not know gets a backend and an agent of its own in the example', () => {
  const described = (text: string, example: string) => z.string().meta({ description: text, examples: [example] });
  const other = {
    ...acme,
    settings: z.strictObject({ apiKey: described('Key of the account.', 'key-of-acme') }),
    target: z.strictObject({
      job: described('Name of the job.', 'sweep'),
      tries: z.int().default(3).describe('Attempts.'),
    }),
  };
  const example = parseYaml(renderExample(describeParts([...adapters, other]))) as Record<string, unknown>;
  expect(example.backends).toMatchObject({ 'acme-main': { adapter: 'acme', apiKey: 'key-of-acme' } });
  expect(example.agents).toContainEqual({ name: 'acme-agent', backend: 'acme-main', target: { job: 'sweep' } });
  // Without an example of a key that it needs, the generator says which one.
  expect(() => renderExample(describeParts([...adapters, acme]))).toThrow('apiKey needs an example');
});

function readRows(): ReadonlyMap<string, readonly (readonly string[])[]> {
  const sections = page('docs/config.md')
    .split(/^(?=#{2,3} )/m)
    .filter((section) => section.includes('\n| key '));
  const rows = sections.flatMap((section) => readTable(section, 'key'));
  const byKey = Map.groupBy(rows, ([key = '']) => key.replaceAll('`', ''));
  return new Map([...byKey].map(([key, all]) => [key, all.map(([, ...cells]) => cells)]));
}

/** Every key that the validator takes, by walking its zod schemas, with its default as the page writes it. */
function schemaKeys(): readonly (readonly [string, string])[] {
  const sections = Object.entries(configSchema.shape).flatMap(([name, section]) =>
    name === 'backends' || name === 'agents' ? [] : keysOf(section, name),
  );
  return [
    ...sections,
    ...keysOf(backendSchema, 'backends.NAME'),
    ...keysOf(agentSchema, 'agents[]'),
    ...adapters.flatMap(({ settings, target }) => [
      ...keysOf(settings, 'backends.NAME'),
      ...keysOf(target, 'agents[].target'),
    ]),
    ...keysOf(mappingSchema, 'agents[].mapping'),
  ];
}

function keysOf(schema: z.core.$ZodType, path: string): readonly (readonly [string, string])[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) return keysOf(inner.element, `${path}[]`);
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((option) => keysOf(option, path));
  if (!(inner instanceof z.ZodObject)) return [];
  return Object.entries(inner.shape).flatMap(([key, member]) => {
    const place = `${path}.${key}`;
    const left = z.safeParse(member, undefined);
    // The defaults of a mapping's members stand at the members.
    const own = unwrap(member) instanceof z.ZodObject && !(member instanceof z.ZodDefault) ? undefined : left.data;
    return [[place, left.success ? writeDefault(own) : 'required'] as const, ...keysOf(member, place)];
  });
}

function writeDefault(value: unknown): string {
  if (value === undefined || value === null) return 'none';
  if (typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length > 0) {
    return `\`{ ${Object.entries(value)
      .map(([key, member]) => `${key}: ${member}`)
      .join(', ')} }\``;
  }
  return `\`${typeof value === 'string' && value !== '' ? value : JSON.stringify(value)}\``;
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault
  ) {
    inner = inner.unwrap();
  }
  return inner;
}
