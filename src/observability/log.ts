import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { Log } from '../contract/domain/log.ts';
import { createRedactor, type LogRedactor } from './redaction.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export type LogOptions = {
  readonly level: LogLevel;
  /** Values that must never leave the process. */
  readonly secrets: readonly string[];
  /** Takes whole lines; left out, standard output. */
  readonly destination?: LineSink | undefined;
};

/** `flush`: nothing may wait any longer. */
export type LineSink = { write(line: string): void; flush?(): void };

/** The log of a process. Its lines may wait for a moment: `flush` goes before whatever is printed past it. */
export type ProcessLog = Log & { flush(): void };

type Fields = Readonly<Record<string, unknown>>;
type Level = Exclude<LogLevel, 'silent'>;

/**
 * A log that writes one JSON object a line. Everything it is given goes through the scrubber before pino sees it, so
 * no caller can forget to redact.
 */
export function createLog(options: LogOptions): ProcessLog {
  const stream = options.destination ?? openStdout();
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
  return new RedactingLog(logger, stream, createRedactor(options.secrets), {});
}

/** Most lines tell of runs that ended, and a busy gateway has thousands of them a second. */
const flushAfterMs = 20;
const flushAtLength = 4096;

/** Gathers lines for a moment; the last ones before an exit explain it, so what is there is written then. */
function openStdout(): LineSink {
  // Gathered here, because pino's own buffer waits forever when the other end of a pipe is not read.
  const stdout = destination({ dest: 1, sync: true });
  let lines = '';
  let timer: NodeJS.Timeout | null = null;
  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const gathered = lines;
    lines = '';
    if (gathered !== '') stdout.write(gathered);
  };
  process.once('exit', flush);
  return {
    flush,
    write: (line) => {
      lines += line;
      if (lines.length >= flushAtLength) flush();
      else timer ??= setTimeout(flush, flushAfterMs);
    },
  };
}

class RedactingLog implements ProcessLog {
  readonly #logger: Logger;
  readonly #sink: LineSink;
  readonly #redactor: LogRedactor;
  /** As it was given: a live run has a log of its own, and most of them never write a line. */
  readonly #bound: Fields;

  constructor(logger: Logger, sink: LineSink, redactor: LogRedactor, bound: Fields) {
    this.#logger = logger;
    this.#sink = sink;
    this.#redactor = redactor;
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

  flush(): void {
    this.#sink.flush?.();
  }

  child(fields: Fields): Log {
    return new RedactingLog(this.#logger, this.#sink, this.#redactor, { ...this.#bound, ...fields });
  }

  #write(level: Level, fields: Fields, message: string): void {
    if (!this.#logger.isLevelEnabled(level)) return;
    const clean = this.#redactor.value({ ...this.#bound, ...fields });
    this.#logger[level](Object(clean), this.#redactor.text(message));
    // What may explain an end that comes at once, a kill too.
    if (level === 'warn' || level === 'error') this.flush();
  }
}
