import { globSync, readFileSync } from 'node:fs';
import { format } from 'prettier';
import { expect, test } from 'vitest';
import { describeNights, nights } from './night-table.ts';

const page = new URL('../../docs/operate/nights.md', import.meta.url);

test('the page about bad nights has the table that the tests rehearse', async () => {
  const table = await format(describeNights(), { parser: 'markdown' });
  expect(readFileSync(page, 'utf8')).toContain(table);
});

test.each(Object.keys(nights))('the night %s is rehearsed', (name) => {
  const folder = new URL('.', import.meta.url);
  const texts = globSync('*.test.ts', { cwd: folder.pathname }).map((file) =>
    readFileSync(new URL(file, folder), 'utf8'),
  );
  expect(texts.some((text) => text.includes(`nights.${name}, sinceMs`))).toBe(true);
});
