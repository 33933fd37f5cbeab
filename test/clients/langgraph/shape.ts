import type { Json } from '../../../src/contract/domain/json.ts';
import { isJsonObject } from '../../../src/json/json-object.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:\.\d+)?$/i;
const hash = /^[0-9a-f]{32}$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;

/**
 * Where an answer differs from the reference in its members, their types and the values that are not made up by a server: paths
 * such as `[0].metadata.step`, and what stands there and here.
 */
export function compareAnswers(there: Json, here: Json, path = ''): readonly string[] {
  if (Array.isArray(there) && Array.isArray(here)) return compareLists(there, here, path);
  if (isJsonObject(there) && isJsonObject(here)) return compareObjects(there, here, path);
  const [wanted, seen] = [typeOf(there), typeOf(here)];
  if (wanted !== seen) return [`${path || '.'}: ${wanted} there, ${seen} here`];
  if (isMadeUp(there) && isMadeUp(here)) return [];
  return there === here ? [] : [`${path || '.'}: ${show(there)} there, ${show(here)} here`];
}

function compareLists(there: readonly Json[], here: readonly Json[], path: string): readonly string[] {
  const found = there
    .slice(0, here.length)
    .flatMap((item, at) => compareAnswers(item, here[at] ?? null, `${path}[${at}]`));
  return there.length === here.length ? found : [`${path}[]: ${there.length} there, ${here.length} here`, ...found];
}

function compareObjects(
  there: Readonly<Record<string, Json>>,
  here: Readonly<Record<string, Json>>,
  path: string,
): readonly string[] {
  const [wanted, seen] = [membersOf(there), membersOf(here)];
  return [...new Set([...wanted.keys(), ...seen.keys()])].flatMap((name) => {
    const own = `${path}.${name}`;
    const [left, right] = [wanted.get(name), seen.get(name)];
    if (left === undefined) return [`${own}: only here`];
    return right === undefined ? [`${own}: only there`] : compareAnswers(left, right, own);
  });
}

/** Objects that are keyed by ids are compared whatever the ids are. */
function membersOf(value: Readonly<Record<string, Json>>): ReadonlyMap<string, Json> {
  return new Map(Object.entries(value).map(([name, inner]) => [isId(name) ? '*' : name, inner]));
}

function isId(text: string): boolean {
  return uuid.test(text) || hash.test(text);
}

/** What every server makes up for itself: ids, times. */
function isMadeUp(value: Json): boolean {
  return typeof value === 'string' && (isId(value) || time.test(value));
}

function typeOf(value: Json): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}

function show(value: Json): string {
  return JSON.stringify(value).slice(0, 60);
}
