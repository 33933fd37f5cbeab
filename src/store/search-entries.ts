import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { canonicalJson } from '../json/canonical-json.ts';

// PostgreSQL refuses index entries of more than a few kilobytes; longer ones are compared by hash.
const maxEntryLength = 256;

/**
 * One text per member; two texts are equal exactly when key and value are, whatever the order of keys inside. A text holds
 * no raw control character, since JSON escapes them all.
 */
export function listEntries(metadata: JsonObject | undefined): readonly string[] {
  return Object.entries(metadata ?? {}).map(([key, value]) => formatEntry(key, value));
}

/** One entry a line, with a line feed before, between and after, for a search within the text; null without entries. */
export function formatLines(entries: readonly string[]): string | null {
  return entries.length === 0 ? null : `\n${entries.join('\n')}\n`;
}

function formatEntry(key: string, value: Json): string {
  const entry = `${JSON.stringify(key)}:${canonicalJson(value)}`;
  if (entry.length <= maxEntryLength) return entry;
  // A short entry begins with a quote, so that no client's value can pass for a hash.
  return `sha256:${createHash('sha256').update(entry).digest('hex')}`;
}
