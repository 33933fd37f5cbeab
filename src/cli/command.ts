import { nameSchema } from '../validation/name-schema.ts';

/** Exit codes of every command. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, interruptedTwice: 130 } as const;

/** One flag of a command: `--name VALUE`, or `--name` alone where there is no `value`. */
export type Flag = { readonly value?: string; readonly help: string };

/** One way to call a command, as the help shows it: `serve --sandbox [--port N]`. */
export type Usage = { readonly call: string; readonly help: readonly string[] };

/** A row of the table from which the command line is parsed and its help and docs/commands.md are made. */
export type Command = {
  readonly name: string;
  readonly usages: readonly Usage[];
  readonly flags: Readonly<Record<string, Flag>>;
  /** Words that may follow the name, such as `list`. */
  readonly actions?: readonly string[];
  /** Whether the name of a file may follow the action. */
  readonly takesFile?: boolean;
  /** Resolves with the exit code once everything is done. */
  run(line: CommandLine): Promise<number>;
};

/** The command line cannot be understood. The message is printed with the help, and the exit code is 2. */
export class UsageError extends Error {}

/** What follows the name of a command. */
export class CommandLine {
  /** One of the command's actions. */
  readonly action: string | undefined;
  /** The name of a file behind the action. */
  readonly file: string | undefined;
  /** Keeps compiled code for the next start. */
  readonly keepCode: () => void;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(
    action: string | undefined,
    values: Readonly<Record<string, unknown>>,
    { file, keepCode = () => {} }: { readonly file?: string | undefined; readonly keepCode?: () => void } = {},
  ) {
    this.action = action;
    this.file = file;
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

  /** The file after `--config`. Throws `UsageError` without one. */
  get configFile(): string {
    const file = this.text('config');
    if (file === undefined) throw new UsageError('--config FILE is missing');
    return file;
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
