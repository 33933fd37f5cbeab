import type { Json, JsonObject } from '../contract/domain/json.ts';
import { boundJson, type JsonBudget } from '../json/bound-json.ts';
import { isJsonObject } from '../json/json-object.ts';

/** What is kept of a vendor's terminal answer, as JSON. The ids of the run come in addition. */
export const maxVendorBytes = 14_336;

/** For mappings of vendors that say nothing else: where most vendors have ids, times and reasons. */
export const usualVendorPaths: readonly string[] = [
  ...[
    'id',
    'runId',
    'run_id',
    'status',
    'code',
    'category',
    'correlationId',
    'correlation_id',
    'requestId',
    'request_id',
  ],
  ...['error', 'errors', 'reason', 'message', 'details', 'docUrl', 'doc_url'],
];

/** The members of a vendor's run at these dotted paths, in the shape that they have there, within the bound. */
export function pickVendorWords(raw: Json, paths: readonly string[]): JsonObject {
  const picked: Record<string, Json> = {};
  const budget: JsonBudget = { leftBytes: maxVendorBytes };
  for (const path of paths) {
    const names = path.split('.');
    const value = names.reduce<Json | undefined>(memberOf, raw);
    if (value === undefined || value === null || budget.leftBytes < 128) continue;
    budget.leftBytes -= path.length + 6;
    put(picked, names, boundJson(value, budget));
  }
  return picked;
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  return value !== undefined && isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function put(target: Record<string, Json>, [name = '', ...rest]: readonly string[], value: Json): void {
  const inner = Object.hasOwn(target, name) ? target[name] : undefined;
  const next = rest.length === 0 ? value : { ...(inner !== undefined && isJsonObject(inner) ? inner : {}) };
  if (rest.length > 0) put(next as Record<string, Json>, rest, value);
  Object.defineProperty(target, name, { value: next, enumerable: true, writable: true, configurable: true });
}
