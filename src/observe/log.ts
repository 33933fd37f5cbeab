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
  return wrap(logger, createScrubber(options.secrets));
}

function wrap(logger: Logger, scrubber: Scrubber): Log {
  const clean = (fields: Fields): object => Object(scrubber.value({ ...fields }));
  const write =
    (level: Level) =>
    (fields: Fields, message: string): void => {
      if (logger.isLevelEnabled(level)) logger[level](clean(fields), scrubber.text(message));
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => wrap(logger.child(clean(fields)), scrubber),
  };
}
