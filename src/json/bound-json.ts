import type { Json } from '../contract/domain/json.ts';
import { boundText } from './bound-text.ts';
import { isExactNumber } from './exact-number.ts';
import { isJsonObject } from './json-object.ts';
import { measureJson } from './measure-json.ts';

/** What is smaller is written at once to see how long it is. */
const wholeBounds = { maxNodes: 2000, maxChars: 16_384 };
/** Left for what names a cut. */
const leastLeft = 64;

/** Bytes that are left, taken from as a value is built. */
export type JsonBudget = { leftBytes: number };

/**
 * The value, or as much of it as fits into the budget, as JSON in UTF-8: long texts are cut with their length named, and of
 * lists and objects the first members are kept, with a note of how many are not.
 */
export function boundJson(value: Json, budget: JsonBudget): Json {
  if (measureJson(value, wholeBounds) !== null) {
    const bytes = bytesOf(value);
    if (bytes <= budget.leftBytes) {
      budget.leftBytes -= bytes;
      return value;
    }
  }
  if (typeof value === 'string') return take(boundString(value, budget.leftBytes), budget);
  if (Array.isArray(value)) return boundArray(value, budget);
  if (isJsonObject(value)) return boundObject(value, budget);
  return isExactNumber(value) ? take(boundString(value.source, budget.leftBytes), budget) : take(value, budget);
}

function boundString(text: string, leftBytes: number): string {
  let length = Math.max(0, Math.min(text.length, leftBytes) - leastLeft);
  while (length > 0 && bytesOf(text.slice(0, length)) > leftBytes - leastLeft) length = Math.floor(length * 0.7);
  return boundText(text, length);
}

function boundArray(items: readonly Json[], budget: JsonBudget): Json {
  const kept: Json[] = [];
  budget.leftBytes -= 2;
  for (const item of items) {
    if (budget.leftBytes < leastLeft * 2) return [...kept, take(`… (${items.length - kept.length} more)`, budget)];
    budget.leftBytes -= 1;
    kept.push(boundJson(item, budget));
  }
  return kept;
}

function boundObject(object: { readonly [name: string]: Json }, budget: JsonBudget): Json {
  const entries = Object.entries(object);
  const kept: [string, Json][] = [];
  budget.leftBytes -= 2;
  for (const [name, member] of entries) {
    const nameBytes = name.length > budget.leftBytes ? Number.POSITIVE_INFINITY : bytesOf(name) + 2;
    if (budget.leftBytes < nameBytes + leastLeft * 2) {
      kept.push(['…', take(`${entries.length - kept.length} more`, budget)]);
      break;
    }
    budget.leftBytes -= nameBytes;
    kept.push([name, boundJson(member, budget)]);
  }
  return Object.fromEntries(kept);
}

function take<T extends Json>(value: T, budget: JsonBudget): T {
  budget.leftBytes -= bytesOf(value);
  return value;
}

function bytesOf(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value));
}
