import type { Json } from '../contract/domain/json.ts';
import { isExactNumber } from './exact-number.ts';
import { isJsonObject } from './json-object.ts';

/** Members that hold why something failed, wherever they are, from the most telling to the least. */
const tellingMembers = [
  ...['error', 'errors', 'message', 'detail', 'details', 'reason', 'cause', 'exception', 'failure', 'fault'],
  ...['error_description', 'error_message', 'errorMessage', 'msg'],
];
/** Members that do so only inside of one of those: a run may have a title or a code of its own. */
const nestedMembers = [...tellingMembers, 'description', 'text', 'title', 'summary', 'code', 'type', 'name'];
const maxDepth = 5;
const maxReasons = 3;

/**
 * A vendor's own words for a failure: finds the text in whatever form and under whichever usual member it stands, such as
 * `"…"`, `{message}`, `{detail: […]}` or `{errors: [{reason: {text}}]}`. Null where there are none.
 */
export function findReason(value: Json | undefined): string | null {
  return reasonIn(value, 0);
}

function reasonIn(value: Json | undefined, depth: number): string | null {
  if (typeof value === 'string') return value.trim() === '' ? null : value;
  if (typeof value === 'number') return String(value);
  if (isExactNumber(value)) return value.source;
  if (depth > maxDepth) return null;
  if (Array.isArray(value)) {
    const reasons = value.slice(0, maxReasons).map((each: Json) => reasonIn(each, depth + 1));
    const found = [...new Set(reasons.filter((each) => each !== null))];
    return found.length === 0 ? null : found.join('; ');
  }
  if (!isJsonObject(value)) return null;
  for (const name of depth === 0 ? tellingMembers : nestedMembers) {
    const found = Object.hasOwn(value, name) ? reasonIn(value[name], depth + 1) : null;
    if (found !== null) return found;
  }
  return null;
}
