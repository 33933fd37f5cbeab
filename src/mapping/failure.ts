import type { Observation } from '../contract/adapter/adapter.ts';
import { errcodes as gatewayErrcodes } from '../contract/domain/errcodes.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { boundText, maxDescriptionLength, maxWordLength } from '../json/bound-text.ts';
import { isExactNumber } from '../json/exact-number.ts';
import { findReason } from '../json/find-reason.ts';
import { isJsonObject } from '../json/json-object.ts';

/** From a vendor's word to `RunOutput.errcode`; `default` for all others. */
export type ErrcodeTable = ReadonlyMap<string, number>;

type Failure = { readonly errcode: number; readonly description: string };

/**
 * Reads what an `error` expression gave: a description, or `{code, errcode, description}` with all of them
 * optional. `code` is a vendor's word, or a list of words from the most to the least specific. Where the expression found
 * no words, the vendor's are looked for under the usual members of its run.
 */
export function readFailure(value: Json | undefined, table: ErrcodeTable, { status, raw }: Observation): Failure {
  const given: JsonObject = isJsonObject(value) ? value : { description: value ?? null };
  return {
    errcode: isInteger(given.errcode) ? given.errcode : lookUp(given.code, table),
    description: boundText(
      describe(given.description) ??
        findWords(raw) ??
        `the vendor ended the run as "${wordOf(status)}" and gave no reason`,
      maxDescriptionLength,
    ),
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
  const words = findReason(value);
  if (words !== null) return words;
  const isEmpty = typeof value === 'string' || (typeof value === 'object' && Object.keys(value).length === 0);
  return isEmpty ? undefined : JSON.stringify(value);
}

/** Not from a bare value: only members with a telling name hold a reason. */
function findWords(raw: Json): string | undefined {
  return isJsonObject(raw) ? (findReason(raw) ?? undefined) : undefined;
}

function wordOf(status: string): string {
  return boundText(status, maxWordLength);
}
