import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { z } from 'zod';

/** The version of the package that this file belongs to, compiled or not. */
export function readVersion(): string {
  const manifest = findPackageJSON('.', import.meta.url);
  if (manifest === undefined) return 'of no package';
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(manifest, 'utf8'))).version;
}
