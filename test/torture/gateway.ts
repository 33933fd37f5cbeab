/** `rungate` with one adapter more, that of the torture's own vendor. */
import { adapters } from '../../adapters/index.ts';
import type { Adapter } from '../../src/contract/adapter/adapter.ts';
import { tagged } from './tagged/adapter.ts';

(adapters as Adapter[]).push(tagged);
await import('../../src/main.ts');
