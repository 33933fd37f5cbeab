import type jsonata from 'jsonata';
import type { Json } from '../contract/domain/json.ts';
import { parseJson } from '../json/parse-json.ts';

/** JSON in a text may be nested this deep: what an expression gives is copied by recursion. */
const maxDepth = 100;

/**
 * Gives an expression `$parseJson`, for vendors that put JSON into a text. A text that is not JSON has no value; what is no
 * text passes unchanged. Unlike `$eval` it runs nothing.
 */
export function addParseJson(program: jsonata.Expression): void {
  program.registerFunction('parseJson', (value: unknown) => (typeof value === 'string' ? parse(value) : value));
}

/** Throws `RangeError` for what is nested too deep. */
function parse(text: string): Json | undefined {
  const parsed = parseJson(text, { maxDepth, protoKeys: 'keep' });
  if (parsed.kind === 'too-deep') throw new RangeError(`JSON that is nested deeper than ${maxDepth} levels`);
  return parsed.kind === 'json' ? parsed.value : undefined;
}
