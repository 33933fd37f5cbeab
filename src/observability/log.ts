import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { Log, Verbosity } from '../contract/domain/log.ts';
import { createRedactor, type LogRedactor } from './redaction.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export type LogOptions = {
  readonly level: LogLevel;
  /** Values that must never leave the process. */
  readonly secrets: readonly string[];
  /** Takes whole lines. Default: standard output. */
  readonly destination?: LineSink | undefined;
  /** A clock that is never set back. */
  readonly monotonicMs?: (() => number) | undefined;
};

/** `flush` writes what was gathered. */
export type LineSink = { write(line: string): void; flush?(): void };

/** The log of a process. Lines are gathered for a moment: call `flush` before printing anything past the log. */
export type ProcessLog = Log &
  Verbosity & {
    flush(): void;
    /** Goes on with the settings of another config, in its children too. Secrets of earlier ones stay out of every line. */
    adopt(options: Pick<LogOptions, 'level' | 'secrets'>): void;
  };

type Fields = Readonly<Record<string, unknown>>;
type Level = Exclude<LogLevel, 'silent'>;

/**
 * Creates a log that writes one JSON object a line. All fields and messages pass the redactor before pino sees them, so
 * no caller can forget to redact.
 */
export function createLog(options: LogOptions): ProcessLog {
  const stream = options.destination ?? openStdout();
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      // The redactor has made plain data of errors; pino's own serializer would take it for an error again.
      serializers: { err: (value: unknown) => value },
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return new RedactingLog(
    {
      ...{ logger, sink: stream, secrets: options.secrets, redactor: createRedactor(options.secrets) },
      // Writes whatever it is given: what is written is decided before.
      everything: logger.child({}, { level: 'debug' }),
      debugUntil: new Map(),
      monotonicMs: options.monotonicMs ?? (() => performance.now()),
    },
    {},
  );
}

/** Most lines report the end of a run, and a busy gateway has thousands of them a second. */
const flushAfterMs = 20;
const flushAtLength = 4096;

/** Gathers lines for a moment. The last lines explain an exit, so they are written before it. */
function openStdout(): LineSink {
  // Gathered here because pino's own buffer waits forever for a pipe that is not read.
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

/** Standard output for people: a line each, with colours on a terminal. What renders them is loaded where it is asked for. */
export async function openPrettyLines(): Promise<LineSink> {
  const { prettyFactory } = await import('pino-pretty');
  const render = prettyFactory({
    colorize: process.stdout.hasColors?.() ?? false,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  });
  return { write: (line) => void process.stdout.write(render(JSON.parse(line))) };
}

/** Runs that are logged whole at the same time; the first is left out for a further one. */
const maxDebugged = 100;
/** Those of configs long gone are left out in the end. */
const maxSecrets = 10_000;

/** What a log and its children share. */
type Output = {
  readonly logger: Logger;
  readonly sink: LineSink;
  readonly everything: Logger;
  /** Until when which runs are logged whole; under `null` everything. Empty but for minutes of a bad night. */
  readonly debugUntil: Map<string | null, number>;
  readonly monotonicMs: () => number;
  secrets: readonly string[];
  redactor: LogRedactor;
};

class RedactingLog implements ProcessLog {
  readonly #output: Output;
  /** Merged only when a line is written: every live run has a log of its own, and most write no line. */
  readonly #bound: Fields;

  constructor(output: Output, bound: Fields) {
    this.#output = output;
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
    this.#output.sink.flush?.();
  }

  adopt({ level, secrets }: Pick<LogOptions, 'level' | 'secrets'>): void {
    const output = this.#output;
    output.logger.level = level;
    output.secrets = [...new Set([...output.secrets, ...secrets])].slice(-maxSecrets);
    output.redactor = createRedactor(output.secrets);
  }

  raise({ runId, forMs }: Parameters<Verbosity['raise']>[0]): void {
    const { debugUntil, monotonicMs } = this.#output;
    debugUntil.delete(runId);
    if (forMs === 0) return;
    const [oldest] = debugUntil.keys();
    if (debugUntil.size >= maxDebugged && oldest !== undefined) debugUntil.delete(oldest);
    debugUntil.set(runId, monotonicMs() + forMs);
  }

  child(fields: Fields): Log {
    return new RedactingLog(this.#output, { ...this.#bound, ...fields });
  }

  #write(level: Level, fields: Fields, message: string): void {
    const { logger, redactor, everything } = this.#output;
    const isUsual = logger.isLevelEnabled(level);
    if (!isUsual && !this.#isDebugged(fields)) return;
    const clean = redactor.value({ ...this.#bound, ...fields });
    (isUsual ? logger : everything)[level](Object(clean), redactor.text(message));
    // May explain an end that follows at once, even a kill.
    if (level === 'warn' || level === 'error') this.flush();
  }

  #isDebugged({ run_id: own = this.#bound.run_id }: Fields): boolean {
    const { debugUntil, monotonicMs } = this.#output;
    if (debugUntil.size === 0) return false;
    const nowMs = monotonicMs();
    for (const [runId, untilMs] of debugUntil) if (untilMs <= nowMs) debugUntil.delete(runId);
    return debugUntil.has(null) || (typeof own === 'string' && debugUntil.has(own));
  }
}
