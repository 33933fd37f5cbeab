import { parseJsonSliced } from '../compute/sliced-json.ts';
import type { AnswerEvents } from '../contract/adapter/http.ts';
import type { Json } from '../contract/domain/json.ts';
import { decodeText } from '../json/decode-text.ts';
import type { JsonRules, ParsedJson } from '../json/parse-json.ts';
import { isEventStream, readEvents } from './event-stream.ts';
import type { AnswerHeaders } from './retry-after.ts';

/** Deeper values would overflow the stack in recursive walks and in JSON.stringify. */
export const answerRules: JsonRules = { maxDepth: 512, protoKeys: 'keep' };

export type ParsedAnswer =
  | { readonly kind: 'json'; readonly value: Json; readonly text: string }
  | { readonly kind: 'empty' }
  /** `text` is null where it is not text. */
  | { readonly kind: 'malformed'; readonly text: string | null; readonly message: string };

/**
 * Reads the body of an answer: text in the charset that it declares, which is one JSON value or nothing, or a stream of
 * events where the call takes one; a promise where it is large or a stream.
 */
export function parseAnswer(
  bytes: Uint8Array,
  headers: AnswerHeaders,
  events: AnswerEvents | undefined,
): ParsedAnswer | Promise<ParsedAnswer> {
  const type = headers['content-type'];
  const decoded = decodeText(bytes, typeof type === 'string' ? type : type?.[0]);
  if (decoded.kind === 'unknown-charset') {
    return { kind: 'malformed', text: null, message: "the vendor's answer declares a charset that is not known" };
  }
  if (decoded.kind === 'invalid') {
    const message = `the vendor's answer has bytes that are not ${decoded.charset.toUpperCase()}`;
    return { kind: 'malformed', text: null, message };
  }
  const { text } = decoded;
  if (text.trim() === '') return { kind: 'empty' };
  if (events !== undefined && isEventStream(headers)) return parseStream(text, events);
  const parsed = parseJsonSliced(text, answerRules);
  return parsed instanceof Promise ? parsed.then((large) => judge(large, text)) : judge(parsed, text);
}

async function parseStream(text: string, events: AnswerEvents): Promise<ParsedAnswer> {
  const read = await readEvents(text, events, answerRules);
  return judge(read.kind === 'events' ? { kind: 'json', value: { events: read.events } } : read, text);
}

function judge(parsed: ParsedJson, text: string): ParsedAnswer {
  if (parsed.kind === 'json') return { kind: 'json', value: parsed.value, text };
  const what = parsed.kind === 'too-deep' ? 'nested too deeply' : 'not JSON';
  return { kind: 'malformed', text, message: `the vendor's answer is ${what}` };
}
