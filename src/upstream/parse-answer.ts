import type { Json } from '../contract/domain/json.ts';

/** Deeper values overflow the stack of whoever walks or writes them later. */
const deepest = 512;
const utf8 = new TextDecoder();

export type ParsedAnswer =
  | { readonly kind: 'json'; readonly value: Json; readonly text: string }
  | { readonly kind: 'empty' }
  | { readonly kind: 'malformed'; readonly text: string; readonly message: string };

/** Reads the body of an answer: UTF-8, with or without a byte order mark, one JSON value or nothing. */
export function parseAnswer(bytes: Uint8Array): ParsedAnswer {
  const text = utf8.decode(bytes);
  if (text.trim() === '') return { kind: 'empty' };
  if (isTooDeep(text)) return { kind: 'malformed', text, message: "the vendor's answer is nested too deeply" };
  try {
    return { kind: 'json', value: JSON.parse(text) as Json, text };
  } catch {
    return { kind: 'malformed', text, message: "the vendor's answer is not JSON" };
  }
}

function isTooDeep(text: string): boolean {
  if (text.length <= deepest) return false;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at += 1;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > deepest) return true;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return false;
}
