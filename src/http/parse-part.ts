import type { z } from 'zod';
import { GatewayError } from '../contract/domain/errors.ts';
import { findNearest } from '../validation/nearest-word.ts';
import { jsonWords, parsePlainly } from '../validation/zod-issues.ts';

/** What a client makes up as a name is sent back, so it is kept short. */
const maxName = 100;

/** Parses a part of a request; throws `invalid_request`, which names the place and what is wrong there. */
export function parsePart<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = parsePlainly(schema, value, jsonWords);
  if (parsed.ok) return parsed.value;
  const [issue] = parsed.issues;
  if (issue === undefined) throw new GatewayError('invalid_request');
  const { path, message, given, known } = issue;
  const nearest = given === undefined ? undefined : findNearest(given.slice(0, maxName), known);
  const said = nearest === undefined ? message : `${message}; did you mean "${nearest}"?`;
  // Only a body can be wrong as a whole: parameters come one by one.
  if (path.length === 0) throw new GatewayError('invalid_request', { detail: `the body ${said}` });
  const place = path.map((part) => String(part).slice(0, maxName)).join('/');
  throw new GatewayError('invalid_request', { path: place, detail: said });
}
