import { adapters } from '../../adapters/index.ts';
import { loadConfig } from '../config/load.ts';
import { type Command, configFlag, say } from './command.ts';

/** `rungate check`: every problem of a config, without opening anything. */
export const check: Command = {
  name: 'check',
  usages: [{ call: 'check --config FILE', help: ['say everything that is wrong with a config'] }],
  flags: { config: configFlag },
  run: async (line) => {
    const file = line.configFile;
    const config = await loadConfig(file, process.env, adapters);
    const [agents, backends] = [countOf(config.agents, 'agent'), countOf(config.backends, 'backend')];
    return await say(`${file}: ${agents} over ${backends}, nothing wrong\n`);
  },
};

function countOf({ length }: readonly unknown[], noun: string): string {
  return `${length} ${noun}${length === 1 ? '' : 's'}`;
}
