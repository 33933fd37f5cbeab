/** `rungate` with one adapter more, that of the torture's own vendor. In the order of `src/main.ts`, or a start would load all adapters twice. */
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { restartWithMemorySettings } from '../../src/cli/memory-settings.ts';
import type { Adapter } from '../../src/contract/adapter/adapter.ts';

restartWithMemorySettings();
enableCompileCache(join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rungate'));
const { adapters } = await import('../../adapters/index.ts');
const { tagged } = await import('./tagged/adapter.ts');
(adapters as Adapter[]).push(tagged);
await import('../../src/main.ts');
