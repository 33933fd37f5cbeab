#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Half of a start is the compiling of sources, and runs wait for a start. The folder is the user's own: who could write
// into a shared one would have this process run what he likes. Where it cannot be written, a start takes longer.
if (process.env.NODE_COMPILE_CACHE === undefined) {
  enableCompileCache(join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rungate'));
}
// Not before: what is imported statically would be compiled by then.
const { runCommand } = await import('./cli/command-line.ts');
process.exitCode = await runCommand(process.argv.slice(2));
// Nothing may keep a stopped process alive: what had to be finished is finished by now.
process.exit();
