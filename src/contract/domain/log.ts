import type { Json } from './json.ts';

type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** Structured log, as pino has it: fields first, then a constant message. */
export interface Log {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  child(fields: Readonly<Record<string, unknown>>): Log;
}

/** Removes known secrets from what leaves the process or enters it. */
export interface Redactor {
  /** Replaces every secret in a text. */
  text(text: string): string;
  /** Replaces every secret in a payload and keeps the rest unchanged; `source` is the text it was parsed from. */
  json(payload: Json, source: string): Json;
}

/** Counters are named in one table, `observability/metrics.ts`; a room counts by name. */
export interface Metrics {
  count(name: string, labels?: Readonly<Record<string, string>>): void;
}
