import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/** Rooms from the highest to the lowest. A room may import rooms of lower rows only, and itself. */
const heights: readonly (readonly string[])[] = [
  ['src/main.ts'],
  ['src/cli'],
  ['src/gateway.ts'],
  ['src/http'],
  ['src/access', 'src/protocols', 'src/config'],
  ['src/agents'],
  [
    'src/engine',
    'src/mapping',
    'src/validation',
    'src/store',
    'src/upstream',
    'src/observability',
    'src/sandbox',
    'adapters',
  ],
  ['src/collections', 'src/json'],
  ['src/contract'],
];

/** Packages that live in one room only. */
const homes: Readonly<Record<string, string>> = {
  koa: 'src/http',
  '@koa/router': 'src/http',
  'koa-body': 'src/http',
  '@koa/cors': 'src/http',
  'prom-client': 'src/observability',
  undici: 'src/upstream',
  pino: 'src/observability',
  pg: 'src/store',
  'node:sqlite': 'src/store',
  jsonata: 'src/mapping',
  yaml: 'src/config',
  '@hapi/bourne': 'src/json',
};

const maxLines = 400;
const specifier =
  /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;

type Import = { readonly from: string; readonly to: string };

function filesUnder(folder: string, ending: RegExp): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((name) => ending.test(name) && statSync(join(root, name)).isFile());
}

function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(specifier)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function roomOf(file: string): string {
  const room = heights.flat().find((name) => file === name || file.startsWith(`${name}/`));
  if (room === undefined) throw new Error(`${file} belongs to no room`);
  return room;
}

const sources = [...filesUnder('src', /\.ts$/), ...filesUnder('adapters', /\.ts$/)];
const internal: readonly Import[] = sources.flatMap((from) =>
  importsOf(from)
    .filter((name) => name.startsWith('.'))
    .map((name) => ({ from, to: relative(root, resolve(root, dirname(from), name)) })),
);

function heightOf(room: string): number {
  return heights.findIndex((rooms) => rooms.includes(room));
}

describe('architecture', () => {
  test('the scan sees the imports', () => {
    expect(sources.length).toBeGreaterThan(30);
    expect(internal).toContainEqual({ from: 'src/engine/worker/run-loop.ts', to: 'src/contract/domain/agent.ts' });
  });

  test('a room imports only rooms below it', () => {
    const wrong = internal.filter(({ from, to }) => {
      const [source, target] = [roomOf(from), roomOf(to)];
      if (source === target) return false;
      return heightOf(target) <= heightOf(source);
    });
    expect(wrong).toEqual([]);
  });

  test('a package lives in its own room', () => {
    const wrong = sources.flatMap((file) =>
      importsOf(file)
        .filter((name) => homes[name] !== undefined && !file.startsWith(`${homes[name]}/`))
        .map((name) => `${file} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  test('adapters import the contract and JSON alone', () => {
    const wrong = internal.filter(
      ({ from, to }) => from.startsWith('adapters/') && !/^(adapters|src\/contract|src\/json)\//.test(to),
    );
    expect(wrong).toEqual([]);
  });

  test('there are no cycles, types included', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to } of internal) edges.set(from, [...(edges.get(from) ?? []), to]);
    const cycles: string[] = [];
    const finished = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' > '));
      if (finished.has(file) || path.includes(file)) return;
      for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
      finished.add(file);
    };
    for (const file of sources) visit(file, []);
    expect(cycles).toEqual([]);
  });

  test(`no file is longer than ${maxLines} lines, and none is a grab-bag`, () => {
    const all = [...sources, ...filesUnder('test', /\.ts$/)];
    const long = all.filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > maxLines);
    expect(long).toEqual([]);
    expect(all.filter((file) => /\b(utils?|helpers?|common|misc)\b/.test(file))).toEqual([]);
  });
});
