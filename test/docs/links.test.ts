import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { pages, readPage, root } from './pages.ts';

const link = /\]\(([^)\s]+)\)/g;

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(path: string): ReadonlySet<string> {
  const headings = readPage(path).matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

test('every relative link of every page leads to a file, and to a heading of it', () => {
  const links = pages.flatMap((page) => [...readPage(page).matchAll(link)].map(([, to = '']) => ({ page, to })));
  const relative = links.filter(({ to }) => !/^[a-z]+:/.test(to));
  expect(relative.length).toBeGreaterThan(80);
  const broken = relative.filter(({ page, to }) => {
    const [file = '', anchor] = to.split('#', 2);
    const path = file === '' ? page : join(dirname(page), file);
    if (!existsSync(join(root, path))) return true;
    return anchor !== undefined && !anchorsOf(path).has(anchor);
  });
  expect(broken.map(({ page, to }) => `${page}: ${to}`)).toEqual([]);
});

test('every page of docs is linked from another page', () => {
  const targets = new Set(
    pages.flatMap((page) =>
      [...readPage(page).matchAll(link)]
        .map(([, to = '']) => join(dirname(page), to.split('#', 1)[0] ?? ''))
        .filter((to) => to !== page),
    ),
  );
  expect(pages.filter((page) => /^docs\/(?!decisions\/)/.test(page) && !targets.has(page))).toEqual([]);
});
