import { adapters } from '../../adapters/index.ts';
import { loadConfig } from '../config/load.ts';
import { backUpStore } from '../store/open.ts';
import { type Command, configFlag, say, UsageError } from './command.ts';

/** `rungate backup`: a checked copy of a SQLite store, also while a gateway uses it. */
export const backup: Command = {
  name: 'backup',
  usages: [
    {
      call: 'backup --config FILE --to FILE',
      help: ['copy a SQLite store into a new file, also beside a live', 'gateway, and check the copy'],
    },
  ],
  flags: {
    config: configFlag,
    to: { value: 'FILE', help: 'The file to make. It must not exist.' },
  },
  run: async (line) => {
    const file = line.configFile;
    const target = line.text('to');
    if (target === undefined) throw new UsageError('--to FILE is missing');
    const config = await loadConfig(file, process.env, adapters);
    const { runs, live, events, threads, items, deliveries } = await backUpStore(config.store.url, target);
    const counts = `${runs} runs (${live} live), ${events} events, ${threads} threads, ${items} items, ${deliveries} deliveries`;
    return await say(`${target}: ${counts}; integrity check passed\n`);
  },
};
