import type { ExactNumber, Json } from '../contract/domain/json.ts';
import { normalizeDecimal } from './decimal.ts';
import { scanJson } from './scan-json.ts';

/** Of Node 22 and later, and of no library of TypeScript yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown;
const revive = JSON.parse as (text: string, reviver: Reviver) => Json;

class Exact implements ExactNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
    Object.freeze(this);
  }

  toJSON(): unknown {
    return rawJSON(this.source);
  }
}

export function isExactNumber(value: unknown): value is ExactNumber {
  return value instanceof Exact;
}

/**
 * JSON.parse for every text that holds somebody's data. Numbers that JSON.stringify would not write with the same value
 * become {@link ExactNumber}s; a text without one is parsed once, as always. Throws SyntaxError.
 */
export function readJson(text: string): Json {
  const value = JSON.parse(text) as Json;
  return scanJson(text, Number.POSITIVE_INFINITY).holdsDelicateNumber ? reviveExactNumbers(text) : value;
}

/** Parses valid JSON a second, slower way. It is recursive: the text must not be nested too deeply. */
export function reviveExactNumbers(text: string): Json {
  return revive(text, (_key, value, { source }) => {
    if (typeof value !== 'number' || source === undefined || survives(value, source)) return value;
    return new Exact(source);
  });
}

function survives(value: number, source: string): boolean {
  const written = String(value);
  if (written === source) return true;
  if (!Number.isFinite(value) || Object.is(value, -0)) return false;
  return normalizeDecimal(written) === normalizeDecimal(source);
}
