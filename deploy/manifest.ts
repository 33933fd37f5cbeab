import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

// `publish` writes package.json as the package has it, `restore` puts that of the checkout back. The packages that are
// dependencies of the code are part of its bundle, so that those of the published package are none; npm reads the file again
// after `prepack`, and packs what it finds.

const root = resolve(import.meta.dirname, '..');
const manifest = join(root, 'package.json');
const kept = join(root, 'package.json.kept');
const ofTheCheckout = new Set(['dependencies', 'devDependencies', 'scripts', 'allowScripts', 'scarfSettings']);

// Also before `publish`: a pack that was interrupted has not put it back.
if (existsSync(kept)) renameSync(kept, manifest);
if (process.argv[2] === 'publish') {
  const text = readFileSync(manifest, 'utf8');
  const members = Object.entries(JSON.parse(text) as object).filter(([name]) => !ofTheCheckout.has(name));
  writeFileSync(kept, text);
  writeFileSync(manifest, `${JSON.stringify(Object.fromEntries(members), null, 2)}\n`);
}
