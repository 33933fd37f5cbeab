import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bench = import.meta.dirname;

export const root = join(bench, '..');
export const sources = join(root, 'src');
export const servers = join(bench, 'servers');
export const results = join(bench, 'results');

/** A directory that goes with the process. */
export function makeScratch(): string {
  const scratch = mkdtempSync(join(tmpdir(), 'rungate-bench-'));
  process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
  return scratch;
}
