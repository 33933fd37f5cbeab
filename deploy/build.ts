import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { consolePackages, listFiles } from '../src/http/console.ts';
import { type Bundle, bundle, nameOf } from './bundle.ts';
import { packagesOf, renderThirdParty } from './third-party.ts';

// Makes `dist/`, which is what the published package runs: one file of compiled code with the packages in it, one more for
// each thread, and next to them the folders that they read.

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');
const require = createRequire(import.meta.url);

/** What `bin/rungate.cjs` loads. Everything else is named by them. */
const entries: Readonly<Record<string, string>> = {
  'src/cli/command-line.ts': 'rungate.cjs',
  'src/cli/memory-settings.ts': 'memory-settings.cjs',
  'src/cli/kept-code.ts': 'kept-code.cjs',
};

/** The files of the page at `/docs`; see `src/http/reference.ts`. */
const pageFiles = [
  'swagger-ui.css',
  'swagger-ui-bundle.js',
  'swagger-ui-standalone-preset.js',
  'favicon-32x32.png',
  'LICENSE',
  'NOTICE',
];
/** Folders that come from packages. */
const foreign = ['swagger-ui', 'console-packages'];
const swaggerUi = dirname(require.resolve('swagger-ui-dist/package.json'));

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
const inputs = new Set<string>();
const copied = new Set<string>();
const pending = Object.keys(entries);
for (const place of pending) {
  if (place.endsWith('.ts')) {
    const outfile = join(dist, entries[place] ?? nameOf(place));
    const made: Bundle = await bundle({ root, entry: join(root, place), outfile });
    for (const input of made.inputs) inputs.add(input);
    for (const found of made.places) if (!pending.includes(found)) pending.push(found);
  } else copied.add(place);
}
const names = pending.map((place) => nameOf(place));
if (new Set(names).size < names.length) throw new Error(`two places have one name: ${names.toSorted().join(', ')}`);
for (const place of copied) {
  if (foreign.includes(basename(place))) continue;
  const isData = (source: string) => !/\.(md|ts)$|tsconfig\.json$/.test(source);
  cpSync(join(root, place), join(dist, basename(place)), { recursive: true, filter: isData });
}
for (const name of pageFiles) cpSync(join(swaggerUi, name), join(dist, 'swagger-ui', name));
for (const name of Object.values(consolePackages)) {
  const place = listFiles().get(name) ?? '';
  inputs.add(relative(root, place));
  cpSync(place, join(dist, 'console-packages', name));
}
writeFileSync(join(dist, 'THIRD-PARTY.txt'), renderThirdParty(root, packagesOf([...inputs])));
