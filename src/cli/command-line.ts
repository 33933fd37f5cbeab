import { parseArgs, styleText } from 'node:util';
import { findNearest } from '../collections/nearest-word.ts';
import { ConfigError, formatProblems } from '../config/config-error.ts';
import { type Command, CommandLine, exitCodes, say, UsageError } from './command.ts';
import { commands, renderHelp } from './commands.ts';
import { version } from './version.ts';

/**
 * Carries out one command line as the whole work of this process, which ends with it. Never rejects. `keepCode` is called when
 * a start is over, and keeps compiled code for the next one.
 */
export async function runProcess(words: readonly string[], keepCode = () => {}): Promise<void> {
  process.exitCode = await runCommand(words, keepCode);
  // Nothing may keep a stopped process alive: all work that had to finish has finished.
  process.exit();
}

/** Carries out one command line, without the program's name. Resolves with the exit code once everything is done. */
export async function runCommand(words: readonly string[], keepCode = () => {}): Promise<number> {
  return await carryOut(words, keepCode).catch(explain);
}

/** The same, but a failure is thrown: `UsageError` and what Node's parser throws for a wrong command line. */
export async function carryOut(words: readonly string[], keepCode = () => {}): Promise<number> {
  const { command, isHelp, isVersion } = findCommand(words);
  if (isHelp) return await say(renderHelp());
  if (command === undefined && isVersion) return await version.run(new CommandLine(undefined, {}));
  if (command === undefined) throw new UsageError('a command is missing');
  const { positionals, values } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: optionsOf([command]),
  });
  const [, action, ...operands] = positionals;
  const [file, ...rest] = command.takesFile === true ? operands : [undefined, ...operands];
  const unexpected = action === undefined || command.actions?.includes(action) === true ? rest : [action, ...rest];
  if (unexpected.length === 0) return await command.run(new CommandLine(action, values, { file, keepCode }));
  const [word = ''] = unexpected;
  const hint = unexpected.length === 1 ? sayNearest(word, command.actions ?? []) : '';
  throw new UsageError(
    command.actions === undefined || rest.length > 0
      ? `unexpected: ${unexpected.join(' ')}`
      : `${command.name} takes ${command.actions.join(' or ')}${hint}`,
  );
}

type Found = { readonly command: Command | undefined; readonly isHelp: boolean; readonly isVersion: boolean };

/** Finds the command wherever its name stands. Throws `UsageError` for a command or a flag that does not exist. */
function findCommand(words: readonly string[]): Found {
  // Not strict: which flags there are depends on the command, which may stand behind them.
  const { tokens } = parseArgs({
    args: [...words],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: optionsOf(commands),
  });
  const flags = tokens.filter((token) => token.kind === 'option');
  const name = tokens.find((token) => token.kind === 'positional')?.value;
  const command = commands.find((candidate) => candidate.name === name);
  const isHelp = flags.some((flag) => flag.name === 'help');
  const isVersion = flags.some((flag) => flag.name === 'version');
  const known = Object.keys(optionsOf(command === undefined ? commands : [command]));
  const unknown = flags.find((flag) => !known.includes(flag.name));
  if (unknown !== undefined) {
    const other = commands.some(({ flags: takes }) => unknown.name in takes) ? `: ${name} does not take it` : '';
    const hint = sayNearest(unknown.name, known, '--');
    throw new UsageError(`Unknown option '${unknown.rawName}'${other === '' ? hint : other}`);
  }
  if (name !== undefined && command === undefined && !isHelp) {
    throw new UsageError(
      `no such command: ${name}${sayNearest(
        name,
        commands.map((each) => each.name),
      )}`,
    );
  }
  return { command, isHelp, isVersion };
}

type Options = Record<string, { readonly type: 'string' | 'boolean'; readonly short?: string }>;

function optionsOf(some: readonly Command[]): Options {
  const flags = some.flatMap((command) => Object.entries(command.flags));
  return {
    ...Object.fromEntries(
      flags.map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' }]),
    ),
    help: { type: 'boolean', short: 'h' },
    ...(some.length === 1 ? {} : { version: { type: 'boolean' } }),
  };
}

function sayNearest(word: string, known: readonly string[], prefix = ''): string {
  const nearest = findNearest(word, known);
  return nearest === undefined ? '' : `; did you mean "${prefix}${nearest}"?`;
}

function explain(error: unknown): number {
  if (
    error instanceof UsageError ||
    (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
  ) {
    process.stderr.write(`rungate: ${error.message}\n\n${renderHelp()}`);
    return exitCodes.usage;
  }
  const said =
    error instanceof ConfigError
      ? formatProblems(error.file, error.problems, paintForTerminal)
      : `rungate: ${error instanceof Error ? error.message : String(error)}`;
  process.stderr.write(`${said}\n`);
  return exitCodes.failed;
}

const styles = { strong: 'bold', faint: 'dim', alarming: 'red' } as const;

/** Colours on a terminal alone; `NO_COLOR` takes them out, `FORCE_COLOR` asks for them elsewhere. */
function paintForTerminal(style: keyof typeof styles, text: string): string {
  return text === '' ? text : styleText(styles[style], text, { stream: process.stderr });
}
