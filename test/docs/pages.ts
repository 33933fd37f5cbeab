import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

const skipped = new Set(['node_modules', 'dist', 'coverage', 'data']);

/** Paths of files under a folder of the repository, relative to its root, sorted. */
export function listFiles(folder: string, ending: RegExp): readonly string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return skipped.has(entry.name) || entry.name === '.git' ? [] : listFiles(path, ending);
      return ending.test(entry.name) ? [path] : [];
    })
    .toSorted();
}

/** Every page of Markdown in the repository. */
export const pages: readonly string[] = listFiles('.', /\.md$/);

export function readPage(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}
