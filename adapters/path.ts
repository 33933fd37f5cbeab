import { z } from 'zod';

/** A name or id that becomes one part of a path. Dots alone would climb out of it, percent-encoded or not. */
export const pathPart = z
  .string()
  .min(1)
  .max(500)
  .refine((part) => part !== '.' && part !== '..', 'must not be dots only')
  .refine((part) => part.trim() === part, 'must not begin or end with white space')
  .refine((part) => part.isWellFormed() && !/\p{Cc}/u.test(part), 'must not contain control characters');

/** A header's value: HTTP takes visible ASCII without quarrel. */
export const headerValue = z.string().regex(/^[\x21-\x7e]+$/, 'must be visible ASCII without spaces');

/** A path of these parts, and its query. */
export function writePath(
  parts: readonly string[],
  query: readonly (readonly [name: string, value: string])[],
): string {
  const path = parts.map((part) => `/${encodeURIComponent(part.toWellFormed())}`).join('');
  return query.length === 0 ? path : `${path}?${new URLSearchParams(query.map(([name, value]) => [name, value]))}`;
}

/** Templates as they were read: text and the names of parts take turns. They come from adapters and configs, which are few. */
const pieces = new Map<string, readonly string[]>();

/** Puts parts in the place of `{name}`, percent-encoded; throws `TypeError` for a name without a part. */
export function fillPath(template: string, parts: Readonly<Record<string, string | undefined>>): string {
  let read = pieces.get(template);
  if (read === undefined) {
    read = template.split(/\{(\w+)\}/);
    pieces.set(template, read);
  }
  let path = read[0] ?? '';
  for (let at = 1; at < read.length; at += 2) {
    const part = parts[read[at] ?? ''];
    if (part === undefined) throw new TypeError(`the path ${template} needs a ${read[at]}`);
    path += encodeURIComponent(part.toWellFormed()) + (read[at + 1] ?? '');
  }
  return path;
}
