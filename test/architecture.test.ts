import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errorTable } from '../src/contract/domain/errors.ts';
import { generatedCases, heavyProofs } from './heavy.ts';
import { seconds } from './longest-first.ts';
import { exportedNames, functionsIn, isDeclarative, lineOf, parseSource, parseText } from './source-syntax.ts';

const root = resolve(import.meta.dirname, '..');

/** Rooms from the highest to the lowest. A room may import rooms of lower rows only, and itself. */
const heights: readonly (readonly string[])[] = [
  ['src/main.ts'],
  ['src/cli'],
  ['src/gateway.ts'],
  ['src/http'],
  ['src/vendors'],
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
  ['src/compute'],
  ['src/collections', 'src/json'],
  ['src/contract'],
];

/** Folders of the engine from the highest to the lowest; files beside them are its base, but for the composition. */
const engineHeights: readonly (readonly string[])[] = [
  ['create-engine.ts'],
  ['admin'],
  ['schedules'],
  ['api', 'cluster'],
  ['worker'],
  ['sessions'],
  ['state', 'limits'],
  ['events', 'webhooks', 'pacing'],
  ['placement.ts', 'sleeper.ts', 'backoff.ts', 'system-clock.ts', 'storage-errors.ts'],
];

/** Packages that live in one room only. */
const homes: Readonly<Record<string, string>> = {
  koa: 'src/http',
  '@koa/router': 'src/http',
  'koa-body': 'src/http',
  '@koa/cors': 'src/http',
  'openapi-sampler': 'src/protocols',
  'prom-client': 'src/observability',
  undici: 'src/upstream',
  pino: 'src/observability',
  pg: 'src/store',
  'node:sqlite': 'src/store',
  jsonata: 'src/mapping',
  ajv: 'src/validation',
  re2js: 'src/compute',
  yaml: 'src/config',
  croner: 'src/config',
  '@hapi/bourne': 'src/json',
};

/** Rooms whose folders are siblings that do the same work in their own words, and so use the same names. */
const roomsOfSiblings = ['src/protocols', 'src/store', 'src/sandbox', 'adapters'];

const maxLines = 400;
const maxParameters = 4;
/** A file with fewer lines that only one file imports belongs into that file. */
const minLines = 20;
/** Files that people look for, however short. */
const entryPoints = ['adapters/index.ts'];

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

/** The folder within which a name means one thing. */
function scopeOf(file: string): string {
  const siblings = roomsOfSiblings.find((room) => file.startsWith(`${room}/`));
  return siblings === undefined ? roomOf(file) : dirname(file);
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

function engineHeightOf(file: string): number {
  const [folder = ''] = file.slice('src/engine/'.length).split('/');
  const height = engineHeights.findIndex((folders) => folders.includes(folder));
  if (height < 0) throw new Error(`${file} belongs to no folder of the engine`);
  return height;
}

/** The folder of a sibling, such as `acp-v01` of `src/protocols`; null for files beside the folders, and elsewhere. */
function siblingOf(file: string): string | null {
  const room = roomsOfSiblings.find((each) => file.startsWith(`${each}/`));
  const folders = room === undefined ? [] : file.slice(room.length + 1).split('/');
  return folders.length > 1 ? `${room}/${folders[0]}` : null;
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

  test('a folder of the engine imports only folders below it', () => {
    const isInEngine = (file: string) => file.startsWith('src/engine/');
    const folderOf = (file: string) => file.split('/')[2];
    const wrong = internal
      .filter(({ from, to }) => isInEngine(from) && isInEngine(to) && folderOf(from) !== folderOf(to))
      .filter(({ from, to }) => engineHeightOf(to) <= engineHeightOf(from));
    expect(wrong).toEqual([]);
  });

  test('a protocol, a store, a stand-in and an adapter import none of their siblings', () => {
    const wrong = internal.filter(({ from, to }) => {
      const [source, target] = [siblingOf(from), siblingOf(to)];
      // Restack's engine is a Temporal server, and is spoken to as one.
      if (source === 'adapters/restack' && target === 'adapters/temporal') return false;
      return source !== null && target !== null && source !== target && target !== 'src/protocols/shared';
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

  test('the heavy proofs and the longest tests are files that exist', () => {
    const files = filesUnder('test', /\.test\.ts$/);
    expect(
      [...heavyProofs, ...generatedCases, ...Object.keys(seconds)].filter((file) => !files.includes(file)),
    ).toEqual([]);
  });

  test('the contract holds types, error classes and constant tables, and no other code', () => {
    const wrong = sources
      .filter((file) => file.startsWith('src/contract/'))
      .flatMap((file) => {
        const syntax = parseSource(join(root, file));
        const code = syntax.body.filter((statement) => !isDeclarative(statement));
        return code.map((statement) => `${file}:${lineOf(syntax, statement)}`);
      });
    expect(wrong).toEqual([]);
  });

  test(`no function, method or constructor has more than ${maxParameters} positional parameters`, () => {
    const wrong = sources.filter((file) =>
      functionsIn(parseSource(join(root, file))).some(({ parameters }) => parameters > maxParameters),
    );
    expect(wrong).toEqual([]);
  });

  test(`no file that only one file imports is shorter than ${minLines} lines`, () => {
    const wrong = sources.filter((file) => {
      const importers = new Set(internal.filter(({ to }) => to === file).map(({ from }) => from));
      if (entryPoints.includes(file)) return false;
      return importers.size === 1 && readFileSync(join(root, file), 'utf8').trimEnd().split('\n').length < minLines;
    });
    expect(wrong).toEqual([]);
  });

  test('no two files of one room export the same name', () => {
    const homesOf = new Map<string, Set<string>>();
    for (const file of sources) {
      for (const name of parseSource(join(root, file)).body.flatMap(exportedNames)) {
        const key = `${scopeOf(file)}: ${name}`;
        homesOf.set(key, (homesOf.get(key) ?? new Set()).add(file));
      }
    }
    const wrong = [...homesOf].filter(([, files]) => files.size > 1).map(([key]) => key);
    expect(wrong).toEqual([]);
  });

  test('every row of the error table is thrown somewhere', () => {
    const code = sources.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
    const unused = Object.keys(errorTable).filter((name) => !new RegExp(`GatewayError\\(\\s*'${name}'`).test(code));
    expect(unused).toEqual([]);
  });

  test.each([
    'export function read(): void {}',
    'export class Reader {}',
    'export const read = () => 1;',
    'export const table = { read: () => 1 } as const;',
    'export const names = new Set([1]);',
    'export let count = 1 as const;',
    'run();',
  ])('the contract may not hold %j', (text) => {
    expect(parseText('case.ts', text).body.every(isDeclarative)).toBe(false);
  });

  test.each([
    ['class A { constructor(a: 1, b: 2, c: 3, d: 4, e: 5) {} }', 5],
    ['interface A { read(a: 1, b: 2, c: 3): void }', 3],
    ['const read = <A, B>({ a, b }: C, d = 1): void => {};', 2],
    ['type Read = (a: 1, ...rest: number[]) => void;', 2],
  ])('the parameters of %j are counted', (text, parameters) => {
    expect(functionsIn(parseText('case.ts', text)).map((found) => found.parameters)).toContain(parameters);
  });
});
