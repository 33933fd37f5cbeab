import { existsSync } from 'node:fs';
import { parseArgs, styleText } from 'node:util';
import { findNearest } from '../collections/nearest-word.ts';
import { ConfigError, formatProblems } from '../config/config-error.ts';
import { type Command, CommandFailure, CommandLine, exitCodes, say, UsageError, usualConfigFile } from './command.ts';
import { commands, renderCommandHelp, renderHelp } from './commands.ts';
import { describeSystemError } from './system-errors.ts';
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
  return await carryOut(words, keepCode).catch((error: unknown) => explain(error, words));
}

/** The same, but a failure is thrown: `UsageError` and what Node's parser throws for a wrong command line. */
export async function carryOut(words: readonly string[], keepCode = () => {}): Promise<number> {
  // `rungate` alone.
  if (words.length === 0 && existsSync(usualConfigFile)) return await carryOut(['serve'], keepCode);
  const { command, isHelp, isVersion } = findCommand(words);
  if (isHelp) return await say(command === undefined ? renderHelp() : renderCommandHelp(command));
  if (command === undefined && isVersion) return await version.run(new CommandLine(undefined, {}));
  if (command === undefined)
    throw words.length === 0 ? new CommandFailure(howToBegin, exitCodes.usage) : new UsageError('a command is missing');
  const { positionals, values } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: optionsOf([command]),
  });
  const { actions = [], maxOperands = 0 } = command;
  const [, ...rest] = positionals;
  const action = actions.find((each) => each === rest[0]);
  const operands = action === undefined ? rest : rest.slice(1);
  if (operands.length <= (actions.length > 0 && action === undefined ? 0 : maxOperands))
    return await command.run(new CommandLine(action, values, { operands, keepCode }));
  if (actions.length === 0 || action !== undefined || operands.length > 1 + maxOperands)
    throw new UsageError(`unexpected: ${operands.slice(maxOperands).join(' ')}`);
  const hint = sayNearest(operands[0] ?? '', actions);
  throw new UsageError(`${command.name} takes ${actions.join(' or ')}${hint}`);
}

/** What `rungate` alone says where there is nothing to serve. */
const howToBegin = `there is no ./${usualConfigFile} to serve. "rungate serve --sandbox" shows what rungate does over stand-ins of vendors; "rungate init VENDOR" writes a config to begin with`;

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
      flags.map(([name, { value, short }]) => [
        name,
        { type: value === undefined ? 'boolean' : 'string', ...(short === undefined ? {} : { short }) },
      ]),
    ),
    help: { type: 'boolean', short: 'h' },
    ...(some.length === 1 ? {} : { version: { type: 'boolean' } }),
  };
}

function sayNearest(word: string, known: readonly string[], prefix = ''): string {
  const nearest = findNearest(word, known);
  return nearest === undefined ? '' : `; did you mean "${prefix}${nearest}"?`;
}

function explain(error: unknown, words: readonly string[]): number {
  if (
    error instanceof UsageError ||
    (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
  ) {
    // The help of the command that was meant, where one was. That of all would push what is wrong off the screen.
    const command = commands.find(({ name }) => words.includes(name));
    const help = command === undefined ? 'rungate --help lists the commands\n' : renderCommandHelp(command);
    process.stderr.write(`rungate: ${error.message}\n\n${help}`);
    return exitCodes.usage;
  }
  const said =
    error instanceof ConfigError
      ? formatProblems(error.file, error.problems, paintForTerminal)
      : `rungate: ${describeSystemError(error) ?? (error instanceof Error ? error.message : String(error))}`;
  process.stderr.write(`${said}\n`);
  return error instanceof CommandFailure ? error.exitCode : exitCodes.failed;
}

const styles = { strong: 'bold', faint: 'dim', alarming: 'red' } as const;

/** Colours on a terminal alone; `NO_COLOR` takes them out, `FORCE_COLOR` asks for them elsewhere. */
function paintForTerminal(style: keyof typeof styles, text: string): string {
  return text === '' ? text : styleText(styles[style], text, { stream: process.stderr });
}
