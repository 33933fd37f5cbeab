import type { Json } from '../contract/domain/json.ts';
import { normalizeDecimal } from './decimal.ts';
import { isExactNumber } from './exact-number.ts';
import { isJsonObject } from './json-object.ts';

/**
 * JSON with sorted keys and no white space: equal values give equal texts, whatever order a vendor wrote their members
 * in, and whatever way a number was written.
 */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  // As a double, -0 is 0 in every comparison and in JSON.
  if (isExactNumber(value))
    return Number(value.source) === 0 && /^[-0.]+(e|$)/i.test(value.source) ? '0' : normalizeDecimal(value.source);
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`);
  return `{${members.join(',')}}`;
}
