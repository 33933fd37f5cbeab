import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { Log } from '../contract/log.ts';
import { createScrubber, type Scrubber } from './scrub.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export type LogOptions = {
  readonly level: LogLevel;
  /** Values that must never leave the process. */
  readonly secrets: readonly string[];
  /** Takes whole lines; left out, standard output. */
  readonly destination?: { write(line: string): void } | undefined;
};

type Fields = Readonly<Record<string, unknown>>;
type Level = Exclude<LogLevel, 'silent'>;

/**
 * A log that writes one JSON object a line. Everything it is given goes through the scrubber before pino sees it, so
 * no caller can forget to redact.
 */
export function createLog(options: LogOptions): Log {
  // Synchronous: the last lines before an exit are the ones that explain it.
  const stream = options.destination ?? destination({ dest: 1, sync: true });
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      // Errors come out of the scrubber as plain data; pino's own serializer would read them as errors once more.
      serializers: { err: (value: unknown) => value },
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return new ScrubbedLog(logger, createScrubber(options.secrets), {});
}

class ScrubbedLog implements Log {
  readonly #logger: Logger;
  readonly #scrubber: Scrubber;
  /** As it was given: a live run has a log of its own, and most of them never write a line. */
  readonly #bound: Fields;

  constructor(logger: Logger, scrubber: Scrubber, bound: Fields) {
    this.#logger = logger;
    this.#scrubber = scrubber;
    this.#bound = bound;
  }

  debug(fields: Fields, message: string): void {
    this.#write('debug', fields, message);
  }

  info(fields: Fields, message: string): void {
    this.#write('info', fields, message);
  }

  warn(fields: Fields, message: string): void {
    this.#write('warn', fields, message);
  }

  error(fields: Fields, message: string): void {
    this.#write('error', fields, message);
  }

  child(fields: Fields): Log {
    return new ScrubbedLog(this.#logger, this.#scrubber, { ...this.#bound, ...fields });
  }

  #write(level: Level, fields: Fields, message: string): void {
    if (!this.#logger.isLevelEnabled(level)) return;
    const clean = this.#scrubber.value({ ...this.#bound, ...fields });
    this.#logger[level](Object(clean), this.#scrubber.text(message));
  }
}
