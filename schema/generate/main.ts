import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateFiles, root } from './files.ts';

// Writes what is made from the described config, the error table, the mappings and the metrics. A test compares.
for (const [path, text] of Object.entries(generateFiles())) {
  writeFileSync(join(root, path), text);
  process.stdout.write(`${path}\n`);
}
