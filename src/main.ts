#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { restartWithMemorySettings } from './cli/memory-settings.ts';

// How the sources start; what is published starts in bin/rungate.cjs, in the same steps.

// Other commands do not live long enough to be worth it.
if (['serve', undefined].includes(process.argv[2])) restartWithMemorySettings();
// Compiling the sources is half of a start, and runs wait for a start. The folder belongs to the user: anyone who could
// write into a shared one could make this process run their code. Where it is not writable, a start takes longer.
if (process.env.NODE_COMPILE_CACHE === undefined) {
  enableCompileCache(join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rungate'));
}
// Imported after that, because static imports are compiled before the cache is on.
const { runProcess } = await import('./cli/command-line.ts');
await runProcess(process.argv.slice(2));
