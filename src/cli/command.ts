import { existsSync } from 'node:fs';
import { nameSchema } from '../validation/name-schema.ts';

/** Exit codes of every command. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  denied: 4,
  runError: 10,
  runTimeout: 11,
  runInterrupted: 12,
  interruptedTwice: 130,
} as const;

/** One flag of a command: `--name VALUE`, or `--name` alone where there is no `value`; `short` is its one letter. */
export type Flag = { readonly value?: string; readonly short?: string; readonly help: string };

/** One way to call a command, as the help shows it: `serve --sandbox [--port N]`. */
export type Usage = { readonly call: string; readonly help: readonly string[] };

/** A row of the table from which the command line is parsed and its help and docs/commands.md are made. */
export type Command = {
  readonly name: string;
  readonly usages: readonly Usage[];
  readonly flags: Readonly<Record<string, Flag>>;
  /** Words that may follow the name, such as `list`. */
  readonly actions?: readonly string[];
  /** How many words may follow the action, such as the name of a file. Left out: none. */
  readonly maxOperands?: number;
  /** Resolves with the exit code once everything is done. */
  run(line: CommandLine): Promise<number>;
};

/** The command line cannot be understood. The message is printed with the help, and the exit code is 2. */
export class UsageError extends Error {}

/** A command that failed with an exit code of its own; the message is printed alone. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The config that is meant where none is named. */
export const usualConfigFile = 'rungate.yaml';

/** What follows the name of a command. */
export class CommandLine {
  /** One of the command's actions. */
  readonly action: string | undefined;
  /** The words behind the action. */
  readonly operands: readonly string[];
  /** Keeps compiled code for the next start. */
  readonly keepCode: () => void;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(
    action: string | undefined,
    values: Readonly<Record<string, unknown>>,
    {
      operands = [],
      keepCode = () => {},
    }: { readonly operands?: readonly string[]; readonly keepCode?: () => void } = {},
  ) {
    this.action = action;
    this.operands = operands;
    this.keepCode = keepCode;
    this.#values = values;
  }

  isSet(flag: string): boolean {
    return this.#values[flag] === true;
  }

  text(flag: string): string | undefined {
    const value = this.#values[flag];
    return typeof value === 'string' ? value : undefined;
  }

  /** The file after `--config`, or ./rungate.yaml. Throws `UsageError` without either. */
  get configFile(): string {
    const file = this.text('config') ?? (existsSync(usualConfigFile) ? usualConfigFile : undefined);
    if (file === undefined) throw new UsageError(`--config FILE is missing, and there is no ./${usualConfigFile}`);
    return file;
  }

  /** A whole number from 1 on. Throws `UsageError` for any other. */
  count(flag: string, fallback: number): number {
    const text = this.text(flag);
    if (text === undefined) return fallback;
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`--${flag} takes a whole number from 1 on, not ${text}`);
    return Number(text);
  }

  /** Throws `UsageError` for what is not a port. */
  get port(): number | undefined {
    const text = this.text('port');
    if (text === undefined) return undefined;
    const port = Number(text);
    if (!/^\d+$/.test(text) || port > 65_535)
      throw new UsageError(`--port takes a number from 0 to 65535, not ${text}`);
    return port;
  }

  /** A name that the config would accept. Throws `UsageError` for any other. */
  name(flag: string, fallback: string): string {
    const name = nameSchema.safeParse(this.text(flag) ?? fallback);
    if (!name.success) throw new UsageError(`--${flag} ${name.error.issues[0]?.message}`);
    return name.data;
  }
}

/**
 * Prints and succeeds, once the text has left the process: a pipe may take it in parts. A reader that closes the pipe, as
 * `head` does, has seen enough.
 */
export function say(text: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const { stdout } = process;
    const onError = (error: NodeJS.ErrnoException): void =>
      error.code === 'EPIPE' ? resolve(exitCodes.ok) : reject(error);
    stdout.once('error', onError);
    stdout.write(text, (error) => {
      if (error !== undefined && error !== null) return;
      stdout.off('error', onError);
      resolve(exitCodes.ok);
    });
  });
}

export const configFlag: Flag = { value: 'FILE', help: 'The config, a YAML file.' };
export const portFlag: Flag = { value: 'N', help: 'Port to listen on. 0 picks a free one.' };
