import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

// Makes `dist/`, which is what the published package runs: compiled JavaScript, and beside it the files that it reads.

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');
const require = createRequire(import.meta.url);

/** The files of the page at `/docs`; see `src/http/reference.ts`. */
const pageFiles = [
  'swagger-ui.css',
  'swagger-ui-bundle.js',
  'swagger-ui-standalone-preset.js',
  'favicon-32x32.png',
  'LICENSE',
  'NOTICE',
];

/** The compiler rewrites the extensions of imports, but not those of URLs that worker threads are started from. */
const moduleUrl = /(new URL\(['"]\.\.?\/[^'"]+)\.ts(['"], import\.meta\.url\))/g;

rmSync(dist, { recursive: true, force: true });
execFileSync(join(root, 'node_modules/.bin/tsc'), ['--project', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
for (const file of filesUnder(dist, '.js')) {
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replaceAll(moduleUrl, '$1.js$2'));
}
cpSync(join(root, 'src/store/migrations'), join(dist, 'src/store/migrations'), { recursive: true });
for (const file of filesUnder(join(root, 'mappings'), '.yaml')) cpSync(file, join(dist, file.slice(root.length + 1)));
const swaggerUi = dirname(require.resolve('swagger-ui-dist/package.json'));
for (const name of pageFiles) cpSync(join(swaggerUi, name), join(dist, 'swagger-ui', name));

function filesUnder(folder: string, ending: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}
