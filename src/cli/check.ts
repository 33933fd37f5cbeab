import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { adapters } from '../../adapters/index.ts';
import type { Config } from '../config/config.ts';
import { ConfigError, type ConfigProblem } from '../config/config-error.ts';
import { loadConfig } from '../config/load.ts';
import { checkWithoutValues } from '../config/unknown-values.ts';
import { loadVendor } from '../config/vendor-files.ts';
import { answers } from '../protocols/admin/answers.ts';
import { checkCases } from '../vendors/vendor-cases.ts';
import { type Command, CommandFailure, type CommandLine, configFlag, exitCodes, say, UsageError } from './command.ts';
import { type Finding, tryConnections } from './connections.ts';
import { GatewayClient, gatewayFlags } from './gateway-client.ts';
import { renderTable, styleOfStatus } from './terminal.ts';

/** `rungate check`: every problem of a config, without opening anything, and the cases of its vendor files. */
export const check: Command = {
  name: 'check',
  usages: [
    {
      call: 'check [FILE] [--config FILE] [--json]',
      help: ['say everything that is wrong with a config'],
    },
    {
      call: 'check [FILE] --no-env',
      help: ['the same where its variables and secret files are not', 'there, as in CI'],
    },
    {
      call: 'check [FILE] --connect',
      help: ['ask every backend for a run that cannot exist, and open', 'the store, too'],
    },
    { call: 'check [FILE] --diff [--url URL]', help: ['say what it would change of a running gateway, too'] },
  ],
  flags: {
    json: { help: 'Prints the problems as JSON, each with its file, line and column.' },
    'no-env': { help: 'Every placeholder stands for any value that its place takes.' },
    connect: { help: 'Tries address, certificate and key of every backend, and the store. Nothing is started.' },
    diff: { help: 'Lets the running gateway compare the file with the config that it runs.' },
    ...gatewayFlags,
    config: configFlag,
  },
  maxOperands: 1,
  run: async (line) => {
    const [word] = line.operands;
    if (word !== undefined && line.text('config') !== undefined) throw new UsageError('check takes one config');
    const file = word ?? line.configFile;
    const isWithoutValues = line.isSet('no-env');
    if (isWithoutValues && line.isSet('connect')) throw new UsageError('check takes --no-env or --connect, not both');
    const read = async () =>
      isWithoutValues ? await checkWithoutValues(file, adapters) : await loadConfig(file, process.env, adapters);
    if (line.isSet('json')) return await checkForPrograms(file, read);
    const config = await read();
    if (config !== null) await checkOwnCases(config);
    const counts =
      config === null ? '' : `${countOf(config.agents, 'agent')} over ${countOf(config.backends, 'backend')}, `;
    const code = await say(`${file}: ${counts}nothing wrong\n`);
    if (line.isSet('diff')) await sayChanges(line, file);
    return line.isSet('connect') && config !== null ? await sayFindings(config) : code;
  },
};

async function sayFindings(config: Config): Promise<number> {
  const findings = await tryConnections(config);
  const wordOf = ({ isGood }: Finding) => (isGood === null ? '?' : isGood ? 'ok' : 'error');
  await say(
    renderTable(findings, [
      { head: 'WHAT', cell: ({ name }) => name },
      { head: 'RESULT', cell: wordOf, style: (finding) => styleOfStatus(wordOf(finding)) },
      { head: 'WHY', cell: ({ text }) => text },
    ]),
  );
  return findings.some(({ isGood }) => isGood === false) ? exitCodes.failed : exitCodes.ok;
}

/** The gateway compares, because it knows the values of its own placeholders and secret files. */
async function sayChanges(line: CommandLine, file: string): Promise<void> {
  const client = await GatewayClient.find(line);
  const body = JSON.stringify({ text: await readFile(file, 'utf8') });
  const call = { method: 'POST', path: '/admin/v1/config:check', body } as const;
  const { value } = await client.ask(answers.ConfigCheck, call);
  if (value.problems.length > 0) {
    throw new CommandFailure(`${client.url} would refuse it:\n${value.problems.join('\n')}`, exitCodes.failed);
  }
  const show = (side: unknown) => (side === null ? '' : JSON.stringify(side));
  if (value.changes.length === 0) await say(`${client.url} runs the same\n`);
  else {
    await say(
      renderTable(value.changes, [
        { head: 'PATH', cell: ({ path }) => path },
        { head: 'RUNS', cell: ({ before }) => show(before), style: () => 'red' },
        { head: 'FILE', cell: ({ after }) => show(after), style: () => 'green' },
      ]),
    );
  }
}

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

async function checkForPrograms(file: string, read: () => Promise<Config | null>): Promise<number> {
  try {
    const config = await read();
    if (config !== null) await checkOwnCases(config);
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
