import type { Json } from '../contract/domain/json.ts';
import { isJsonObject } from './json-object.ts';

/** JSON with sorted keys and no white space: equal values give equal texts, whatever order a vendor wrote them in. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`);
  return `{${members.join(',')}}`;
}
