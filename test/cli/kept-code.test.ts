import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { loadWithKeptCode } from '../../src/cli/kept-code.ts';

type Exports = { readonly said: string; readonly add: (one: number, other: number) => number };

let folder: string;
let bundle: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rungate-kept-'));
  bundle = join(folder, 'bundle.cjs');
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeBundle('one');
});

function writeBundle(said: string): void {
  const add = `function add(one, other) { return [${Array.from({ length: 200 }, (_, n) => n).join()}].length + one + other - 200; }`;
  writeFileSync(bundle, `${add}\nexports.add = add; exports.said = '${said}' + require('node:path').sep + __filename;`);
}

const cache = () => join(folder, 'cache');
const load = (into = cache()) => {
  const { exports, keepCode } = loadWithKeptCode(bundle, into);
  return { exports: exports as Exports, keepCode };
};
const kept = () => readdirSync(cache()).map((name) => join(cache(), name));

test('a bundle that is loaded with kept code has a name, and requires what it needs', () => {
  expect(load().exports.said).toBe(`one/${bundle}`);
});

test('kept code has the functions that ran before it was kept', () => {
  load().keepCode();
  const [unused = 0] = kept().map((file) => statSync(file).size);
  rmSync(cache(), { recursive: true });
  const { exports, keepCode } = load();
  expect(exports.add(1, 2)).toBe(3);
  keepCode();
  expect(kept().map((file) => statSync(file).size - unused > 500)).toEqual([true]);
});

test('code that a start has found is not kept again', () => {
  load().keepCode();
  const [file = ''] = kept();
  const before = statSync(file).ino;
  const { exports, keepCode } = load();
  keepCode();
  expect([exports.add(1, 2), kept(), statSync(file).ino]).toEqual([3, [file], before]);
});

test.each([
  ['cut short', (bytes: Buffer) => bytes.subarray(0, -8)],
  ['empty', () => Buffer.alloc(0)],
  ['changed', (bytes: Buffer) => bytes.fill(7, 200, 300)],
])('kept code that is %s is replaced, and the bundle is loaded all the same', (_how, damage) => {
  load().keepCode();
  const [file = ''] = kept();
  const good = readFileSync(file);
  writeFileSync(file, damage(Buffer.from(good)));
  const { exports, keepCode } = load();
  expect(exports.add(1, 2)).toBe(3);
  keepCode();
  expect(readFileSync(file).length).toBeGreaterThan(good.length / 2);
  expect(load().exports.add(1, 2)).toBe(3);
});

test('a bundle that has changed without a change of its length is not taken for the one before', () => {
  load().keepCode();
  writeBundle('two');
  expect(load().exports.said).toBe(`two/${bundle}`);
});

test('a cache that cannot be written leaves the program as it is', () => {
  const { exports, keepCode } = load(join(bundle, 'cache'));
  keepCode();
  expect(exports.add(1, 2)).toBe(3);
  expect(readdirSync(folder)).toEqual(['bundle.cjs']);
});
