import { parseSliced, stringifySliced } from '../compute/sliced-json.ts';
import { sliceChars } from '../compute/slices.ts';
import type { RunEvent } from '../contract/domain/event.ts';
import type { Json } from '../contract/domain/json.ts';
import type { Run } from '../contract/domain/run.ts';
import { readJson } from '../json/exact-number.ts';
import { measureJson } from '../json/measure-json.ts';

/** JSON.stringify writes this much in a millisecond or two. */
const bounds = { maxNodes: 4000, maxChars: 1_048_576 };

/** JSON of large parts of a write, by the part: written in slices before the write is put together. */
export type LargeTexts = ReadonlyMap<object, string>;

/** The texts of the large parts of a run and its new events; null where there are none, as nearly always. */
export function writeLarge(
  run: Run,
  events: readonly RunEvent[],
  { isNew }: { readonly isNew: boolean },
): Promise<LargeTexts> | null {
  const parts: object[] = [];
  const add = (part: object | null): void => {
    if (part !== null && measureJson(part, bounds) === null) parts.push(part);
  };
  // An update leaves the request as it is.
  if (isNew) add(run.request);
  add(run.outcome);
  // What an end says is said by the run.
  for (const { change } of events) if (change !== run.outcome) add(change);
  return parts.length === 0 ? null : writeAll(parts);
}

async function writeAll(parts: readonly object[]): Promise<LargeTexts> {
  const texts = new Map<object, string>();
  // Undefined members are left out, as JSON.stringify does.
  for (const part of parts) texts.set(part, await stringifySliced(part as Json));
  return texts;
}

export function textOf(part: object | null, texts: LargeTexts | null): string {
  return (part === null ? undefined : texts?.get(part)) ?? JSON.stringify(part);
}

/** Parses what is small at once, and anything else in slices. Throws what JSON.parse throws, or rejects with it. */
export function parseLarge(text: string): Json | Promise<Json> {
  return text.length <= sliceChars ? readJson(text) : parseSliced(text);
}
