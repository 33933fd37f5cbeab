import bourne from '@hapi/bourne';
import type { Json } from '../contract/domain/json.ts';
import { reviveExactNumbers } from './exact-number.ts';
import { scanJson } from './scan-json.ts';

export type JsonRules = {
  /** How deep objects and arrays may stand inside one another: what works on them later is recursive. */
  readonly maxDepth: number;
  /**
   * A key `__proto__` can change what objects are, in whatever copies them later. A client's is refused; a vendor's is
   * kept, because what a vendor answers passes unchanged and is never merged into another object.
   */
  readonly protoKeys: 'refuse' | 'keep';
};

export type ParsedJson =
  | { readonly kind: 'json'; readonly value: Json }
  /** Not JSON; `position` is where parsing stopped, counted from 0, where the parser reports it. */
  | { readonly kind: 'malformed'; readonly position: number | null }
  | { readonly kind: 'proto-key' }
  | { readonly kind: 'too-deep' };

/** The whole message of bourne's error, since a parser's message may quote any word of the text. */
const forbiddenKey = 'Object contains forbidden prototype property';

/**
 * Parses JSON text from outside the process: a client's body or message, a vendor's answer. Never throws. Numbers
 * that a double cannot hold stay as they came, see {@link ExactNumber}. The parser's
 * own error is dropped: it quotes the text, which belongs neither in an answer nor in the log.
 */
export function parseJson(text: string, { maxDepth, protoKeys }: JsonRules): ParsedJson {
  let value: Json;
  try {
    value = protoKeys === 'keep' ? JSON.parse(text) : bourne.parse(text);
  } catch (fault) {
    const message = fault instanceof Error ? fault.message : '';
    if (message === forbiddenKey) return { kind: 'proto-key' };
    const position = /position (\d+)/.exec(message)?.[1];
    return { kind: 'malformed', position: position === undefined ? null : Number(position) };
  }
  const { isTooDeep, holdsDelicateNumber } = scanJson(text, maxDepth);
  if (isTooDeep) return { kind: 'too-deep' };
  return { kind: 'json', value: holdsDelicateNumber ? reviveExactNumbers(text) : value };
}
