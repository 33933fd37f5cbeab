import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Json } from '../../src/contract/domain/json.ts';
import { compileMapping } from '../../src/mapping/compile.ts';
import { mappingSchema } from '../../src/mapping/schema.ts';

const goldenSchema = z.strictObject({
  title: z.string(),
  mapping: z.record(z.string(), z.unknown()).optional(),
  vendor: z.looseObject({ status: z.string() }).or(z.looseObject({ jobRun: z.looseObject({ status: z.string() }) })),
  mapped: z.looseObject({ kind: z.string() }),
});

const here = (path: string) => new URL(path, import.meta.url);

function readCases(vendor: string) {
  const names = readdirSync(here(`../golden/${vendor}`)).filter((name) => name.endsWith('.json'));
  return names.map((name) => {
    const text = readFileSync(here(`../golden/${vendor}/${name}`), 'utf8');
    return { name, text, ...goldenSchema.parse(JSON.parse(text)) };
  });
}

const statusOf = ({ vendor }: Pick<z.output<typeof goldenSchema>, 'vendor'>): string =>
  'jobRun' in vendor ? (vendor.jobRun as { readonly status: string }).status : (vendor.status as string);

/** The errcodes of each mapping: the first one, and how many there may be. */
const ranges = {
  intuned: [2000, 1000],
  'intuned-job': [2000, 1000],
  'intuned-web-task': [2000, 1000],
  restack: [3000, 1000],
  dify: [6500, 100],
  agentcore: [6600, 100],
  mcp: [6400, 100],
  temporal: [6700, 100],
} as const;

describe.each(Object.entries(ranges))('%s', (vendor, [first, size]) => {
  const shipped: unknown = parse(readFileSync(here(`../../mappings/${vendor}.yaml`), 'utf8'));
  const cases = readCases(vendor);

  it.each(cases)(
    'the golden case $name of the mapping maps as expected: $title',
    async ({ name, text, mapping, vendor: body, mapped }) => {
      const layers = [{ source: `${vendor}.yaml`, mapping: shipped }];
      const compilation = compileMapping(mapping === undefined ? layers : [...layers, { source: name, mapping }]);
      if (compilation.kind !== 'compiled') throw new Error(JSON.stringify(compilation.problems));
      const raw = body as Json;

      const actual = await compilation.mapping.read({ status: statusOf({ vendor: body }), raw });

      const expected = mapped.kind === 'pending' ? { partial: undefined, ...mapped } : mapped;
      expect(actual).toStrictEqual(expected);
      expect(JSON.parse(JSON.stringify(actual))).toStrictEqual(mapped);
      // The vendor's run is as it was: an evaluation leaves no mark on it.
      expect(raw).toStrictEqual(goldenSchema.parse(JSON.parse(text)).vendor);
    },
  );

  it('the golden cases cover every status and every errcode of the shipped mapping', () => {
    const { status = {}, errcodes = {} } = mappingSchema.parse(shipped);
    const plain = cases.filter((each) => each.mapping === undefined);
    const codes = new Set(plain.map(({ mapped }) => mapped.errcode));
    const statuses = new Set(plain.map(statusOf));

    expect(Object.entries(errcodes).filter(([, errcode]) => !codes.has(errcode))).toEqual([]);
    expect(Object.keys(status).filter((each) => !statuses.has(each))).toEqual([]);
    expect(new Set(Object.values(errcodes)).size).toBe(Object.keys(errcodes).length);
  });

  it('the shipped mapping keeps its errcodes in its own range and in the manual', () => {
    const { errcodes = {} } = mappingSchema.parse(shipped);
    const page = readFileSync(here('../../docs/errors.md'), 'utf8');
    for (const [word, errcode] of Object.entries(errcodes)) {
      expect(Math.floor(errcode / size) * size).toBe(first);
      const said = word === 'default' ? 'any other' : `\`${word}\``;
      expect(page).toMatch(new RegExp(`^\\| ${errcode} +\\| ${said} +\\|$`, 'm'));
    }
  });
});
