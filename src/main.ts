#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { restartWithMemorySettings } from './cli/memory-settings.ts';

// Other commands do not live long enough to be worth it.
if (process.argv[2] === 'serve') restartWithMemorySettings();
// Compiling the sources is half of a start, and runs wait for a start. The folder belongs to the user: anyone who could
// write into a shared one could make this process run their code. Where it is not writable, a start takes longer.
if (process.env.NODE_COMPILE_CACHE === undefined) {
  enableCompileCache(join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rungate'));
}
// V8 lets what is garbage grow to a multiple of what is in use before it looks; large payloads made half a gigabyte of it.
setFlagsFromString('--heap-growing-percent=50');
// Imported after that, because static imports are compiled before the cache is on.
const { runCommand } = await import('./cli/command-line.ts');
process.exitCode = await runCommand(process.argv.slice(2));
// Nothing may keep a stopped process alive: all work that had to finish has finished.
process.exit();
