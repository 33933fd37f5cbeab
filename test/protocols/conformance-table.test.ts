import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSection, readTable } from '../docs/markdown.ts';
import { createProtocols } from './protocol-sites.ts';

test.each(createProtocols())('the page of $name lists every operation that it serves', (protocol) => {
  const { about, name, prefix, operations } = protocol;
  const file = about.title === 'Agent Connect Protocol' ? `acp-${about.version.slice(0, 3)}` : name;
  const page = readFileSync(join(import.meta.dirname, `../../docs/protocols/${file}.md`), 'utf8');
  const section = readSection(page, 'Operations');
  expect(section).toContain(`\`${name}\`, mounted at \`${prefix}\``);
  const rows = operations.map(({ id, method, path }) => [
    `\`${id}\``,
    `\`${method} ${path.replaceAll(/(?<=\/):(\w+)/g, '{$1}')}\``,
  ]);
  expect(readTable(section, 'operation')).toEqual(rows);
});
