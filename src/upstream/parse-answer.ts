import type { Json } from '../contract/domain/json.ts';
import { parseJson } from '../json/parse-json.ts';

/** Deeper values would overflow the stack in recursive walks and in JSON.stringify. */
const maxDepth = 512;
const utf8 = new TextDecoder();

export type ParsedAnswer =
  | { readonly kind: 'json'; readonly value: Json; readonly text: string }
  | { readonly kind: 'empty' }
  | { readonly kind: 'malformed'; readonly text: string; readonly message: string };

/** Reads the body of an answer: UTF-8, with or without a byte order mark, one JSON value or nothing. */
export function parseAnswer(bytes: Uint8Array): ParsedAnswer {
  const text = utf8.decode(bytes);
  if (text.trim() === '') return { kind: 'empty' };
  const parsed = parseJson(text, { maxDepth, protoKeys: 'keep' });
  if (parsed.kind === 'json') return { kind: 'json', value: parsed.value, text };
  const what = parsed.kind === 'too-deep' ? 'nested too deeply' : 'not JSON';
  return { kind: 'malformed', text, message: `the vendor's answer is ${what}` };
}
