/** Any value that JSON can carry, as parsed. */
export type Json = null | boolean | number | string | ExactNumber | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json };

/**
 * A number that would change as a double: `9007199254740993`, `1e400`, `-0`. JSON.stringify writes it as it came, see
 * docs/concepts.md. `src/json/exact-number.ts` makes them and tells them from objects.
 */
export interface ExactNumber {
  /** The number as it was written. */
  readonly source: string;
  toJSON(): unknown;
}
