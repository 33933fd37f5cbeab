import type { Json } from './json.ts';
import type { TraceContext } from './trace.ts';

type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** Structured log, as pino has it: fields first, then a constant message. */
export interface Log {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  child(fields: Readonly<Record<string, unknown>>): Log;
}

/** Lets the log of this process say more for a while, whatever its level. */
export interface Verbosity {
  /** `runId` null: all of it. `forMs` 0: as its level says again. A process that ends forgets it. */
  raise(scope: { readonly runId: string | null; readonly forMs: number }): void;
}

/** Removes known secrets from what leaves the process or enters it. */
export interface Redactor {
  /** Replaces every secret in a text. */
  text(text: string): string;
  /** Replaces every secret in a payload and keeps the rest unchanged; `source` is the text it was parsed from. */
  json(payload: Json, source: string): Json;
}

/** Metrics are named in one table, `observability/metric-tables.ts`; a room counts by name. Never throws. */
export interface Metrics {
  count(name: string, labels?: Readonly<Record<string, string>>): void;
  /** Adds a value to a histogram; `trace` becomes its exemplar. */
  observe(name: string, value: number, labels?: Readonly<Record<string, string>>, trace?: TraceContext): void;
}
