import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { z } from 'zod';
import { type Command, say } from './command.ts';

/** `rungate version`, and `rungate --version`: what a report of a fault should name. */
export const version: Command = {
  name: 'version',
  usages: [{ call: 'version', help: ['print the versions of rungate and of Node'] }],
  flags: {},
  run: async () => await say(`rungate ${readVersion()} on Node ${process.versions.node}\n`),
};

/** The version of the package that this file belongs to, compiled or not. */
function readVersion(): string {
  const manifest = findPackageJSON('.', import.meta.url);
  if (manifest === undefined) return 'of no package';
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(manifest, 'utf8'))).version;
}
