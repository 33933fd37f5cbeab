import { dirname, resolve } from 'node:path';
import { adapters } from '../../adapters/index.ts';
import type { Config } from '../config/config.ts';
import { ConfigError, type ConfigProblem } from '../config/config-error.ts';
import { loadConfig } from '../config/load.ts';
import { loadVendor } from '../config/vendor-files.ts';
import { checkCases } from '../vendors/vendor-cases.ts';
import { type Command, configFlag, exitCodes, say } from './command.ts';

/** `rungate check`: every problem of a config, without opening anything, and the cases of its vendor files. */
export const check: Command = {
  name: 'check',
  usages: [{ call: 'check --config FILE [--json]', help: ['say everything that is wrong with a config'] }],
  flags: {
    config: configFlag,
    json: { help: 'Prints the problems as JSON, each with its file, line and column.' },
  },
  run: async (line) => {
    const file = line.configFile;
    if (line.isSet('json')) return await checkForPrograms(file);
    const config = await loadConfig(file, process.env, adapters);
    await checkOwnCases(config);
    const [agents, backends] = [countOf(config.agents, 'agent'), countOf(config.backends, 'backend')];
    return await say(`${file}: ${agents} over ${backends}, nothing wrong\n`);
  },
};

/** Runs the cases of the vendor files that the config names. Those that ship were tested before. */
async function checkOwnCases({ file, vendors }: Config): Promise<void> {
  const problems: ConfigProblem[] = [];
  for (const [index, path] of vendors.entries()) {
    const vendorFile = resolve(dirname(resolve(file)), path);
    const report = await checkCases(await loadVendor(vendorFile), vendorFile);
    for (const problem of report.problems) {
      problems.push({ ...problem, path: `vendors[${index}]`, file: report.file, pathInFile: problem.path });
    }
  }
  if (problems.length > 0) throw new ConfigError(file, problems);
}

async function checkForPrograms(file: string): Promise<number> {
  try {
    await checkOwnCases(await loadConfig(file, process.env, adapters));
    await say(`${JSON.stringify({ file, problems: [] })}\n`);
    return exitCodes.ok;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    await say(`${JSON.stringify({ file, problems: error.problems.map((each) => describe(each, file)) }, null, 2)}\n`);
    return exitCodes.failed;
  }
}

/** What is absent is left out. */
function describe(
  { path, pathInFile, message, value, hint, excerpt, ...place }: ConfigProblem,
  config: string,
): object {
  const { file = config, line, column } = place;
  return { file, line, column, path, path_in_file: pathInFile, message, value, hint, excerpt: excerpt?.text };
}

function countOf({ length }: readonly unknown[], noun: string): string {
  return `${length} ${noun}${length === 1 ? '' : 's'}`;
}
