import { errcodes as gatewayErrcodes } from '../contract/domain/errcodes.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isExactNumber } from '../json/exact-number.ts';
import { isJsonObject } from '../json/json-object.ts';

/** From a vendor's word to `RunOutput.errcode`; `default` for all others. */
export type ErrcodeTable = ReadonlyMap<string, number>;

type Failure = { readonly errcode: number; readonly description: string };

/**
 * Reads what an `error` expression gave: a description, or `{code, errcode, description}` with all of them
 * optional. `code` is a vendor's word, or a list of words from the most to the least specific.
 */
export function readFailure(value: Json | undefined, table: ErrcodeTable, vendorStatus: string): Failure {
  const given: JsonObject = isJsonObject(value) ? value : { description: value ?? null };
  return {
    errcode: isInteger(given.errcode) ? given.errcode : lookUp(given.code, table),
    description: describe(given.description) ?? `the vendor ended the run as "${vendorStatus}" and gave no reason`,
  };
}

function isInteger(value: Json | undefined): value is number {
  return Number.isSafeInteger(value);
}

function lookUp(code: Json | undefined, table: ErrcodeTable): number {
  for (const word of Array.isArray(code) ? code : [code]) {
    const named = isExactNumber(word) ? word.source : word;
    const errcode = typeof named === 'string' || typeof named === 'number' ? table.get(String(named)) : undefined;
    if (errcode !== undefined) return errcode;
  }
  return table.get('default') ?? gatewayErrcodes.vendorFailed;
}

function describe(value: Json | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.trim() === '' ? undefined : text;
}
