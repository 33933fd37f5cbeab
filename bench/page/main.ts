import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../places.ts';
import { renderPages } from './files.ts';

// Writes the tables and pictures of the manual from the reports in `bench/measured`. A test compares.
for (const [path, text] of Object.entries(renderPages())) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  process.stdout.write(`${path}\n`);
}
