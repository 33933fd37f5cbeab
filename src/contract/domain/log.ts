type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** Structured log, as pino has it: fields first, then a constant message. */
export interface Log {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  child(fields: Readonly<Record<string, unknown>>): Log;
}

/** Counters are named in one table, `observe/metrics.ts`; a room counts by name. */
export interface Metrics {
  count(name: string, labels?: Readonly<Record<string, string>>): void;
}
