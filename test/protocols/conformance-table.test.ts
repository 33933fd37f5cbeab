import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSection, readTable } from '../docs/markdown.ts';
import { createProtocols } from './protocol-sites.ts';

const readme = readFileSync(join(import.meta.dirname, '../../src/protocols/README.md'), 'utf8');

test.each(createProtocols())('the README lists every operation of $name', (protocol) => {
  const { about, name, prefix, operations } = protocol;
  const short = about.title === 'Agent Connect Protocol' ? 'ACP' : about.title;
  const section = readSection(readme, `${short} ${about.version}`);
  expect(section).toContain(`\`${name}\`, mounted at \`${prefix}\``);
  const rows = operations.map(({ id, method, path }) => [
    `\`${id}\``,
    `\`${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}\``,
  ]);
  expect(readTable(section, 'operation')).toEqual(rows);
});
